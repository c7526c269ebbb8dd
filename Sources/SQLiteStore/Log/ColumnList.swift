/// The columns of a select, each with its SQL, in the order in which the statement has them.
///
/// A row is read by these names: the list that makes the statement is the list that reads it.
protocol ColumnList: CaseIterable, RawRepresentable where RawValue == Int32 {
    var sql: String { get }
}

extension ColumnList {
    /// The columns as a SELECT lists them.
    static var list: String { allCases.map(\.sql).joined(separator: ", ") }
}

extension Statement {
    func text(_ column: some ColumnList) -> String? { text(column.rawValue) }
    func int(_ column: some ColumnList) -> Int { int(column.rawValue) }
    func int64(_ column: some ColumnList) -> Int64 { int64(column.rawValue) }
    func blob(_ column: some ColumnList) -> [UInt8]? { blob(column.rawValue) }
    func isTrue(_ column: some ColumnList) -> Bool { int(column.rawValue) == 1 }

    func optionalInt(_ column: some ColumnList) -> Int? {
        optionalInt64(column.rawValue).map { Int($0) }
    }
}
