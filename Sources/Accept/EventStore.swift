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
    /// Returns after the commit is on disk, one receipt for each event in order. On an error
    /// nothing of the envelope is promised; the sender has to repeat it.
    func accept(_ envelope: Envelope, from source: String) async throws(Problem) -> [Receipt]
}
