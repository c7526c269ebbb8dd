package import Events

/// A delivery as the log keeps it, for lists; `DeliveryDetail` has everything.
package struct DeliveryRow: Sendable {
    package var id: DeliveryID
    /// The name of a track event; the type of any other.
    package var eventName: String
    package var source: String
    package var messageID: String
    package var userID: String?
    /// The address that the event was known to belong to when it was accepted.
    package var email: String?
    package var receivedAt: Timestamp
    package var state: DeliveryState
    /// The reason for the state; nil when nothing has to be explained.
    package var reason: Reason?
    /// A remark beside the reason, such as the value that was wrong.
    package var detail: String?
    /// The answer of the consent check; nil when the destination asks for none.
    package var consent: ConsentRecord?
    /// The revision of the blueprint that the requests were, or will be, built with.
    package var revision: String
    /// The number of the run, from 1; each replay begins the next one.
    package var run: Int
    /// The number of the last attempt, open or ended; 0 before the first.
    package var attempt: Int
    /// The HTTP status of the last complete answer.
    package var status: Int?
    /// The time from which it may be tried; nil behind an earlier delivery of the person, while an
    /// attempt is open, and at the end.
    package var dueAt: Timestamp?
    /// The time when it reached a final state.
    package var endedAt: Timestamp?
    /// True when it was sent while an earlier delivery of the same person was still being retried.
    package var outOfOrder: Bool
    /// How its destination stands.
    package var standing: DestinationStanding
    /// The host that its destination's requests go to; nil when that depends on the event.
    package var host: String?

    package init(
        id: DeliveryID, eventName: String, source: String, messageID: String, userID: String?,
        email: String?, receivedAt: Timestamp, state: DeliveryState, reason: Reason?,
        detail: String?, consent: ConsentRecord?, revision: String, run: Int, attempt: Int,
        status: Int?, dueAt: Timestamp?, endedAt: Timestamp?, outOfOrder: Bool,
        standing: DestinationStanding = .open, host: String? = nil
    ) {
        self.id = id
        self.eventName = eventName
        self.source = source
        self.messageID = messageID
        self.userID = userID
        self.email = email
        self.receivedAt = receivedAt
        self.state = state
        self.reason = reason
        self.detail = detail
        self.consent = consent
        self.revision = revision
        self.run = run
        self.attempt = attempt
        self.status = status
        self.dueAt = dueAt
        self.endedAt = endedAt
        self.outOfOrder = outOfOrder
        self.standing = standing
        self.host = host
    }

    /// The time from which it may be tried, after the pause that its destination asked for.
    package var nextDue: Timestamp? {
        guard case .pausing(let until) = standing else { return dueAt }
        return dueAt.map { max($0, until) }
    }

    /// The destination's hold; nil when it is not held.
    package var hold: Hold? { if case .held(let hold) = standing { hold } else { nil } }

    /// The state as people see it: `held` for what waits at a held destination.
    package var shownState: String {
        hold != nil && !state.isFinal && state != .sending ? "held" : state.rawValue
    }
}
