package import Events

/// An event as the log keeps it.
package struct EventRow: Sendable {
    package var event: Event
    package var identity: Identity

    package init(event: Event, identity: Identity) {
        self.event = event
        self.identity = identity
    }
}

/// A delivery as the log keeps it.
package struct DeliveryRow: Sendable {
    package var id: DeliveryID
    package var eventName: String
    package var source: String
    package var messageID: String
    package var userID: String?
    package var email: String?
    package var receivedAt: Timestamp
    package var state: DeliveryState
    package var reason: Reason?
    package var detail: String?
    package var consent: ConsentRecord?
    package var revision: String
    package var run: Int
    /// The number of the last attempt, open or ended; 0 before the first.
    package var attempt: Int
    /// The HTTP status of the last complete answer.
    package var status: Int?
    package var dueAt: Timestamp?
    package var endedAt: Timestamp?
    /// It was sent while an earlier delivery of the same person was still being retried.
    package var outOfOrder: Bool
    /// The destination's hold, while this waits for it.
    package var hold: Hold?

    package init(
        id: DeliveryID, eventName: String, source: String, messageID: String, userID: String?,
        email: String?, receivedAt: Timestamp, state: DeliveryState, reason: Reason?,
        detail: String?, consent: ConsentRecord?, revision: String, run: Int, attempt: Int,
        status: Int?, dueAt: Timestamp?, endedAt: Timestamp?, outOfOrder: Bool, hold: Hold?
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
        self.hold = hold
    }

    /// The state as people see it: what waits at a held destination is `held`.
    package var shownState: String {
        hold != nil && !state.isFinal && state != .sending ? "held" : state.rawValue
    }
}

/// An attempt with what was said about it.
package struct AttemptRow: Sendable {
    package var attempt: Attempt
    package var hint: String?
    package var fix: String?

    package init(attempt: Attempt, hint: String?, fix: String?) {
        self.attempt = attempt
        self.hint = hint
        self.fix = fix
    }
}

/// One delivery with everything that belongs to it.
package struct DeliveryDetail: Sendable {
    package var row: DeliveryRow
    package var event: EventRow
    package var requests: [MappedRequest]
    package var attempts: [AttemptRow]

    package init(
        row: DeliveryRow, event: EventRow, requests: [MappedRequest], attempts: [AttemptRow]
    ) {
        self.row = row
        self.event = event
        self.requests = requests
        self.attempts = attempts
    }
}

/// Which deliveries a question is about; nil leaves a condition out.
package struct DeliveryFilter: Sendable {
    package var state: DeliveryState?
    /// Only what waits at a held destination.
    package var isHeld = false
    package var reason: Reason?
    package var destination: String?
    package var eventName: String?
    /// A user id or an email.
    package var user: String?
    /// An HTTP status, or a class of them as its first digit.
    package var status: ClosedRange<Int>?
    package var since: Timestamp
    /// Only deliveries of events after this one; for following.
    package var after: EventID?
    package var limit: Int
    /// The newest come first otherwise.
    package var oldestFirst = false

    package init(since: Timestamp, limit: Int) {
        self.since = since
        self.limit = limit
    }
}

/// A rejected event, kept apart.
package struct RejectedRow: Sendable {
    package var number: Int64
    package var source: String
    package var receivedAt: Timestamp
    package var messageID: String?
    package var problem: Problem
    package var body: [UInt8]
    /// Of a webhook: the headers its blueprint reads, as a JSON object.
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

/// How a source stood when the server last started.
package struct SourceRow: Sendable {
    package var name: String
    package var kind: String
    /// Why nothing is taken from it; nil when it is on.
    package var offReason: String?
    package var lastEvent: Timestamp?

    package init(name: String, kind: String, offReason: String?, lastEvent: Timestamp?) {
        self.name = name
        self.kind = kind
        self.offReason = offReason
        self.lastEvent = lastEvent
    }
}

/// How a destination stands.
package struct DestinationRow: Sendable {
    package var name: String
    package var isEnabled: Bool
    package var hold: Hold?
    /// Until when it rests because it did not answer; nil when it does not.
    package var restingUntil: Timestamp?
    package var waiting: Int
    package var oldestWaiting: Timestamp?
    package var lastDelivered: Timestamp?
    package var lastError: String?
    package var lastErrorAt: Timestamp?

    package init(
        name: String, isEnabled: Bool, hold: Hold?, restingUntil: Timestamp?, waiting: Int,
        oldestWaiting: Timestamp?,
        lastDelivered: Timestamp?, lastError: String?, lastErrorAt: Timestamp?
    ) {
        self.name = name
        self.isEnabled = isEnabled
        self.hold = hold
        self.restingUntil = restingUntil
        self.waiting = waiting
        self.oldestWaiting = oldestWaiting
        self.lastDelivered = lastDelivered
        self.lastError = lastError
        self.lastErrorAt = lastErrorAt
    }
}

/// Reads what happened; short reads that never wait for the writer.
package protocol DeliveryLog: Sendable {
    func event(_ id: EventID) throws -> EventRow?
    func events(messageID: String) throws -> [EventID]
    /// Newest first; `key` is a user id or an email.
    func events(of key: IdentityKey, limit: Int) throws -> [EventID]
    func deliveries(of event: EventID) throws -> [DeliveryRow]
    func detail(_ id: DeliveryID) throws -> DeliveryDetail?
    /// At most as many as the filter's limit, in its order.
    func deliveries(_ filter: DeliveryFilter) throws -> [DeliveryRow]
    /// Newest first.
    func rejected(limit: Int) throws -> [RejectedRow]
    /// What could not be used of one source, oldest first, after a number; with the whole bodies.
    func rejected(source: String, after number: Int64, limit: Int) throws -> [RejectedRow]
    func destinations() throws -> [DestinationRow]
    func sources() throws -> [SourceRow]
}
