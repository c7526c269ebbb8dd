import Events
import Store

/// A key and its event, as one of the two kinds of rows that events are found by.
protocol KeyRow: Comparable {
    /// The table that is sorted as a whole; that of runs has `run_` before its name.
    static var table: String { get }
    /// Its columns, in which its rows are sorted.
    static var columns: [String] { get }
    init(_ row: Statement)
    func bind(to statement: Statement, after index: Int32)
}

/// Message ids, so that a repeat is recognised.
struct MessageRow: KeyRow {
    let source: Int64
    let digest: Digest128
    let event: Int64

    static let table = "messages"
    static let columns = ["source", "digest", "event"]

    init(source: Int64, digest: Digest128, event: Int64) {
        self.source = source
        self.digest = digest
        self.event = event
    }

    init(_ row: Statement) {
        self.init(source: row.int64(0), digest: row.digest(1), event: row.int64(2))
    }

    func bind(to statement: Statement, after index: Int32) {
        statement.bind(index + 1, source).bind(index + 2, digest).bind(index + 3, event)
    }

    static func < (left: MessageRow, right: MessageRow) -> Bool {
        if left.source != right.source { return left.source < right.source }
        let (one, other) = (left.digest, right.digest)
        if one.high != other.high { return one.high < other.high }
        return one.low != other.low ? one.low < other.low : left.event < right.event
    }
}

/// People, by 64 bits of an identifier's keyed hash.
struct PersonRow: KeyRow {
    let key: Int64
    let event: Int64

    static let table = "event_keys"
    static let columns = ["key", "event"]

    init(key: Int64, event: Int64) {
        self.key = key
        self.event = event
    }

    init(_ row: Statement) { self.init(key: row.int64(0), event: row.int64(1)) }

    func bind(to statement: Statement, after index: Int32) {
        statement.bind(index + 1, key).bind(index + 2, event)
    }

    static func < (left: PersonRow, right: PersonRow) -> Bool {
        left.key != right.key ? left.key < right.key : left.event < right.event
    }
}

/// The rows of one kind in the file: in runs, each of them sorted, and in one table that is sorted
/// as a whole.
///
/// A run is put at the end of its table, some hundred rows to a page, however many there are. Put
/// into the sorted table each row would cost a page, because the order of keys is random: so many
/// runs go over into it together, in the order of their keys.
final class KeyRuns<Row: KeyRow> {
    /// Rows that go into a run; ascending, they are appended.
    private let appended: RowInserter<(run: Int64, row: Row)>
    private let sorted: RowInserter<Row>
    private let first, cut: Statement
    /// Rows that are to be moved.
    private var owed = 0

    init(_ connection: Connection) throws {
        let columns = Row.columns.joined(separator: ", ")
        let places = Row.columns.map { _ in "?" }.joined(separator: ", ")
        appended = try RowInserter(
            connection, sql: "INSERT OR IGNORE INTO run_\(Row.table) (run, \(columns))",
            columns: Row.columns.count + 1
        ) { entry, insert, index in
            insert.bind(index + 1, entry.run)
            entry.row.bind(to: insert, after: index + 1)
        }
        sorted = try RowInserter(
            connection, sql: "INSERT OR IGNORE INTO \(Row.table) (\(columns))",
            columns: Row.columns.count
        ) { $0.bind(to: $1, after: $2) }
        first = try connection.prepare(
            "SELECT \(columns) FROM run_\(Row.table) WHERE run = ? ORDER BY \(columns) LIMIT ?")
        cut = try connection.prepare(
            "DELETE FROM run_\(Row.table) WHERE run = ? AND (\(columns)) <= (\(places))")
    }

    /// Takes a row for a run; it is in the file after `flush`.
    func append(_ row: Row, to run: Int64) { appended.insert((run, row)) }

    /// Takes a row for the table that is sorted as a whole.
    func insert(_ row: Row) { sorted.insert(row) }

    func flush() throws {
        try appended.flush()
        try sorted.flush()
    }

    /// Forgets what was taken and not written.
    func discard() {
        appended.discard()
        sorted.discard()
    }

    /// Moves what is owed from these runs into the table that is sorted as a whole.
    ///
    /// - Parameters:
    ///   - more: rows that are owed from now on.
    ///   - least: rows of each run; nothing is moved while fewer are owed, and no more than twice
    ///     as many or `more` at once.
    /// - Returns: whether that was all of them.
    func moveOwed(from runs: [Int64], adding more: Int, atLeast least: Int) throws -> Bool {
        owed += more
        guard owed >= least * runs.count else { return false }
        let limit = min(owed, max(more, 2 * least * runs.count))
        let (moved, isAll) = try move(from: runs, share: limit / runs.count)
        owed = isAll ? 0 : max(0, owed - moved)
        return isAll
    }

    func isEmpty(_ runs: [Int64]) throws -> Bool {
        try runs.allSatisfy { try head(of: $0, 1).isEmpty }
    }

    /// - Parameter share: rows that are read of each run.
    private func move(
        from runs: [Int64], share: Int
    ) throws -> (count: Int, isAll: Bool) {
        let heads = try runs.map { try head(of: $0, share) }
        // What comes after the last row that was read of a run may come after others of it.
        let bound = heads.filter { $0.count == share }.compactMap(\.last).min()
        let rows = heads.joined().filter { row in bound.map { row <= $0 } ?? true }.sorted()
        guard let last = rows.last else { return (0, true) }
        rows.forEach(insert)
        try sorted.flush()
        for (run, head) in zip(runs, heads) where head.first.map({ $0 <= last }) ?? false {
            last.bind(to: cut.reset().bind(1, run), after: 1)
            try cut.run()
        }
        return (rows.count, bound == nil)
    }

    private func head(of run: Int64, _ limit: Int) throws -> [Row] {
        first.reset().bind(1, run).bind(2, limit)
        defer { first.reset() }
        var rows: [Row] = []
        while try first.step() { rows.append(Row(first)) }
        return rows
    }
}
