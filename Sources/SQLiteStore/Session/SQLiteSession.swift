import Crypto
import Events
import Log
import Pipeline
import Store

/// A transaction on the SQLite file, as the rules of `Store` use it.
///
/// New rows, first successes and attempts are gathered and written sixteen at a time: a statement's
/// own cost is then paid once for all of them. A call that could see them writes them first.
final class SQLiteSession: StoreSession {
    let path: String
    let settings: [String: String]
    let hashKey: [UInt8]

    let connection: Connection
    let events: EventTable
    let deliveries: DeliveryTable
    let people: PersonTable
    let rejections: RejectionTable
    let destinationTable: DestinationTable
    let keys: KeyIndex
    let sources: NameTable
    let destinationNames: NameTable
    private let insertAudit, beginStatement, commitStatement: Statement
    private let checkpointer: Checkpointer?
    private let participants: [any TransactionParticipant]
    private var statements: [String: Statement] = [:]

    /// Opens the file, sets what durability depends on, and brings the tables up to date.
    convenience init(
        path: String, hashKey: [UInt8], options: SQLiteStore.Options,
        faults: @escaping @Sendable (StoreFault) -> Void
    ) throws {
        let connection = try Connection(
            path: path, mode: .readWrite, busyTimeout: options.busyTimeout)
        let settings = try Self.configure(connection)
        try Schema.migrate(connection, key: hashKey)
        let checkpointer = try Checkpointer(
            path: path, busyTimeout: options.busyTimeout, faults: faults)
        try self.init(
            connection, path: path, settings: settings, keys: options.keys,
            checkpointer: checkpointer)
    }

    /// A session on a connection whose tables are up to date; the file may be in memory.
    init(
        _ connection: Connection, path: String = "", settings: [String: String] = [:],
        keys limits: KeyLimits = KeyLimits(), checkpointer: Checkpointer? = nil
    ) throws {
        self.connection = connection
        self.path = path
        self.settings = settings
        self.checkpointer = checkpointer
        hashKey = try Self.hashKey(connection)
        events = try EventTable(connection)
        deliveries = try DeliveryTable(connection)
        people = try PersonTable(connection)
        rejections = try RejectionTable(connection)
        destinationTable = try DestinationTable(connection)
        keys = try KeyIndex(connection, limits)
        sources = try NameTable(connection, table: "sources")
        destinationNames = try NameTable(connection, table: "destinations")
        insertAudit = try connection.prepare(
            "INSERT INTO audit (at, action, subject, detail) VALUES (?, ?, ?, ?)")
        beginStatement = try connection.prepare("BEGIN IMMEDIATE")
        commitStatement = try connection.prepare("COMMIT")
        participants = [events, deliveries, keys, sources, destinationNames]
    }

    /// The key under which the file's identifiers are hashed.
    static func hashKey(_ connection: Connection) throws -> [UInt8] {
        let select = try connection.prepare("SELECT value FROM meta WHERE key = 'hash_key'")
        _ = try select.step()
        return select.blob(0) ?? []
    }

    /// Sets what durability depends on, and reads it back: a receipt promises it.
    private static func configure(_ connection: Connection) throws -> [String: String] {
        let settings = [
            ("journal_mode", "WAL", "wal"), ("synchronous", "FULL", "2"),
            ("foreign_keys", "ON", "1"), ("trusted_schema", "OFF", "0"),
            // Deleted data is overwritten: a forgotten person is in no free page.
            ("secure_delete", "ON", "1"),
        ]
        for (name, value, expected) in settings {
            _ = try connection.text("PRAGMA \(name) = \(value)")
            let found = try connection.text("PRAGMA \(name)")
            guard found == expected else {
                throw Problem(
                    code: "store_unsafe",
                    message: "SQLite did not take \(name) = \(value): it is \(found ?? "unknown").",
                    hint: "Use a local disk and Debian's libsqlite3; network folders do not work.")
            }
        }
        connection.countLogPages()
        // 16 MB. More makes commits slower: after a page was split SQLite looks at every page it
        // keeps in memory.
        _ = try connection.text("PRAGMA cache_size = -16384")
        _ = try connection.text("PRAGMA journal_size_limit = 67108864")
        return Dictionary(uniqueKeysWithValues: settings.map { ($0.0, $0.2) })
    }

    // MARK: Transactions

    func begin() throws { try beginStatement.reset().run() }

    func commit() throws {
        try flush()
        try keys.settle()
        try commitStatement.reset().run()
        for participant in participants { participant.keep() }
    }

    func rollback() {
        try? connection.execute("ROLLBACK")
        for participant in participants { participant.undo() }
    }

    /// Writes every row that was gathered; before anything looks for one of them.
    func flush() throws {
        try events.flush()
        try deliveries.flush()
    }

    /// Writes new events and deliveries; attempts that ended may stay gathered.
    func flushNew() throws {
        try events.flush()
        try deliveries.flushNew()
    }

    func finishCommit() { checkpointer?.copyLog(of: connection) }

    func workAside() throws -> Bool { try keys.filter.buildSlice() }

    func touch() throws {
        try connection.execute(
            "INSERT INTO meta VALUES ('touched', zeroblob(1)) ON CONFLICT DO UPDATE SET value = value"
        )
    }

    func clean() throws -> Bool {
        if let checkpointer, !checkpointer.mayCutLog(of: connection) { return false }
        let result = try connection.prepare("PRAGMA wal_checkpoint(TRUNCATE)")
        _ = try result.step()
        return result.int(0) == 0
    }

    func compact() throws { try connection.execute("VACUUM") }

    func close() { checkpointer?.close() }

    // MARK: Small things

    /// A statement that is prepared once; ready for new values.
    func prepared(_ sql: String) throws -> Statement {
        if let statement = statements[sql] { return statement.reset() }
        let statement = try connection.prepare(sql)
        statements[sql] = statement
        return statement
    }

    func insert(_ entry: AuditEntry) throws {
        insertAudit.reset().bind(1, entry.at.milliseconds).bind(2, entry.action)
            .bind(3, entry.subject).bind(4, entry.detail)
        try insertAudit.run()
    }

    func save(_ change: PipelineChange) throws {
        guard change.fault == nil else { return try saveMeta(Self.refusedKey, change.text) }
        try saveMeta(Self.runningKey, change.text)
        try saveMeta(Self.refusedKey, "")
    }

    func savePressure(_ pressure: StorePressure?, since moment: Timestamp) throws {
        let row = pressure.map { ServerRow.Pressure(problem: $0.problem, since: moment) }
        try saveMeta(Self.pressureKey, row?.text ?? "")
    }

    /// The keys under which the server's own state is kept.
    static let runningKey = "pipeline_running"
    static let refusedKey = "pipeline_refused"
    static let pressureKey = "pressure"

    func saveMeta(_ key: String, _ text: String) throws {
        let save = try connection.prepare(
            "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = ?2")
        try save.bind(1, key).bind(2, Array(text.utf8)).run()
    }

    func meta(_ key: String) throws -> String? {
        let select = try connection.prepare(
            "SELECT CAST(value AS TEXT) FROM meta WHERE key = ?")
        return try select.bind(1, key).step() ? select.text(0) : nil
    }
}
