import Events

/// Says before an attempt whether consent has to be looked at again.
///
/// It reads as it did when the event was stored as long as the same pipeline decides and nothing
/// that is stored about the person has changed. The watch remembers who has changed since.
struct ConsentWatch {
    /// Identifiers that are remembered; with more, the watch has to begin anew.
    static let identifiersMax = 16_384

    /// Events after this one were decided by the present pipeline; later changes are remembered.
    private var since = EventID(number: .max)
    private var changed: Set<IdentityKey> = []

    /// Begins anew: events up to this one are looked at again.
    mutating func restart(after event: EventID) {
        since = event
        changed = []
    }

    /// Remembers that something stored about this person changes.
    mutating func personChanged(_ key: IdentityKey) { changed.insert(key) }

    /// True when more have changed than the watch may remember.
    var isFull: Bool { changed.count > Self.identifiersMax }

    /// False when the decision about this event must come out as it did.
    func mayDiffer(_ event: EventID, for identity: Identity) -> Bool {
        event <= since
            || !changed.isEmpty && identity.keys.contains { changed.contains($0) }
    }
}
