import Consent
import Deliver
package import Events
import Identify
package import Log

/// Reads the store's file without changing it; works beside a running server and without one.
package final class SQLiteLog: DeliveryLog {
    private let connection: Locked<Connection>
    private let hasher: Hasher128

    /// Opens the store of `directory` read-only.
    package init(directory: String) throws {
        let opened = try Connection(
            path: directory + "/sluice.db", mode: .readOnly, busyTimeout: 5_000)
        guard try opened.text("PRAGMA user_version") == String(Schema.migrations.count) else {
            throw Problem(
                code: "store_other_version",
                message: "The store in \(directory) was written by another version of Sluice.",
                hint:
                    "Start the server once with this version; it brings an older store up to date.")
        }
        let key = try opened.prepare("SELECT value FROM meta WHERE key = 'hash_key'")
        _ = try key.step()
        hasher = Hasher128(key: key.blob(0) ?? [])
        key.reset()
        connection = Locked(opened)
    }

    package func event(_ id: EventID) throws -> EventRow? {
        try connection.withLock { connection in
            let select = try connection.prepare(EventTable.select)
            return try EventTable.load(id, by: select).map {
                EventRow(event: $0.event, identity: $0.identity)
            }
        }
    }

    package func person(_ key: IdentityKey) throws -> KnownPerson {
        try connection.withLock { connection in
            let people = try People(connection, hasher: hasher)
            return KnownPerson(
                identity: try people.identity(key), standing: try people.standing(key))
        }
    }

    package func reloadFault() throws -> String? {
        try connection.withLock { connection in
            let select = try connection.prepare(
                "SELECT value FROM meta WHERE key = 'reload_fault'")
            guard try select.step(), let bytes = select.blob(0), !bytes.isEmpty else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    package func events(messageID: String) throws -> [EventID] {
        try connection.withLock { connection in
            let select = try connection.prepare(
                """
                \(KeyIndex.eventsOfMessage("SELECT id FROM sources"))
                UNION SELECT id FROM events WHERE \(KeyIndex.unfolded) AND message_id = ?1
                ORDER BY event
                """)
            return try Self.identifiers(
                select.bind(1, messageID).bind(2, Hasher128.digest(messageID: messageID)))
        }
    }

    package func events(of key: IdentityKey, limit: Int) throws -> [EventID] {
        try connection.withLock { connection in
            let select = try connection.prepare(
                "\(KeyIndex.events(of: "?1")) ORDER BY event DESC LIMIT ?2")
            return try Self.identifiers(select.bind(1, number(key)).bind(2, limit))
        }
    }

    package func deliveries(of event: EventID) throws -> [DeliveryRow] {
        try connection.withLock { connection in
            let select = try connection.prepare(
                Self.rows + " WHERE d.event = ? ORDER BY destinations.id")
            return try Self.deliveries(select.bind(1, event.number))
        }
    }

    package func deliveries(_ filter: DeliveryFilter) throws -> [DeliveryRow] {
        var conditions = ["d.event >= ?1"]
        if filter.after != nil { conditions.append("d.event > ?2") }
        if filter.state != nil { conditions.append("d.state = ?3") }
        if filter.isHeld {
            conditions.append("held_since IS NOT NULL AND d.state IN ('queued', 'retrying')")
        }
        if filter.reason != nil { conditions.append("d.reason = ?4") }
        if filter.destination != nil { conditions.append("destinations.name = ?5") }
        if filter.eventName != nil { conditions.append("\(Self.label) = ?6") }
        if filter.user != nil {
            conditions.append("d.event IN (\(KeyIndex.events(of: "?7, ?8")))")
        }
        if filter.status != nil { conditions.append("d.status BETWEEN ?9 AND ?10") }
        let order = filter.oldestFirst ? "ASC" : "DESC"
        return try connection.withLock { connection in
            let rows = try StateSearch(filter, connection)?.narrowing(Self.rows) ?? Self.rows
            let select = try connection.prepare(
                rows + " WHERE " + conditions.joined(separator: " AND ")
                    + " ORDER BY d.event \(order), d.destination LIMIT ?11")
            select.bind(1, EventID(first: filter.since).number).bind(2, filter.after?.number)
                .bind(3, filter.state?.rawValue).bind(4, filter.reason?.rawValue)
                .bind(5, filter.destination).bind(6, filter.eventName)
                .bind(7, filter.user.map { number(IdentityKey(.user, $0)) })
                .bind(8, filter.user.map { number(IdentityKey(.email, $0)) })
                .bind(9, filter.status?.lowerBound).bind(10, filter.status?.upperBound)
                .bind(11, filter.limit)
            return try Self.deliveries(select)
        }
    }

    package func detail(_ id: DeliveryID) throws -> DeliveryDetail? {
        guard let row = try deliveries(of: id.event).first(where: { $0.id == id }),
            let event = try event(id.event)
        else { return nil }
        return try connection.withLock { connection in
            let destination = try connection.prepare(
                "SELECT id FROM destinations WHERE name = ?")
            _ = try destination.bind(1, id.destination).step()
            let number = destination.int64(0)
            let requests = try connection.prepare(PinnedRequests.select)
            requests.bind(1, id.event.number).bind(2, number)
            return DeliveryDetail(
                row: row, event: event, requests: try PinnedRequests.read(requests),
                attempts: try Self.attempts(id, number, connection))
        }
    }

    package func rejected(limit: Int) throws -> [RejectedRow] {
        try rejected("ORDER BY id DESC LIMIT ?") { $0.bind(1, limit) }
    }

    package func rejected(
        source: String, after number: Int64, limit: Int
    ) throws -> [RejectedRow] {
        try rejected("WHERE source = ? AND id > ? ORDER BY id LIMIT ?") {
            $0.bind(1, source).bind(2, number).bind(3, limit)
        }
    }

    private func rejected(
        _ condition: String, _ bind: (Statement) -> Statement
    ) throws -> [RejectedRow] {
        try connection.withLock { connection in
            let select = bind(
                try connection.prepare(
                    """
                    SELECT id, source, received_at, message_id, code, message, hint, body, headers
                    FROM rejections \(condition)
                    """))
            var rows: [RejectedRow] = []
            while try select.step() {
                rows.append(
                    RejectedRow(
                        number: select.int64(0), source: select.text(1) ?? "",
                        receivedAt: Timestamp(milliseconds: select.int64(2)),
                        messageID: select.text(3),
                        problem: Problem(
                            code: select.text(4) ?? "", message: select.text(5) ?? "",
                            hint: select.text(6) ?? ""),
                        body: select.blob(7) ?? [], headers: select.text(8)))
            }
            return rows
        }
    }

    package func sources() throws -> [SourceRow] {
        try connection.withLock { connection in
            let select = try connection.prepare(
                """
                SELECT name, kind, off_reason, last_event_at FROM sources
                WHERE is_configured = 1 ORDER BY id
                """)
            var rows: [SourceRow] = []
            while try select.step() {
                rows.append(
                    SourceRow(
                        name: select.text(0) ?? "", kind: select.text(1) ?? "",
                        offReason: select.text(2), lastEvent: Self.moment(select, 3)))
            }
            return rows
        }
    }

    package func destinations() throws -> [DestinationRow] {
        try connection.withLock { connection in
            let select = try connection.prepare(
                """
                SELECT name, held_since, hold_status, hold_hint, hold_fix, hold_delivery,
                    last_delivered_at, last_error, last_error_at,
                    (SELECT count(*) FROM deliveries WHERE destination = id AND \(Schema.open)),
                    (SELECT received_at FROM events WHERE id = (
                        SELECT min(event) FROM deliveries
                        WHERE destination = destinations.id AND \(Schema.open))), is_enabled,
                    resting_until
                FROM destinations ORDER BY id
                """)
            var rows: [DestinationRow] = []
            while try select.step() {
                rows.append(
                    DestinationRow(
                        name: select.text(0) ?? "", isEnabled: select.int(11) == 1,
                        hold: Self.hold(select, at: 1),
                        restingUntil: Self.moment(select, 12),
                        waiting: select.int(9),
                        oldestWaiting: Self.moment(select, 10),
                        lastDelivered: Self.moment(select, 6), lastError: select.text(7),
                        lastErrorAt: Self.moment(select, 8)))
            }
            return rows
        }
    }

    // MARK: Rows

    private static let label = "CASE e.type WHEN 'track' THEN e.name ELSE e.type END"

    private static let rows = """
        SELECT d.event, destinations.name, \(label), sources.name, e.message_id, e.user_id,
            e.email, e.received_at, d.state, d.reason, d.detail, d.consent, d.revision, d.run,
            d.attempt, d.status, d.due_at, d.ended_at, d.out_of_order, held_since, hold_status,
            hold_hint, hold_fix, hold_delivery
        FROM deliveries AS d JOIN events AS e ON e.id = d.event
            JOIN sources ON sources.id = e.source
            JOIN destinations ON destinations.id = d.destination
        """

    private func number(_ key: IdentityKey) -> Int64 { hasher.digest(key).number }

    private static func identifiers(_ rows: Statement) throws -> [EventID] {
        var events: [EventID] = []
        while try rows.step() { events.append(EventID(number: rows.int64(0))) }
        return events
    }

    private static func moment(_ row: Statement, _ column: Int32) -> Timestamp? {
        row.optionalInt64(column).map { Timestamp(milliseconds: $0) }
    }

    private static func hold(_ row: Statement, at column: Int32) -> Hold? {
        moment(row, column).map { since in
            Hold(
                since: since, status: row.optionalInt64(column + 1).map { Int($0) },
                hint: row.text(column + 2) ?? "", fix: row.text(column + 3) ?? "",
                delivery: row.text(column + 4) ?? "")
        }
    }

    private static func deliveries(_ rows: Statement) throws -> [DeliveryRow] {
        var result: [DeliveryRow] = []
        while try rows.step() {
            let event = EventID(number: rows.int64(0))
            result.append(
                DeliveryRow(
                    id: DeliveryID(event: event, destination: rows.text(1) ?? ""),
                    eventName: rows.text(2) ?? "", source: rows.text(3) ?? "",
                    messageID: rows.text(4) ?? "", userID: rows.text(5), email: rows.text(6),
                    receivedAt: Timestamp(milliseconds: rows.int64(7)),
                    state: DeliveryState(rawValue: rows.text(8) ?? "") ?? .queued,
                    reason: rows.text(9).flatMap { Reason(rawValue: $0) }, detail: rows.text(10),
                    consent: rows.text(11).flatMap { ConsentRecord(text: $0) },
                    revision: rows.text(12) ?? "", run: rows.int(13), attempt: rows.int(14),
                    status: rows.optionalInt64(15).map { Int($0) }, dueAt: moment(rows, 16),
                    endedAt: moment(rows, 17), outOfOrder: rows.int(18) == 1,
                    hold: hold(rows, at: 19)))
        }
        return result
    }

    private static func attempts(
        _ id: DeliveryID, _ destination: Int64, _ connection: Connection
    ) throws -> [AttemptRow] {
        let rows = try connection.prepare(
            """
            SELECT run, number, step, started_at, duration, status, class, note, answer, hint, fix
            FROM attempts WHERE event = ? AND destination = ? ORDER BY run, number
            """)
        rows.bind(1, id.event.number).bind(2, destination)
        var result: [AttemptRow] = []
        while try rows.step() {
            let attempt = Attempt(
                run: rows.int(0), number: rows.int(1), step: rows.int(2),
                startedAt: Timestamp(milliseconds: rows.int64(3)),
                duration: rows.optionalInt64(4).map { Int($0) },
                status: rows.optionalInt64(5).map { Int($0) },
                answerClass: rows.text(6).flatMap { AnswerClass(rawValue: $0) },
                note: rows.text(7), answer: rows.text(8))
            result.append(AttemptRow(attempt: attempt, hint: rows.text(9), fix: rows.text(10)))
        }
        return result
    }
}
