package import Events

/// The reason why a whole body cannot be used; nothing of it is kept.
package typealias BodyProblem = Problem

/// One event that cannot be used, though the body it came in could be read.
package struct Rejection: Error, Sendable {
    /// Position in the batch, from 0.
    package let index: Int
    /// The event's message id, where it could be read.
    package let messageID: String?
    /// The reason.
    package let problem: Problem
    /// The event as it came.
    package let body: [UInt8]
    /// Of a webhook: the headers its blueprint reads, as a JSON object.
    package let headers: String?
    /// Paths of values that are never stored and were removed from the body, or masked in it.
    package let removed: [String]

    /// A rejected event with the reason.
    package init(
        index: Int, messageID: String?, problem: Problem, body: [UInt8], headers: String? = nil,
        removed: [String] = []
    ) {
        self.removed = removed
        self.index = index
        self.messageID = messageID
        self.problem = problem
        self.body = body
        self.headers = headers
    }
}

/// The events of one request's body in their order, and those that were rejected.
package struct Envelope: Sendable {
    /// The events that can be stored, each with its position in the batch.
    package var events: [(index: Int, event: Event)]
    /// The events that cannot be used.
    package var rejections: [Rejection]
    /// True for events of the past that are imported: their consent counts by its own time.
    package var isHistorical = false

    /// An envelope of these events.
    package init(events: [(index: Int, event: Event)] = [], rejections: [Rejection] = []) {
        self.events = events
        self.rejections = rejections
    }
}

/// The source of an event, as far as accepting it needs to know.
package struct EventSource: Sendable {
    /// The source's name.
    package let name: String
    /// True when it is believed about people.
    package let trusted: Bool
    /// The ids that mean nobody.
    package let placeholders: PlaceholderIDs
    /// The rules for values of its events that are never stored.
    package let neverStore: NeverStore

    /// A source of this name.
    package init(
        name: String, trusted: Bool, placeholders: PlaceholderIDs = .standard,
        neverStore: NeverStore = .standard
    ) {
        self.name = name
        self.trusted = trusted
        self.placeholders = placeholders
        self.neverStore = neverStore
    }
}
