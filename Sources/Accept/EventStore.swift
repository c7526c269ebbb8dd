package import Events

/// The store's answer for one event: its id, and whether it is new.
package struct Receipt: Sendable, Equatable {
    /// The id of the event, or of the earlier one that it repeats.
    package let id: EventID
    /// The message id it is stored under.
    package let messageID: String
    /// True for a repeat: the same message id came from the same source before; nothing new was
    /// stored.
    package let duplicate: Bool

    /// An answer for one event.
    package init(id: EventID, messageID: String, duplicate: Bool) {
        self.id = id
        self.messageID = messageID
        self.duplicate = duplicate
    }
}

/// A store that keeps accepted events on disk and delivers them later.
package protocol EventStore: Sendable {
    /// Stores an envelope: events with all that follows from them, and rejections, in one
    /// transaction.
    ///
    /// Answers after the commit is on disk, one receipt for each event in order. On an error
    /// nothing of the envelope is promised; the sender has to repeat it.
    ///
    /// - Parameter answer: called once, on the store's thread; must return at once.
    func accept(
        _ envelope: Envelope, from source: String,
        answer: @escaping @Sendable (Result<[Receipt], Problem>) -> Void)

    /// Counts a call that was refused; returns at once.
    ///
    /// The counts are written together, some time later: whoever has no key cannot make the store
    /// write for each call.
    func note(_ call: RefusedCall)
}

extension EventStore {
    /// Stores an envelope and waits for the commit.
    package func accept(
        _ envelope: Envelope, from source: String
    ) async throws(Problem) -> [Receipt] {
        let result = await withCheckedContinuation { continuation in
            accept(envelope, from: source) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }
}
