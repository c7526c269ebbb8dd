import Events
import JSON

/// Gathers rows of one table and inserts them sixteen at a time: a statement's own cost is then
/// paid once for all of them.
final class RowInserter<Row> {
    private let one, several: Statement
    private let columns: Int32
    private let bind: (Row, Statement, Int32) -> Void
    private var rows: [Row] = []

    /// - Parameters:
    ///   - sql: an INSERT up to its list of values.
    ///   - bind: binds a row's values; its last argument is the number of values before them.
    init(
        _ connection: Connection, sql: String, columns: Int,
        bind: @escaping (Row, Statement, Int32) -> Void
    ) throws {
        self.columns = Int32(columns)
        self.bind = bind
        let row = "(" + Array(repeating: "?", count: columns).joined(separator: ", ") + ")"
        one = try connection.prepare("\(sql) VALUES \(row)")
        let rows = Array(repeating: row, count: Statement.many).joined(separator: ", ")
        several = try connection.prepare("\(sql) VALUES \(rows)")
    }

    /// Gathers a row; it is in the file after `flush`.
    func insert(_ row: Row) { rows.append(row) }

    /// Writes the gathered rows.
    func flush() throws {
        if rows.isEmpty { return }
        defer { rows.removeAll(keepingCapacity: true) }
        for slice in rows.slices(of: Statement.many) {
            guard slice.count == Statement.many else {
                for row in slice {
                    bind(row, one.reset(), 0)
                    try one.run()
                }
                continue
            }
            several.reset()
            for (place, row) in slice.enumerated() {
                bind(row, several, Int32(place) * columns)
            }
            try several.run()
        }
    }

    /// Drops the rows that were gathered and not written.
    func discard() { rows.removeAll() }
}
