import Consent
import Events
import Identify
import Store

/// The identities table: one row for each identifier, found by its keyed hash.
final class PersonTable {
    private let select, upsert, delete: Statement
    /// False while nobody was ever stored: nobody has to be looked for.
    private(set) var hasRows: Bool

    init(_ connection: Connection) throws {
        select = try connection.prepare(
            "SELECT kind, value, user_id, email, lane, answers, suppression, link, previous "
                + "FROM identities WHERE key = ?")
        delete = try connection.prepare("DELETE FROM identities WHERE key = ?")
        hasRows = try connection.text("SELECT 1 FROM identities LIMIT 1") != nil
        upsert = try connection.prepare(
            """
            INSERT INTO identities (key, kind, value, user_id, email, lane, answers, suppression,
                link, previous)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value, user_id = excluded.user_id,
                email = excluded.email, lane = excluded.lane, answers = excluded.answers,
                suppression = excluded.suppression, link = excluded.link,
                previous = excluded.previous
            """)
    }

    func row(_ key: Digest128) throws -> PersonRecord? {
        select.reset().bind(1, key)
        defer { select.reset() }
        guard try select.step(), let kind = IdentityKey.Kind(rawValue: select.text(0) ?? "") else {
            return nil
        }
        return PersonRecord(
            kind: kind, value: select.text(1),
            identity: IdentityRecord(
                userID: select.text(2), email: select.text(3),
                lane: select.optionalInt64(4).map { LaneKey(number: $0) },
                link: IdentityRecord.Link(rawValue: select.int(7)) ?? .unproven,
                previous: IdentityRecord.previous(in: select.text(8))),
            standing: Standing(
                answersText: select.text(5), suppressionsText: select.text(6)))
    }

    func save(_ person: PersonRecord, for key: Digest128) throws {
        hasRows = true
        upsert.reset().bind(1, key).bind(2, person.kind.rawValue).bind(3, person.value)
            .bind(4, person.identity.userID).bind(5, person.identity.email)
            .bind(6, person.identity.lane?.number).bind(7, person.standing.answersText)
            .bind(8, person.standing.suppressionsText).bind(9, person.identity.link.rawValue)
            .bind(10, person.identity.previousText)
        try upsert.run()
    }

    func remove(_ key: Digest128) throws { try delete.reset().bind(1, key).run() }
}
