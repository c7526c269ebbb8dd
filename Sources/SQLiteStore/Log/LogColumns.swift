import Deliver
import Events
import Log
import Store

extension Statement {
    func moment(_ column: some ColumnList) -> Timestamp? {
        optionalInt64(column.rawValue).map { Timestamp(milliseconds: $0) }
    }
}

/// A delivery with its event's ids and its destination's hold, as the log shows it.
enum DeliveryColumn: Int32, ColumnList {
    case event, destination, label, source, messageID, userID, email, receivedAt
    case state, reason, detail, consent, revision, run, attempt, status, dueAt, endedAt
    case isOutOfOrder, heldSince, holdStatus, holdHint, holdFix, holdDelivery, pausingUntil

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
        case .heldSince: "held_since"
        case .holdStatus: "hold_status"
        case .holdHint: "hold_hint"
        case .holdFix: "hold_fix"
        case .holdDelivery: "hold_delivery"
        case .pausingUntil: "paused_until"
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
        let hold = row.moment(Self.heldSince).map { since in
            Hold(
                since: since, status: row.optionalInt(Self.holdStatus),
                hint: row.text(Self.holdHint) ?? "", fix: row.text(Self.holdFix) ?? "",
                delivery: row.text(Self.holdDelivery) ?? "")
        }
        var delivery = DeliveryRow(
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
            outOfOrder: row.isTrue(Self.isOutOfOrder), hold: hold)
        if !delivery.state.isFinal { delivery.pausingUntil = row.moment(Self.pausingUntil) }
        return delivery
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
enum DestinationColumn: Int32, ColumnList {
    case name, isEnabled, heldSince, holdStatus, holdHint, holdFix, holdDelivery
    case restingUntil, pausingUntil, refusedInARow, waiting, oldestWaiting
    case lastDelivered, lastError, lastErrorAt

    var sql: String {
        switch self {
        case .name: "name"
        case .isEnabled: "is_enabled"
        case .heldSince: "held_since"
        case .holdStatus: "hold_status"
        case .holdHint: "hold_hint"
        case .holdFix: "hold_fix"
        case .holdDelivery: "hold_delivery"
        case .restingUntil: "resting_until"
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
            let hold = row.moment(Self.heldSince).map { since in
                Hold(
                    since: since, status: row.optionalInt(Self.holdStatus),
                    hint: row.text(Self.holdHint) ?? "", fix: row.text(Self.holdFix) ?? "",
                    delivery: row.text(Self.holdDelivery) ?? "")
            }
            var destination = DestinationRow(
                name: row.text(Self.name) ?? "", isEnabled: row.isTrue(Self.isEnabled),
                hold: hold, restingUntil: row.moment(Self.restingUntil),
                waiting: row.int(Self.waiting), oldestWaiting: row.moment(Self.oldestWaiting),
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
