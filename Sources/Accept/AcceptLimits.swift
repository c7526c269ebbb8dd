package import Events

/// The limits on what senders may send, with their defaults.
package struct AcceptLimits: Sendable {
    /// Bytes of a request body on the wire.
    ///
    /// Segment's and RudderStack's SDKs send up to 597 KB.
    package var bodyBytes = 4 << 20
    /// Events of one batch; Segment's own limit.
    package var batchEvents = 2_500
    /// Bytes of one event above which it is marked.
    package var eventBytesWarned = 32 << 10
    /// Bytes of one event above which it is rejected.
    package var eventBytes = 512 << 10
    /// Bytes that a batch's context and integrations may come to when each event has its copy.
    package var mergedBytes = 32 << 20
    /// Bytes of a rejected event that are kept.
    package var rejectedBytes = 32 << 10
    /// Characters of a message id, one more than allowed; Segment: "less than 100 characters".
    package var messageIDLength = 100
    /// Characters of any other id, one more than allowed; the email services that
    /// receive them allow "less than 255 characters".
    package var identifierLength = 255
    /// The first moment that an event's time may be; what lies before is a clock that was never
    /// set.
    package var earliestTime = Timestamp(milliseconds: 631_152_000_000)  // 1990-01-01T00:00:00Z
    /// The span after the receipt in which an event's time still counts.
    package var timeAhead = Duration.days(1)
    /// The largest correction of a sender's clock.
    package var clockCorrection = Duration.days(365)

    /// The defaults.
    package init() {}
}
