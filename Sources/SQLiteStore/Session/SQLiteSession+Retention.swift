import Events
import Store

/// Retention: what is listed and removed when it is old.
extension SQLiteSession {
    func usedBytes() throws -> Int64 {
        func number(_ name: String) throws -> Int64 {
            Int64(try connection.text("PRAGMA \(name)") ?? "") ?? 0
        }
        return try (number("page_count") - number("freelist_count")) * number("page_size")
    }

    func bodiesRemoved() throws -> EventID {
        EventID(number: try meta("bodies_removed").flatMap { Int64($0) } ?? 0)
    }

    func saveBodiesRemoved(_ last: EventID) throws {
        try saveMeta("bodies_removed", String(last.number))
    }

    func events(after first: EventID, before bound: EventID, limit: Int) throws -> [EventID] {
        try flush()
        let select = try connection.prepare(
            "SELECT id FROM events WHERE id > ? AND id < ? ORDER BY id LIMIT ?")
        select.bind(1, first.number).bind(2, bound.number).bind(3, limit)
        return try identifiers(select)
    }

    func endedEvents(before bound: EventID, limit: Int) throws -> [EventID] {
        try flush()
        let select = try connection.prepare(
            """
            SELECT id FROM events WHERE id < ? AND NOT EXISTS (
                SELECT 1 FROM deliveries WHERE event = events.id AND \(Schema.open))
            ORDER BY id LIMIT ?
            """)
        return try identifiers(select.bind(1, bound.number).bind(2, limit))
    }

    private func identifiers(_ select: Statement) throws -> [EventID] {
        var found: [EventID] = []
        while try select.step() { found.append(EventID(number: select.int64(0))) }
        return found
    }

    func removeBody(of event: EventID) throws {
        try flush()
        for sql in [
            "UPDATE events SET body = NULL WHERE id = ? AND body IS NOT NULL",
            """
            UPDATE attempts SET answer = NULL, requests = NULL, bodies = NULL
            WHERE event = ? AND (answer IS NOT NULL OR requests IS NOT NULL)
            """,
        ] {
            try prepared(sql).bind(1, event.number).run()
        }
    }

    func removeEvent(_ event: EventID) throws {
        try flush()
        for table in ["attempts", "deliveries"] {
            let delete = try prepared("DELETE FROM \(table) WHERE event = ?")
            try delete.bind(1, event.number).run()
        }
        let message = try prepared("SELECT source, message_id FROM events WHERE id = ?")
        if try message.bind(1, event.number).step() {
            let digest = EmptiedMessageID.digest(of: message.text(1) ?? "")
            try keys.remove(event, source: message.int64(0), message: digest)
        }
        message.reset()
        let delete = try prepared("DELETE FROM events WHERE id = ?")
        try delete.bind(1, event.number).run()
    }

    func removeRejections(before moment: Timestamp, limit: Int) throws -> Bool {
        try rejections.remove(before: moment, limit: limit)
    }
}
