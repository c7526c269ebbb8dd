package import Events

/// The conditions of a search for deliveries; nil leaves a condition out.
package struct DeliveryFilter: Sendable {
    package var state: DeliveryState?
    /// True: only deliveries that wait at a held destination.
    package var isHeld = false
    package var reason: Reason?
    package var destination: String?
    package var eventName: String?
    /// A user id or an email.
    package var user: String?
    /// An HTTP status, or a class of them as its first digit.
    package var status: ClosedRange<Int>?
    /// Only deliveries of events that were received at this moment or later.
    package var since: Timestamp
    /// Only deliveries of events after this one, such as for following new ones.
    package var after: EventID?
    /// Rows that are given at the most.
    package var limit: Int
    /// False: the newest come first.
    package var oldestFirst = false

    package init(since: Timestamp, limit: Int) {
        self.since = since
        self.limit = limit
    }
}
