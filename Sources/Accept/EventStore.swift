package import Events

/// What became of one event that was handed to the store.
package struct Receipt: Sendable, Equatable {
    package let id: EventID
    package let messageID: String
    /// The same message id came from the same source before; nothing new was stored.
    package let duplicate: Bool

    package init(id: EventID, messageID: String, duplicate: Bool) {
        self.id = id
        self.messageID = messageID
        self.duplicate = duplicate
    }
}

/// Takes events for good.
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
}

extension EventStore {
    /// The same, awaited.
    package func accept(
        _ envelope: Envelope, from source: String
    ) async throws(Problem) -> [Receipt] {
        let result = await withCheckedContinuation { continuation in
            accept(envelope, from: source) { continuation.resume(returning: $0) }
        }
        return try result.get()
    }
}
