import Events

/// The statements that `DeliveryTable` keeps prepared.
enum DeliverySQL {
    static let insert = """
        INSERT INTO deliveries (event, destination, lane, state, reason, detail, consent,
            revision, attempt, due_at, opened_at, ended_at, out_of_order)
        """

    static let outOfOrder = """
        UPDATE deliveries SET out_of_order = 1 WHERE event = ? AND destination = ?
        """

    /// Changes of many deliveries at once, at the moment ?1.
    static let ready = "due_at = ?1"
    static let open = """
        state = 'sending', attempt = attempt + 1, due_at = NULL, opened_at = ?1
        """

    /// The end of most attempts: delivered, the first time.
    ///
    /// ?1 is the moment, ?2 the revision, ?3 the status.
    static let deliver = """
        state = 'delivered', revision = ?2, tries = 1, status = ?3, opened_at = NULL, ended_at = ?1
        """
    static let isFirstTry = "run = 1 AND tries = 0 AND state = 'sending'"

    static let change = """
        UPDATE deliveries SET state = ?, reason = ?, detail = coalesce(?, detail),
            revision = ?, attempt = ?,
            tries = ?, step = ?, status = coalesce(?, status), due_at = ?, opened_at = ?,
            ended_at = ?, passed = max(passed, ?)
        WHERE event = ? AND destination = ? AND run = ? AND state = 'sending'
        """

    static let insertAttempt = """
        INSERT INTO attempts (event, destination, run, number, step, started_at, duration,
            status, class, note, answer, hint, fix, requests, bodies)
        """

    static let giveBack = """
        UPDATE deliveries SET state = iif(tries > 0, 'retrying', 'queued'),
            attempt = attempt - 1, due_at = ?, opened_at = NULL
        WHERE event = ? AND destination = ? AND state = 'sending'
        """

    private static let timed = """
        FROM deliveries INDEXED BY deliveries_due WHERE destination = ?1 AND \(Schema.timed)
        """

    static let dueByTime = """
        SELECT event, lane \(timed) AND due_at <= ?2 ORDER BY due_at LIMIT ?3
        """

    static let dueByAge = """
        SELECT event, lane \(timed) AND due_at <= ?2 ORDER BY event LIMIT ?3
        """

    static let nextDue = "SELECT due_at \(timed) ORDER BY due_at LIMIT 1"

    static let moveDueTimes = """
        UPDATE deliveries SET due_at = due_at + ?1
        WHERE destination = ?2 AND due_at > ?3 AND \(Schema.timed)
        """

    /// Brings retries to the moment ?1 and the longest wait after as many attempts as they had.
    static func capDueTimes(longest: [Duration]) -> String {
        let cases = longest.enumerated().map { "WHEN \($0) THEN \($1.milliseconds)" }
        let latest = "?1 + CASE tries \(cases.joined(separator: " ")) ELSE 0 END"
        return """
            UPDATE deliveries SET due_at = \(latest)
            WHERE destination = ?2 AND due_at > ?3 AND \(Schema.timed) AND state = 'retrying'
                AND due_at > \(latest)
            """
    }

    /// Deliveries of destination ?1 and their events.
    static let load = """
        SELECT \(EventTable.columns), run, attempt, tries, step, revision, deliveries.lane,
            pinned IS NOT NULL
        FROM deliveries CROSS JOIN events ON events.id = deliveries.event
            JOIN sources ON sources.id = events.source
        WHERE destination = ?1 AND \(EventList.condition(after: 1))
        """

    static let selectState = "SELECT state FROM deliveries WHERE event = ? AND destination = ?"

    static let selectOpen = """
        SELECT 1 FROM deliveries WHERE event = ? AND \(Schema.open) LIMIT 1
        """

    static let selectPinnedRun = """
        SELECT max(run) FROM attempts
        WHERE event = ? AND destination = ? AND requests IS NOT NULL
        """

    static let end = """
        UPDATE deliveries SET state = ?, reason = ?, detail = ?, consent = coalesce(?, consent),
            due_at = NULL, opened_at = NULL, ended_at = ?
        WHERE event = ? AND destination = ? RETURNING lane
        """
}
