import Events

/// What is made of deliveries that were at work when the program ended.
extension DeliveryTable {
    /// Crashes after which a delivery is no longer tried.
    static let crashesAllowed = 3

    /// Counts a crash for a delivery; ends it when it was at work at so many of them.
    static func quarantine(
        _ id: DeliveryID, _ connection: Connection, at now: Timestamp
    ) throws {
        let destination = try connection.prepare("SELECT id FROM destinations WHERE name = ?")
        guard try destination.bind(1, id.destination).step() else { return }
        let number = destination.int64(0)
        let count = try connection.prepare(
            """
            INSERT INTO crashes VALUES (?, ?, 1)
            ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count
            """)
        guard try count.bind(1, id.event.number).bind(2, number).step(),
            count.int(0) >= crashesAllowed
        else { return }
        count.reset()
        let end = try connection.prepare(
            """
            UPDATE deliveries SET state = 'failed', reason = 'mapping', detail = ?, due_at = NULL,
                opened_at = NULL, ended_at = ?
            WHERE event = ? AND destination = ? AND \(Schema.open)
            """)
        end.bind(
            1, "the program ended \(crashesAllowed) times while it built this request")
        end.bind(2, now.milliseconds).bind(3, id.event.number).bind(4, number)
        try end.run()
    }

    /// After a crash: attempts that were open may have been sent; they are due again.
    static func recover(
        _ sending: [(event: Int64, destination: Int64)], _ connection: Connection,
        at now: Timestamp
    ) throws {
        if sending.isEmpty { return }
        let note = "Sluice ended before the answer was recorded: it may have been sent."
        let close = try connection.prepare(
            """
            INSERT OR IGNORE INTO attempts (event, destination, run, number, step, started_at,
                class, note)
            SELECT event, destination, run, attempt, step, coalesce(opened_at, ?3), 'unknown', ?4
            FROM deliveries WHERE event = ?1 AND destination = ?2
            """)
        let reopen = try connection.prepare(
            """
            UPDATE deliveries SET state = 'retrying', due_at = ?3, opened_at = NULL
            WHERE event = ?1 AND destination = ?2
            """)
        try connection.execute("BEGIN IMMEDIATE")
        for delivery in sending {
            for statement in [close, reopen] {
                statement.reset().bind(1, delivery.event).bind(2, delivery.destination)
                    .bind(3, now.milliseconds)
            }
            try close.bind(4, note).run()
            try reopen.run()
        }
        try connection.execute("COMMIT")
    }
}
