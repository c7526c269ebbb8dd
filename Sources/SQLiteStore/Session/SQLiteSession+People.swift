import Consent
import Events
import Identify
import Store

/// People: their rows, their events, and what is emptied of them.
extension SQLiteSession {
    var hasPeople: Bool { people.hasRows }

    func person(_ key: Digest128) throws -> PersonRecord? { try people.row(key) }

    func save(_ person: PersonRecord, for key: Digest128) throws {
        try people.save(person, for: key)
    }

    func removePerson(_ key: Digest128) throws { try people.remove(key) }

    func identifiers(
        _ kind: IdentityKey.Kind, inEventsOf key: Int64, newest limit: Int
    ) throws -> Set<String> {
        try flush()
        return try EventTable.identifiers(
            kind, inEventsOf: key, newest: limit, in: connection)
    }

    func identifiers(leadingTo user: String) throws -> [IdentityKey] {
        try identifiers("user_id = ?", user)
    }

    func identifiers(withEmail email: String) throws -> [IdentityKey] {
        try identifiers("email = ? COLLATE NOCASE", email)
    }

    private func identifiers(_ condition: String, _ text: String) throws -> [IdentityKey] {
        let select = try connection.prepare(
            "SELECT kind, value FROM identities WHERE value IS NOT NULL AND \(condition)")
        select.bind(1, text)
        var found: [IdentityKey] = []
        while try select.step() {
            guard let kind = IdentityKey.Kind(rawValue: select.text(0) ?? "") else { continue }
            found.append(IdentityKey(kind, select.text(1) ?? ""))
        }
        return found
    }

    func events(ofKey key: Int64, after event: EventID, limit: Int) throws -> [PersonEvent] {
        try flush()
        let select = try connection.prepare(
            """
            SELECT id, coalesce(user_id, owner_id), email FROM events
            WHERE id IN (\(KeyIndex.events(of: "?1", after: "?2"))) ORDER BY id LIMIT ?3
            """)
        select.bind(1, key).bind(2, event.number).bind(3, limit)
        var found: [PersonEvent] = []
        while try select.step() {
            found.append(
                PersonEvent(
                    id: EventID(number: select.int64(0)), userID: select.text(1),
                    email: select.text(2)))
        }
        return found
    }

    func source(of event: EventID) throws -> String? {
        try flush()
        return try events.source(of: event)
    }

    func hasOpenDelivery(_ event: EventID) throws -> Bool {
        try flush()
        return try deliveries.hasOpen(event)
    }

    func endWaiting(
        of event: EventID, for reason: Reason, at moment: Timestamp
    ) throws -> [(destination: DestinationNumber, lane: LaneKey)] {
        try flush()
        return try deliveries.endWaiting(of: event, for: reason, at: moment)
    }

    func saveOwner(_ user: String, of event: EventID) throws {
        try flush()
        try prepared("UPDATE events SET owner_id = ? WHERE id = ?").bind(1, user)
            .bind(2, event.number).run()
    }

    func saveEmail(_ email: String, key: Int64, of event: EventID) throws {
        try flush()
        try prepared("UPDATE events SET email = ?, email_key = ? WHERE id = ?").bind(1, email)
            .bind(2, key).bind(3, event.number).run()
        try keys.add(key, of: event)
    }

    func empty(_ event: EventID) throws {
        try flush()
        try keys.forgetKeys(of: event)
        let message = try prepared("SELECT message_id FROM events WHERE id = ?")
        let digest = EmptiedMessageID.digest(
            of: try message.bind(1, event.number).step() ? message.text(0) ?? "" : "")
        message.reset()
        try prepared("UPDATE events SET message_id = ? WHERE id = ?")
            .bind(1, EmptiedMessageID.text(digest, atOnce: false)).bind(2, event.number).run()
        for sql in [
            """
            UPDATE events SET user_id = NULL, anonymous_id = NULL, previous_id = NULL,
                group_id = NULL, email = NULL, user_key = NULL, email_key = NULL, owner_id = NULL,
                former_id = NULL, name = iif(type = 'track', name, NULL), marks = '', lane = 0,
                body = NULL WHERE id = ?
            """,
            """
            UPDATE attempts SET answer = NULL, note = NULL, requests = NULL, bodies = NULL
            WHERE event = ?
            """,
            "UPDATE deliveries SET detail = NULL, lane = 0 WHERE event = ?",
            "DELETE FROM postponed_emptying WHERE event = ?",
        ] {
            try connection.prepare(sql).bind(1, event.number).run()
        }
    }

    func postponeEmptying(of event: EventID) throws {
        try connection.prepare("INSERT OR IGNORE INTO postponed_emptying VALUES (?)")
            .bind(1, event.number).run()
    }

    func postponedAndEnded(limit: Int) throws -> [EventID] {
        try flush()
        let select = try prepared(
            """
            SELECT event FROM postponed_emptying AS postponed WHERE NOT EXISTS (
                SELECT 1 FROM deliveries
                WHERE deliveries.event = postponed.event AND \(Schema.open))
            ORDER BY event LIMIT ?
            """)
        select.bind(1, limit)
        var found: [EventID] = []
        while try select.step() { found.append(EventID(number: select.int64(0))) }
        select.reset()
        return found
    }

    func auditDetails(of action: String, about hash: String) throws -> [String] {
        let select = try connection.prepare(
            "SELECT detail FROM audit WHERE action = ? AND subject = ? ORDER BY id")
        select.bind(1, action).bind(2, hash)
        var found: [String] = []
        while try select.step() { found.append(select.text(0) ?? "") }
        return found
    }

    func forEachRejection(
        after number: Int64, limit: Int, _ body: (RejectedBody) -> Void
    ) throws {
        try rejections.forEach(after: number, limit: limit, body)
    }

    func removeRejections(_ numbers: [Int64]) throws { try rejections.remove(numbers) }

    func removeErrors(holding texts: Set<String>) throws {
        let remove = try connection.prepare(
            "UPDATE destinations SET last_error = NULL WHERE instr(lower(last_error), ?) > 0")
        for text in texts { try remove.reset().bind(1, text).run() }
    }
}
