package import Events

/// A body that could not be used, kept apart with the reason.
package struct RejectedRow: Sendable {
    /// The number that orders name it by.
    package var number: Int64
    package var source: String
    package var receivedAt: Timestamp
    package var messageID: String?
    package var problem: Problem
    package var body: [UInt8]
    /// The headers that the source's blueprint reads, as a JSON object; nil but for webhooks.
    package var headers: String?

    package init(
        number: Int64, source: String, receivedAt: Timestamp, messageID: String?,
        problem: Problem, body: [UInt8], headers: String?
    ) {
        self.number = number
        self.source = source
        self.receivedAt = receivedAt
        self.messageID = messageID
        self.problem = problem
        self.body = body
        self.headers = headers
    }
}
