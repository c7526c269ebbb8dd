/// Inserts rows many at a time: what a statement costs by itself is paid once for all of them.
struct RowInserter {
    /// Rows of one statement.
    private static let many = 16

    private let one, several: Statement
    private let columns: Int32

    /// - Parameter sql: an INSERT up to its list of values.
    init(_ connection: Connection, _ sql: String, columns: Int) throws {
        self.columns = Int32(columns)
        let row = "(" + Array(repeating: "?", count: columns).joined(separator: ", ") + ")"
        one = try connection.prepare("\(sql) VALUES \(row)")
        let rows = Array(repeating: row, count: Self.many).joined(separator: ", ")
        several = try connection.prepare("\(sql) VALUES \(rows)")
    }

    /// - Parameter bind: binds a row's values; gets the number of values before them.
    func insert<Row>(_ rows: [Row], _ bind: (Row, Statement, Int32) -> Void) throws {
        var rest = rows[...]
        while rest.count >= Self.many {
            several.reset()
            for (place, row) in rest.prefix(Self.many).enumerated() {
                bind(row, several, Int32(place) * columns)
            }
            try several.run()
            rest = rest.dropFirst(Self.many)
        }
        for row in rest {
            bind(row, one.reset(), 0)
            try one.run()
        }
    }
}
