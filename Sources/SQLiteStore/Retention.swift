import Deliver
import Events
import Pipeline

/// Removes what is old, a slice at a time, so that nobody waits for it.
extension Writer {
    /// Events one slice looks at.
    private static let slice = 64

    /// Removes a slice of what the limits say; false when nothing was left to do.
    func removeOld(_ limits: StoreLimits) throws -> Bool {
        let now = clock.now()
        let excess = try limits.size.map { try usedBytes() > $0 } ?? false
        // Over its size the file gives up its oldest bodies, whatever their age.
        let bodies = excess ? now : now + -limits.bodies
        var did = try removeBodies(before: EventID(first: bodies))
        let age = max(limits.events, StoreLimits.shortestEvents)
        let rows = excess && !did ? StoreLimits.shortestEvents : age
        did = try removeEvents(before: EventID(first: now + -rows)) || did
        return try removeRejected(before: now + -limits.rejected) || did
    }

    private func usedBytes() throws -> Int64 {
        func number(_ name: String) throws -> Int64 {
            Int64(try connection.text("PRAGMA \(name)") ?? "") ?? 0
        }
        return try (number("page_count") - number("freelist_count")) * number("page_size")
    }

    /// Bodies go before rows: what happened stays, what was in it goes.
    private func removeBodies(before bound: EventID) throws -> Bool {
        let cursor =
            Int64(
                try connection.text(
                    "SELECT CAST(value AS TEXT) FROM meta WHERE key = 'bodies_removed'") ?? "") ?? 0
        let select = try connection.prepare(
            "SELECT id FROM events WHERE id > ? AND id < ? ORDER BY id LIMIT \(Self.slice)")
        select.bind(1, cursor).bind(2, bound.number)
        var last: Int64?
        let changes = try [
            "UPDATE events SET body = NULL WHERE id = ? AND body IS NOT NULL",
            """
            UPDATE attempts SET answer = NULL, requests = NULL, bodies = NULL
            WHERE event = ? AND (answer IS NOT NULL OR requests IS NOT NULL)
            """,
        ].map { try connection.prepare($0) }
        let open = try selectOpen()
        for event in try identifiers(select) {
            last = event.number
            // What is still to be sent keeps its body until a later sweep.
            if try open.reset().bind(1, event.number).step() { continue }
            for change in changes { try change.reset().bind(1, event.number).run() }
        }
        guard let last else { return false }
        let save = try connection.prepare(
            "INSERT INTO meta VALUES ('bodies_removed', ?) ON CONFLICT DO UPDATE SET value = ?1")
        try save.bind(1, Array(String(last).utf8)).run()
        return true
    }

    /// Looks for bodies from the beginning again.
    func restartBodies() throws {
        try connection.execute("DELETE FROM meta WHERE key = 'bodies_removed'")
    }

    private func removeEvents(before bound: EventID) throws -> Bool {
        let select = try connection.prepare(
            """
            SELECT id FROM events WHERE id < ? AND NOT EXISTS (
                SELECT 1 FROM deliveries WHERE event = events.id AND \(Schema.open))
            ORDER BY id LIMIT \(Self.slice)
            """)
        select.bind(1, bound.number)
        let rows = try ["attempts", "deliveries"].map {
            try connection.prepare("DELETE FROM \($0) WHERE event = ?")
        }
        let message = try connection.prepare("SELECT source, message_id FROM events WHERE id = ?")
        let delete = try connection.prepare("DELETE FROM events WHERE id = ?")
        var did = false
        for event in try identifiers(select) {
            for row in rows { try row.reset().bind(1, event.number).run() }
            if try message.reset().bind(1, event.number).step() {
                let digest = Hasher128.digest(messageID: message.text(1) ?? "")
                try keys.remove(event, source: message.int64(0), digest: digest)
            }
            message.reset()
            try delete.reset().bind(1, event.number).run()
            did = true
        }
        return did
    }

    private func removeRejected(before moment: Timestamp) throws -> Bool {
        let delete = try connection.prepare(
            """
            DELETE FROM rejections WHERE received_at < ? AND id IN (
                SELECT id FROM rejections ORDER BY id LIMIT \(Self.slice))
            """)
        try delete.bind(1, moment.milliseconds).run()
        return connection.changes > 0
    }

    private func identifiers(_ select: Statement) throws -> [EventID] {
        var found: [EventID] = []
        while try select.step() { found.append(EventID(number: select.int64(0))) }
        return found
    }

    private func selectOpen() throws -> Statement {
        try connection.prepare(
            "SELECT 1 FROM deliveries WHERE event = ? AND \(Schema.open) LIMIT 1")
    }

    /// Milliseconds in the future that no schedule reaches: 24 h and a fifth.
    static let farthestDue: Int64 = 30 * 3_600_000

    /// After the machine's clock has gone back, what was due would be due in the far future.
    func mendDueTimes() throws {
        let now = clock.now()
        let mend = try connection.prepare(
            """
            UPDATE deliveries SET due_at = ?1
            WHERE destination = ?2 AND due_at > ?3 AND \(Schema.timed) AND state = 'retrying'
            """)
        for destination in pipeline.destinations {
            mend.reset().bind(1, now.milliseconds)
                .bind(2, try destinations.number(destination.name))
                .bind(3, (now + Self.farthestDue).milliseconds)
            try mend.run()
            if connection.changes > 0 { effects.waiting.insert(destination.name) }
        }
    }

    /// The destination for which most deliveries wait, and how many.
    var longestQueue: (name: String, waiting: Int)? {
        destinations.numbers.map { (name: $0.key, waiting: deliveries.lanes.count($0.value)) }
            .max { $0.waiting < $1.waiting }
    }
}
