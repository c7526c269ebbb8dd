import Consent
import Events
import Identify
import JSON

/// Stored identities and consent, read and written inside the writer's transaction.
final class People: IdentityStore, ConsentStore {
    private struct Row {
        var identity = IdentityRecord()
        var standing = Standing()
        var isStored = false
        let digest: Digest128
    }
    let hasher: Hasher128
    private let select: Statement
    private let upsert: Statement
    private let delete: Statement
    /// Nobody has ever been stored, so nobody has to be looked for.
    private var isEmpty: Bool
    /// Rows read in this transaction.
    private var rows: [IdentityKey: Row] = [:]
    private var expected: (key: IdentityKey, digest: Digest128)?
    var watch = ConsentWatch()
    /// People whose consent changed in this transaction.
    private(set) var consentChanges: [IdentityKey] = []

    init(_ connection: Connection, hasher: Hasher128) throws {
        self.hasher = hasher
        select = try connection.prepare(
            "SELECT user_id, email, lane, answers, suppression FROM identities WHERE key = ?")
        delete = try connection.prepare("DELETE FROM identities WHERE key = ?")
        isEmpty = try connection.text("SELECT 1 FROM identities LIMIT 1") == nil
        upsert = try connection.prepare(
            """
            INSERT INTO identities (key, kind, value, user_id, email, lane, answers, suppression)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value, user_id = excluded.user_id,
                email = excluded.email, lane = excluded.lane, answers = excluded.answers,
                suppression = excluded.suppression
            """)
    }

    /// Forgets what was read; called when a transaction begins.
    func begin() {
        rows.removeAll(keepingCapacity: true)
        consentChanges = []
    }

    func ownLane(of key: IdentityKey) -> LaneKey {
        LaneKey(number: digest(key).number)
    }

    /// The 64 bits under which events of this identifier are indexed.
    func number(of key: IdentityKey) -> Int64 { digest(key).number }

    /// Takes the digest of somebody who is about to be asked for.
    func expect(_ key: IdentityKey, _ digest: Digest128) { expected = (key, digest) }

    private func digest(_ key: IdentityKey) -> Digest128 {
        if let expected, expected.key == key { return expected.digest }
        return rows[key]?.digest ?? hasher.digest(key)
    }

    func identity(_ key: IdentityKey) throws -> IdentityRecord? { try stored(key)?.identity }

    func save(_ record: IdentityRecord, for key: IdentityKey) throws {
        try change(key) { $0.identity = record }
    }

    func standing(_ key: IdentityKey) throws -> Standing? { try stored(key)?.standing }

    func save(_ standing: Standing, for key: IdentityKey) throws {
        consentChanges.append(key)
        watch.note(key)
        try change(key) { $0.standing = standing }
    }

    /// Leaves a keyed hash and a suppression of an identifier; nothing at all without one.
    func forget(_ key: IdentityKey, leaving standing: Standing?) throws {
        rows[key] = nil
        let digest = hasher.digest(key)
        try delete.reset().bind(1, digest).run()
        watch.note(key)
        guard let standing else { return }
        consentChanges.append(key)
        isEmpty = false
        upsert.reset().bind(1, digest).bind(2, key.kind.rawValue).bind(3, nil as String?)
            .bind(4, nil as String?).bind(5, nil as String?).bind(6, nil as Int64?)
            .bind(7, nil as String?).bind(8, Self.text(standing.suppressions))
        try upsert.run()
    }

    /// An identifier as audit rows may hold it: its keyed hash.
    func shown(_ key: IdentityKey?) -> String {
        key.map { hexadecimal(hasher.digest($0).bytes) } ?? ""
    }

    private func change(_ key: IdentityKey, _ body: (inout Row) -> Void) throws {
        var row = try row(key)
        body(&row)
        row.isStored = true
        rows[key] = row
        isEmpty = false
        upsert.reset().bind(1, row.digest).bind(2, key.kind.rawValue).bind(3, key.value)
            .bind(4, row.identity.userID).bind(5, row.identity.email)
            .bind(6, row.identity.lane?.number)
            .bind(7, Self.text(row.standing.answers)).bind(8, Self.text(row.standing.suppressions))
        try upsert.run()
    }

    private func stored(_ key: IdentityKey) throws -> Row? {
        if isEmpty { return nil }
        let row = try row(key)
        return row.isStored ? row : nil
    }

    private func row(_ key: IdentityKey) throws -> Row {
        if let row = rows[key] { return row }
        var row = Row(digest: digest(key))
        select.reset().bind(1, row.digest)
        if try select.step() {
            row.isStored = true
            row.identity = IdentityRecord(
                userID: select.text(0), email: select.text(1),
                lane: select.optionalInt64(2).map { LaneKey(number: $0) })
            row.standing = Standing(
                answers: Self.answers(select.text(3)),
                suppressions: Self.suppressions(select.text(4)))
        }
        select.reset()
        rows[key] = row
        return row
    }

    private static func text(_ answers: [ConsentAnswer]) -> String? {
        guard !answers.isEmpty else { return nil }
        return String(
            decoding: JSONWriter.make { writer in
                writer.beginArray()
                for answer in answers {
                    writer.beginObject()
                    writer.member("category", answer.category)
                    writer.member("granted", answer.granted)
                    writer.member("at", Int(answer.at.milliseconds))
                    writer.member("origin", answer.origin)
                    writer.endObject()
                }
                writer.endArray()
            }, as: UTF8.self)
    }

    private static func answers(_ text: String?) -> [ConsentAnswer] {
        let list = text.flatMap { try? JSONReader.read(text: $0) }?.root.elements ?? []
        return list.compactMap { value in
            guard let category = value["category"]?.string, let granted = value["granted"]?.bool,
                let at = value["at"]?.integer
            else { return nil }
            return ConsentAnswer(
                category: category, granted: granted, at: Timestamp(milliseconds: Int64(at)),
                origin: value["origin"]?.string ?? "")
        }
    }

    private static func text(_ suppressions: [Suppression]) -> String? {
        guard !suppressions.isEmpty else { return nil }
        return String(
            decoding: JSONWriter.make { writer in
                writer.beginArray()
                for suppression in suppressions {
                    writer.beginObject()
                    writer.member("cause", suppression.cause)
                    writer.member("at", Int(suppression.at.milliseconds))
                    writer.member("origin", suppression.origin)
                    writer.member("event", suppression.event?.text)
                    writer.member("lifted_at", suppression.liftedAt.map { Int($0.milliseconds) })
                    writer.endObject()
                }
                writer.endArray()
            }, as: UTF8.self)
    }

    private static func suppressions(_ text: String?) -> [Suppression] {
        let list = text.flatMap { try? JSONReader.read(text: $0) }?.root.elements ?? []
        return list.compactMap { value in
            guard let cause = value["cause"]?.string, let at = value["at"]?.integer else {
                return nil
            }
            return Suppression(
                cause: cause, at: Timestamp(milliseconds: Int64(at)),
                origin: value["origin"]?.string ?? "",
                event: value["event"]?.string.flatMap { EventID($0) },
                liftedAt: value["lifted_at"]?.integer.map { Timestamp(milliseconds: Int64($0)) })
        }
    }
}
