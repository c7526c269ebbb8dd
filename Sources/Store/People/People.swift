import Consent
import Events
import Identify

/// The stored identities and consent of people, as the stages read and change them inside the
/// writer's transaction.
///
/// A row is read once in a transaction and kept in memory until it ends. Each change of consent is
/// remembered for the watch over what waits, and for the deliverer.
final class People: IdentityStore, ConsentStore, TransactionParticipant {
    private struct Row {
        var person: PersonRecord
        var isStored: Bool
        let digest: Digest128
    }
    let hasher: Hasher128
    private let session: any PeopleSession
    /// The rows of this transaction.
    private var rows: [IdentityKey: Row] = [:]
    /// A digest that the sender's thread has computed already.
    private var expected: (key: IdentityKey, digest: Digest128)?
    var watch = ConsentWatch()
    /// True while a person's identifiers are suppressed: their rows stay until all is removed.
    var isForgetting = false
    /// The people whose consent changed in this transaction.
    private(set) var changedConsent: [IdentityKey] = []

    init(_ session: any PeopleSession, hasher: Hasher128) {
        self.session = session
        self.hasher = hasher
    }

    package func keep() { forgetRows() }
    package func undo() { forgetRows() }

    private func forgetRows() {
        rows.removeAll(keepingCapacity: true)
        changedConsent = []
    }

    // MARK: Hashes

    /// Takes the digest of an identifier that is about to be asked for.
    func expect(_ key: IdentityKey, digest: Digest128) { expected = (key, digest) }

    /// The 64 bits under which the events of an identifier are found.
    func number(of key: IdentityKey) -> Int64 { digest(of: key).number }

    func ownLane(of key: IdentityKey) -> LaneKey { LaneKey(number: number(of: key)) }

    /// An identifier as the audit may hold it: its keyed hash.
    func hash(of key: IdentityKey?) -> String {
        key.map { hexadecimal(hasher.digest(of: $0).bytes) } ?? ""
    }

    private func digest(of key: IdentityKey) -> Digest128 {
        if let expected, expected.key == key { return expected.digest }
        return rows[key]?.digest ?? hasher.digest(of: key)
    }

    // MARK: Rows

    func identity(_ key: IdentityKey) throws -> IdentityRecord? { try stored(key)?.identity }

    func save(_ record: IdentityRecord, for key: IdentityKey) throws {
        try change(key) { $0.identity = record }
    }

    func standing(_ key: IdentityKey) throws -> Standing? { try stored(key)?.standing }

    func save(_ standing: Standing, for key: IdentityKey) throws {
        consentChanged(of: key)
        // What restricts a former id restricts the new ones too.
        var next = key.kind == .user ? try stored(key)?.identity.userID : nil
        var seen: Set = [key.value]
        while let user = next, seen.insert(user).inserted {
            consentChanged(of: IdentityKey(.user, user))
            next = try stored(IdentityKey(.user, user))?.identity.userID
        }
        try change(key) { $0.standing = standing }
    }

    private func consentChanged(of key: IdentityKey) {
        changedConsent.append(key)
        watch.personChanged(key)
    }

    /// Reads a row anew the next time; somebody else is about to change it.
    func drop(_ key: IdentityKey) {
        rows[key] = nil
        watch.personChanged(key)
    }

    /// Removes what is kept under an identifier; leaves its hash with a standing, if there is one.
    func forget(_ key: IdentityKey, leaving standing: Standing?) throws {
        rows[key] = nil
        let digest = hasher.digest(of: key)
        try session.removePerson(digest)
        watch.personChanged(key)
        guard let standing else { return }
        changedConsent.append(key)
        try session.save(
            PersonRecord(kind: key.kind, value: nil, standing: standing), for: digest)
    }

    private func change(_ key: IdentityKey, _ body: (inout PersonRecord) -> Void) throws {
        var row = try row(key)
        body(&row.person)
        row.person.value = key.value
        if row.person.standing.isErased, !isForgetting {
            row.person.value = nil
            row.person.identity = IdentityRecord()
        }
        row.isStored = true
        rows[key] = row
        try session.save(row.person, for: row.digest)
    }

    private func stored(_ key: IdentityKey) throws -> PersonRecord? {
        guard session.hasPeople else { return nil }
        let row = try row(key)
        return row.isStored ? row.person : nil
    }

    private func row(_ key: IdentityKey) throws -> Row {
        if let row = rows[key] { return row }
        let digest = digest(of: key)
        let found = try session.hasPeople ? session.person(digest) : nil
        let row = Row(
            person: found ?? PersonRecord(kind: key.kind, value: key.value),
            isStored: found != nil, digest: digest)
        rows[key] = row
        return row
    }
}
