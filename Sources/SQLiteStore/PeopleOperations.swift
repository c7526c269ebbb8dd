package import Consent
import Deliver
package import Events
import Identify
import JSON
import Pipeline

/// Everything an identifier leads to: the person's user ids, emails and anonymous ids.
package struct PersonKeys: Sendable, Equatable {
    package var users: Set<String> = []
    package var emails: Set<String> = []
    package var anonymous: Set<String> = []

    package init() {}

    package var all: [IdentityKey] {
        users.sorted().map { IdentityKey(.user, $0) }
            + emails.sorted().map { IdentityKey(.email, $0) }
            + anonymous.sorted().map { IdentityKey(.anonymous, $0) }
    }
}

extension SQLiteStore {
    /// Stores answers for a person's consent, and lifts suppressions when asked; gives what they
    /// are kept for.
    package func setConsent(
        of id: String, _ answers: [ConsentAnswer], lifting: Bool
    ) async throws(Problem) -> PersonKeys {
        try await order { try $0.setConsent(of: id, answers, lifting: lifting) }
    }

    /// Begins to forget a person: nothing is sent to them any more, and what waits is ended.
    package func suppressErased(_ id: String) async throws(Problem) -> PersonKeys {
        try await order { try $0.suppressErased(id) }
    }

    /// Removes what is kept of a person, a slice at a time.
    ///
    /// - Parameter kept: an event that is still on its way, such as the deletion itself.
    /// - Returns: how many events were emptied, and how many still have deliveries under way.
    package func erase(
        _ keys: PersonKeys, but kept: Set<EventID>
    ) async throws(Problem) -> (erased: Int, busy: Int) {
        try await order { try $0.erase(keys, but: kept) }
    }

    /// Writes the file clean: nothing that was deleted is left in it or in its log.
    ///
    /// False while a reader keeps an old state; try again.
    package func clean() async throws(Problem) -> Bool {
        try await outside { writer in
            let result = try writer.connection.prepare("PRAGMA wal_checkpoint(TRUNCATE)")
            _ = try result.step()
            return result.int(0) == 0
        }
    }

    /// Gives the space of removed rows back to the disk; nothing else is done meanwhile.
    package func compact() async throws(Problem) {
        try await outside { try $0.connection.execute("VACUUM") }
        _ = try await clean()
    }

    /// Removes rejected bodies that name one of the identifiers; gives how many.
    package func eraseRejected(_ keys: PersonKeys) async throws(Problem) -> Int {
        try await order { try $0.eraseRejected(keys) }
    }
}

extension Writer {
    func setConsent(
        of id: String, _ answers: [ConsentAnswer], lifting: Bool
    ) throws -> PersonKeys {
        let keys = try person(id)
        let now = clock.now()
        change += 1
        for key in keys.all where key.kind != .anonymous {
            var standing = try people.standing(key) ?? Standing()
            for answer in answers { standing.take(answer) }
            if lifting { standing.lift(at: now) }
            try people.save(standing, for: key)
        }
        let words = answers.map { "\($0.category) \($0.granted ? "granted" : "denied")" }
        try audit(
            "consent set", people.shown(keys.all.first),
            (words + (lifting ? ["suppressions lifted"] : [])).joined(separator: ", "))
        return keys
    }

    /// The identifiers that belong to a user id or an email, as the store knows them.
    func person(_ id: String) throws -> PersonKeys {
        var keys = PersonKeys()
        let isEmail = id.contains("@")
        if isEmail {
            keys.emails.insert(id)
            keys.users = Set(try column("user_id", of: IdentityKey(.email, id)))
        }
        let events = try column("id", of: IdentityKey(.user, id))
        if !isEmail || !events.isEmpty { keys.users.insert(id) }
        for user in keys.users {
            let key = IdentityKey(.user, user)
            if let email = try people.identity(key)?.email { keys.emails.insert(email) }
            keys.emails.formUnion(try column("email", of: key))
            keys.anonymous.formUnion(try column("anonymous_id", of: key))
        }
        return keys
    }

    private func column(_ name: String, of key: IdentityKey) throws -> [String] {
        let select = try connection.prepare(
            """
            SELECT DISTINCT \(name) FROM events
            WHERE id IN (\(KeyIndex.events(of: "?1"))) AND \(name) IS NOT NULL
            """)
        select.bind(1, people.number(of: key))
        var texts: [String] = []
        while try select.step() { if let text = select.text(0) { texts.append(text) } }
        return texts
    }

    // MARK: Forgetting

    func suppressErased(_ id: String) throws -> PersonKeys {
        let keys = try person(id)
        change += 1
        let now = clock.now()
        for key in keys.all where key.kind != .anonymous {
            var standing = Standing()
            standing.take(Suppression(cause: Suppression.erased, at: now, origin: "sluice forget"))
            try people.forget(key, leaving: standing)
        }
        for key in keys.all where key.kind == .anonymous { try people.forget(key, leaving: nil) }
        try audit("forget", people.shown(keys.all.first), "suppressed")
        try endWaiting(of: try events(of: keys))
        return keys
    }

