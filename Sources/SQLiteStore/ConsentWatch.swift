import Events

/// Whether consent has to be looked at again before an attempt, or must read as it did when the
/// event was stored: the same pipeline decides, and nothing that is stored about its person has
/// changed.
struct ConsentWatch {
    /// Identifiers that are remembered; with more, the watch has to begin anew.
    static let most = 16_384

    /// Later events were decided by the pipeline of now, and who has changed since is known.
    private var since = EventID(number: .max)
    private var changed: Set<IdentityKey> = []

    /// Begins anew: what was stored up to this event is looked at again.
    mutating func restart(after event: EventID) {
        since = event
        changed = []
    }

    /// The consent of this person changes.
    mutating func note(_ key: IdentityKey) { changed.insert(key) }

    /// More have changed than it remembers.
    var isFull: Bool { changed.count > Self.most }

    func mayDiffer(_ event: EventID, _ identity: Identity) -> Bool {
        event <= since
            || !changed.isEmpty && identity.keys.contains { changed.contains($0) }
    }
}
