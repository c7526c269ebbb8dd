/// The statements of `DeliveryTable`.
enum DeliverySQL {
    static let insert = """
        INSERT INTO deliveries (event, destination, lane, state, reason, detail, consent,
            revision, attempt, due_at, opened_at, ended_at, out_of_order)
        """

    static let promote = """
        UPDATE deliveries SET due_at = ?, out_of_order = max(out_of_order, ?)
        WHERE event = ? AND destination = ? AND state = 'queued'
        """

    static let close = """
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

    static let dueByTime = """
        SELECT event FROM deliveries
        WHERE destination = ? AND due_at <= ? ORDER BY due_at LIMIT ?
        """

    static let dueByAge = """
        SELECT event FROM deliveries
        WHERE destination = ? AND due_at <= ? ORDER BY event LIMIT ?
        """

    static let nextDue = """
        SELECT due_at FROM deliveries
        WHERE destination = ? AND due_at IS NOT NULL ORDER BY due_at LIMIT 1
        """

    static let standing = """
        SELECT run, attempt, tries, step, revision FROM deliveries
        WHERE event = ? AND destination = ?
        """

    /// Without RETURNING, for which SQLite makes a table of its own each time.
    static let open = """
        UPDATE deliveries SET state = 'sending', attempt = ?, due_at = NULL, opened_at = ?
        WHERE event = ? AND destination = ?
        """

    static let finalize = """
        UPDATE deliveries SET state = ?, reason = ?, detail = ?, consent = ?,
            due_at = NULL, opened_at = NULL, ended_at = ?
        WHERE event = ? AND destination = ? RETURNING lane
        """
}
