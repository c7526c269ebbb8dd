import Deliver
import Events
import Log
import Store

extension Statement {
    func moment(_ column: some ColumnList) -> Timestamp? {
        optionalInt64(column.rawValue).map { Timestamp(milliseconds: $0) }
    }
}

/// Columns among which a destination's hold is.
protocol HoldColumns: ColumnList {
    static var heldSince: Self { get }
    static var holdStatus: Self { get }
    static var holdHint: Self { get }
    static var holdFix: Self { get }
    static var holdDelivery: Self { get }
    static var holdByOperator: Self { get }
}

extension HoldColumns {
    /// The hold of a row; nil when the destination is not held.
    static func hold(_ row: Statement) -> Hold? {
        row.moment(Self.heldSince).map { since in
            var hold = Hold(
                since: since, status: row.optionalInt(Self.holdStatus),
                hint: row.text(Self.holdHint) ?? "", fix: row.text(Self.holdFix) ?? "",
                delivery: row.text(Self.holdDelivery) ?? "")
            hold.byOperator = row.isTrue(Self.holdByOperator)
            return hold
        }
    }
}

/// A delivery with its event's ids and how its destination stands, as the log shows it.
enum DeliveryColumn: Int32, HoldColumns {
    case event, destination, label, source, messageID, userID, email, receivedAt
    case state, reason, detail, consent, revision, run, attempt, status, dueAt, endedAt
    case isOutOfOrder, isConfigured, isEnabled, host, heldSince, holdStatus, holdHint, holdFix
    case holdDelivery, holdByOperator, restingSince, restingUntil, restingHint, pausingUntil
    case refusedInARow

    var sql: String {
        switch self {
        case .event: "d.event"
        case .destination: "destinations.name"
        case .label: "CASE e.type WHEN 'track' THEN e.name ELSE e.type END"
        case .source: "sources.name"
        case .messageID: "e.message_id"
        case .userID: "e.user_id"
        case .email: "e.email"
        case .receivedAt: "e.received_at"
        case .state: "d.state"
        case .reason: "d.reason"
        case .detail: "d.detail"
        case .consent: "d.consent"
        case .revision: "d.revision"
        case .run: "d.run"
        case .attempt: "d.attempt"
        case .status: "d.status"
        case .dueAt: "d.due_at"
        case .endedAt: "d.ended_at"
        case .isOutOfOrder: "d.out_of_order"
        case .isConfigured: "destinations.is_configured"
        case .isEnabled: "is_enabled"
        case .host: "host"
        case .heldSince: "held_since"
        case .holdStatus: "hold_status"
        case .holdHint: "hold_hint"
        case .holdFix: "hold_fix"
        case .holdDelivery: "hold_delivery"
        case .holdByOperator: "held_by_operator"
        case .restingSince: "resting_since"
        case .restingUntil: "resting_until"
        case .restingHint: "resting_hint"
        case .pausingUntil: "paused_until"
        case .refusedInARow: "refused_in_a_row"
        }
    }

    /// - Parameter deliveries: the deliveries `d`, as a FROM names them.
    static func select(from deliveries: String = "deliveries AS d") -> String {
        """
        SELECT \(list) FROM \(deliveries) JOIN events AS e ON e.id = d.event
            JOIN sources ON sources.id = e.source
            JOIN destinations ON destinations.id = d.destination
        """
    }

    static func rows(_ rows: Statement) throws -> [DeliveryRow] {
        var result: [DeliveryRow] = []
        while try rows.step() { result.append(row(rows)) }
        return result
    }

    private static func row(_ row: Statement) -> DeliveryRow {
        let id = DeliveryID(
            event: EventID(number: row.int64(Self.event)),
            destination: row.text(Self.destination) ?? "")
        return DeliveryRow(
            id: id, eventName: row.text(Self.label) ?? "", source: row.text(Self.source) ?? "",
            messageID: EmptiedMessageID.shown(row.text(Self.messageID) ?? ""),
            userID: row.text(Self.userID),
            email: row.text(Self.email),
            receivedAt: Timestamp(milliseconds: row.int64(Self.receivedAt)),
            state: DeliveryState(rawValue: row.text(Self.state) ?? "") ?? .queued,
            reason: row.text(Self.reason).flatMap { Reason(rawValue: $0) },
            detail: row.text(Self.detail),
            consent: row.text(Self.consent).flatMap { ConsentRecord(text: $0) },
            revision: row.text(Self.revision) ?? "", run: row.int(Self.run),
            attempt: row.int(Self.attempt), status: row.optionalInt(Self.status),
            dueAt: row.moment(Self.dueAt), endedAt: row.moment(Self.endedAt),
            outOfOrder: row.isTrue(Self.isOutOfOrder), standing: standing(row),
            host: row.text(Self.host))
    }