    /// Ends what waits for the person, but the deletions; what is behind it in a lane goes on.
    private func endWaiting(of events: [EventID]) throws {
        let end = try connection.prepare(
            """
            UPDATE deliveries SET state = 'filtered', reason = 'erased', due_at = NULL,
                ended_at = ?1
            WHERE event = ?2 AND state IN ('queued', 'retrying') AND \(Schema.open)
                AND NOT EXISTS (SELECT 1 FROM events JOIN sources ON sources.id = source
                    WHERE events.id = ?2 AND sources.name = '\(Self.deletions)')
            RETURNING destination, lane
            """)
        let now = clock.now()
        var lanes: [Int64: Set<LaneKey>] = [:]
        for event in events {
            end.reset().bind(1, now.milliseconds).bind(2, event.number)
            while try end.step() {
                let lane = LaneKey(number: end.int64(1))
                deliveries.lanes.remove(event, end.int64(0), lane)
                lanes[end.int64(0), default: []].insert(lane)
            }
        }
        for (destination, keys) in lanes {
            for lane in keys { _ = try deliveries.promoteNext(lane, destination, at: now) }
        }
        if !lanes.isEmpty {
            for destination in pipeline.destinations { effects.waiting.insert(destination.name) }
        }
    }

    /// The source of the events that ask destinations to delete somebody.
    private static let deletions = "forget"

    /// Events one slice empties.
    private static let eraseSlice = 500

    private func events(of keys: PersonKeys) throws -> [EventID] {
        var found: Set<EventID> = []
        // An email or a browser that others share does not make their events this person's.
        func take(_ select: Statement) throws {
            while try select.step() {
                let owner = select.text(1)
                guard owner == nil || keys.users.contains(owner ?? "") || select.int(2) == 1 else {
                    continue
                }
                found.insert(EventID(number: select.int64(0)))
            }
        }
        for key in keys.all where key.kind != .anonymous {
            let select = try connection.prepare(
                "SELECT id, user_id, 0 FROM events WHERE id IN (\(KeyIndex.events(of: "?1")))")
            try take(select.bind(1, people.number(of: key)))
        }
        // What was said before the person was known, and aliases, have no index.
        let select = try connection.prepare(
            """
            SELECT id, user_id, previous_id = ?1 FROM events
            WHERE anonymous_id = ?1 OR previous_id = ?1
            """)
        for text in keys.anonymous.union(keys.users) { try take(select.reset().bind(1, text)) }
        return found.sorted()
    }

    func erase(
        _ keys: PersonKeys, but kept: Set<EventID>
    ) throws -> (erased: Int, busy: Int) {
        let events = try events(of: keys)
        try endWaiting(of: events)
        let busy = try connection.prepare(
            "SELECT 1 FROM deliveries WHERE event = ? AND \(Schema.open) LIMIT 1")
        var erased = 0
        var waiting = 0
        for event in events where !kept.contains(event) {
            guard erased < Self.eraseSlice else { break }
            if try busy.reset().bind(1, event.number).step() {
                waiting += 1
                continue
            }
            try empty(event)
            erased += 1
        }
        if erased > 0 {
            try audit("forget", people.shown(keys.all.first), "\(erased) events emptied")
        }
        return (erased, waiting)
    }

    /// Leaves of an event that it was, and what became of it; nothing about whom.
    private func empty(_ event: EventID) throws {
        try keys.forgetKeys(of: event)
        for sql in [
            """
            UPDATE events SET user_id = NULL, anonymous_id = NULL, previous_id = NULL,
                group_id = NULL, email = NULL, message_id = '', user_key = NULL,
                email_key = NULL, lane = 0, body = NULL WHERE id = ?
            """,
            """
            UPDATE attempts SET answer = NULL, note = NULL, requests = NULL, bodies = NULL
            WHERE event = ?
            """,
            "UPDATE deliveries SET detail = NULL, lane = 0 WHERE event = ?",
        ] {
            try connection.prepare(sql).bind(1, event.number).run()
        }
    }

    func eraseRejected(_ keys: PersonKeys) throws -> Int {
        let texts = keys.users.union(keys.emails).union(keys.anonymous)
        let select = try connection.prepare(
            "SELECT id, body, coalesce(message_id, '') || ' ' || coalesce(headers, '') FROM rejections"
        )
        var found: [Int64] = []
        while try select.step() {
            let beside = (select.text(2) ?? "").lowercased()
            if Self.names(texts, select.blob(1) ?? [])
                || texts.contains(where: { $0.count > 3 && beside.contains($0.lowercased()) })
            {
                found.append(select.int64(0))
            }
        }
        standings.forget()
        let forgetError = try connection.prepare(
            "UPDATE destinations SET last_error = NULL WHERE instr(lower(last_error), ?) > 0")
        for text in texts { try forgetError.reset().bind(1, text.lowercased()).run() }
        let delete = try connection.prepare("DELETE FROM rejections WHERE id = ?")
        for id in found { try delete.reset().bind(1, id).run() }
        return found.count
    }

    /// Whether a body holds one of the texts as a value; one that is no JSON, anywhere.
    private static func names(_ texts: Set<String>, _ body: [UInt8]) -> Bool {
        let folded = Set(texts.map { $0.lowercased() })
        guard let root = try? JSONReader.readRepairing(body).document.root else {
            let text = String(decoding: body, as: UTF8.self).lowercased()
            return folded.contains { text.contains($0) }
        }
        var open = [root]
        while let value = open.popLast() {
            open += value.elements + value.members.map(\.value)
            if let text = value.identifier?.lowercased(), folded.contains(text) { return true }
        }
        return false
    }
}
