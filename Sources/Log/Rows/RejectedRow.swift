package import Events

/// A body that could not be used, kept apart with the reason.
package struct RejectedRow: Sendable {
    /// The number that orders name it by.
    package var number: Int64
    package var source: String
    package var receivedAt: Timestamp
    package var messageID: String?
    /// The reason why it could not be used, and what to do.
    package var problem: Problem
    /// The body as it came.
    package var body: [UInt8]
    /// The headers that the source's blueprint reads, as a JSON object; nil but for webhooks.
    package var headers: String?
    /// Paths of values that are never stored and were removed from the body, or masked in it.
    package var removed: [String]

    package init(
        number: Int64, source: String, receivedAt: Timestamp, messageID: String?,
        problem: Problem, body: [UInt8], headers: String?, removed: [String] = []
    ) {
        self.removed = removed
        self.number = number
        self.source = source
        self.receivedAt = receivedAt
        self.messageID = messageID
        self.problem = problem
        self.body = body
        self.headers = headers
    }
}