    private static func standing(_ row: Statement) -> DestinationStanding {
        var destination = DestinationRow(
            name: "", isGone: !row.isTrue(Self.isConfigured),
            isEnabled: row.isTrue(Self.isEnabled), hold: hold(row),
            restingUntil: row.moment(Self.restingUntil),
            restingSince: row.moment(Self.restingSince),
            restingHint: row.text(Self.restingHint), waiting: 0, oldestWaiting: nil,
            lastDelivered: nil, lastError: nil, lastErrorAt: nil)
        destination.pausingUntil = row.moment(Self.pausingUntil)
        destination.refusedInARow = row.int(Self.refusedInARow)
        return destination.standing
    }
}

/// An attempt with what was said about it.
enum AttemptColumn: Int32, ColumnList {
    case run, number, step, startedAt, duration, status, answerClass, note, answer, hint, fix
    case requests, bodies

    var sql: String {
        switch self {
        case .requests: "requests"
        case .bodies: "bodies"
        case .run: "run"
        case .number: "number"
        case .step: "step"
        case .startedAt: "started_at"
        case .duration: "duration"
        case .status: "status"
        case .answerClass: "class"
        case .note: "note"
        case .answer: "answer"
        case .hint: "hint"
        case .fix: "fix"
        }
    }

    static func rows(of place: DeliveryPlace, _ connection: Connection) throws -> [AttemptRow] {
        let row = try connection.prepare(
            """
            SELECT \(list) FROM attempts WHERE event = ? AND destination = ? ORDER BY run, number
            """
        ).bind(place, after: 0)
        var result: [AttemptRow] = []
        while try row.step() {
            let attempt = Attempt(
                run: row.int(Self.run), number: row.int(Self.number), step: row.int(Self.step),
                startedAt: Timestamp(milliseconds: row.int64(Self.startedAt)),
                duration: row.optionalInt(Self.duration), status: row.optionalInt(Self.status),
                answerClass: row.text(Self.answerClass).flatMap { AnswerClass(rawValue: $0) },
                note: row.text(Self.note), answer: row.text(Self.answer))
            let pinned = row.text(Self.requests).map {
                PinnedRequests.requests(heads: $0, bodies: row.blob(Self.bodies.rawValue) ?? [])
            }
            result.append(
                AttemptRow(
                    attempt: attempt, hint: row.text(Self.hint), fix: row.text(Self.fix),
                    pinned: pinned))
        }
        return result
    }
}

/// A rejected event or webhook.
enum RejectionColumn: Int32, ColumnList {
    case number, source, receivedAt, messageID, code, message, hint, body, headers, removed

    var sql: String {
        switch self {
        case .number: "id"
        case .source: "source"
        case .receivedAt: "received_at"
        case .messageID: "message_id"
        case .code: "code"
        case .message: "message"
        case .hint: "hint"
        case .body: "body"
        case .headers: "headers"
        case .removed: "removed"
        }
    }

    static let select = "SELECT \(list) FROM rejections"

    static func rows(_ row: Statement) throws -> [RejectedRow] {
        var rows: [RejectedRow] = []
        while try row.step() {
            rows.append(
                RejectedRow(
                    number: row.int64(Self.number), source: row.text(Self.source) ?? "",
                    receivedAt: Timestamp(milliseconds: row.int64(Self.receivedAt)),
                    messageID: row.text(Self.messageID),
                    problem: Problem(
                        code: row.text(Self.code) ?? "", message: row.text(Self.message) ?? "",
                        hint: row.text(Self.hint) ?? ""),
                    body: row.blob(Self.body) ?? [], headers: row.text(Self.headers),
                    removed: (row.text(Self.removed) ?? "").split(separator: "\n")
                        .map(String.init)))
        }
        return rows
    }
}

/// Calls that were refused, of one source and code.
enum RefusalColumn: Int32, ColumnList {
    case source, code, count, firstAt, lastAt, path, origin, userAgent, keyEnding

    var sql: String {
        switch self {
        case .source: "source"
        case .code: "code"
        case .count: "count"
        case .firstAt: "first_at"
        case .lastAt: "last_at"
        case .path: "path"
        case .origin: "origin"
        case .userAgent: "user_agent"
        case .keyEnding: "key_ending"
        }
    }

    static func rows(_ connection: Connection) throws -> [RefusalRow] {
        let row = try connection.prepare(
            "SELECT \(list) FROM refusals ORDER BY last_at DESC, source, code")
        var rows: [RefusalRow] = []
        while try row.step() {
            rows.append(
                RefusalRow(
                    source: row.text(Self.source).flatMap { $0.isEmpty ? nil : $0 },
                    code: row.text(Self.code) ?? "", count: row.int(Self.count),
                    firstAt: Timestamp(milliseconds: row.int64(Self.firstAt)),
                    lastAt: Timestamp(milliseconds: row.int64(Self.lastAt)),
                    path: row.text(Self.path) ?? "", origin: row.text(Self.origin),
                    userAgent: row.text(Self.userAgent), keyEnding: row.text(Self.keyEnding)))
        }
        return rows
    }
}

/// A source as it stands.
enum SourceColumn: Int32, ColumnList {
    case name, kind, offReason, lastEvent

    var sql: String {
        switch self {
        case .name: "name"
        case .kind: "kind"
        case .offReason: "off_reason"
        case .lastEvent: "last_event_at"
        }
    }

    static func rows(_ connection: Connection) throws -> [SourceRow] {
        let row = try connection.prepare(
            "SELECT \(list) FROM sources WHERE is_configured = 1 ORDER BY id")
        var rows: [SourceRow] = []
        while try row.step() {
            rows.append(
                SourceRow(
                    name: row.text(Self.name) ?? "", kind: row.text(Self.kind) ?? "",
                    offReason: row.text(Self.offReason), lastEvent: row.moment(Self.lastEvent)))
        }
        return rows
    }
}

/// A destination as it stands.
enum DestinationColumn: Int32, HoldColumns {
    case name, isConfigured, isEnabled, host, heldSince, holdStatus, holdHint, holdFix
    case holdDelivery, holdByOperator, restingSince, restingUntil, restingHint
    case pausingUntil, refusedInARow, waiting, oldestWaiting, lastDelivered, lastError, lastErrorAt

    var sql: String {
        switch self {
        case .name: "name"
        case .isConfigured: "is_configured"
        case .isEnabled: "is_enabled"
        case .host: "host"
        case .heldSince: "held_since"
        case .holdStatus: "hold_status"
        case .holdHint: "hold_hint"
        case .holdFix: "hold_fix"
        case .holdDelivery: "hold_delivery"
        case .holdByOperator: "held_by_operator"
        case .restingSince: "resting_since"
        case .restingUntil: "resting_until"
        case .restingHint: "resting_hint"
        case .pausingUntil: "paused_until"
        case .refusedInARow: "refused_in_a_row"
        case .waiting:
            "(SELECT count(*) FROM deliveries WHERE destination = id AND \(Schema.open))"
        case .oldestWaiting:
            """
            (SELECT received_at FROM events WHERE id = (
                SELECT min(event) FROM deliveries
                WHERE destination = destinations.id AND \(Schema.open)))
            """
        case .lastDelivered: "last_delivered_at"
        case .lastError: "last_error"
        case .lastErrorAt: "last_error_at"
        }
    }

    static func rows(_ connection: Connection) throws -> [DestinationRow] {
        let row = try connection.prepare("SELECT \(list) FROM destinations ORDER BY id")
        var rows: [DestinationRow] = []
        while try row.step() {
            var destination = DestinationRow(
                name: row.text(Self.name) ?? "", isGone: !row.isTrue(Self.isConfigured),
                isEnabled: row.isTrue(Self.isEnabled), host: row.text(Self.host),
                hold: hold(row), restingUntil: row.moment(Self.restingUntil),
                restingSince: row.moment(Self.restingSince),
                restingHint: row.text(Self.restingHint), waiting: row.int(Self.waiting),
                oldestWaiting: row.moment(Self.oldestWaiting),
                lastDelivered: row.moment(Self.lastDelivered),
                lastError: row.text(Self.lastError),
                lastErrorAt: row.moment(Self.lastErrorAt))
            destination.pausingUntil = row.moment(Self.pausingUntil)
            destination.refusedInARow = row.int(Self.refusedInARow)
            rows.append(destination)
        }
        return rows
    }
}
