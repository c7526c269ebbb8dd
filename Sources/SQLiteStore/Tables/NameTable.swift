import Store

/// The numbers of names, kept once in the file and once in memory.
final class NameTable: TransactionParticipant {
    private let insert: Statement
    private(set) var numbers: [String: Int64] = [:]
    /// Names that were numbered in the open transaction.
    private var fresh: [String] = []

    /// - Parameter table: has the columns `id` and `name`.
    init(_ connection: Connection, table: String) throws(SQLiteError) {
        insert = try connection.prepare(
            """
            INSERT INTO \(table) (name) VALUES (?)
            ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
            """)
        let select = try connection.prepare("SELECT name, id FROM \(table)")
        while try select.step() { numbers[select.text(0) ?? ""] = select.int64(1) }
    }

    /// The number of a name; a new name gets one.
    func number(of name: String) throws(SQLiteError) -> Int64 {
        if let number = numbers[name] { return number }
        insert.reset().bind(1, name)
        defer { insert.reset() }
        _ = try insert.step()
        let number = insert.int64(0)
        numbers[name] = number
        fresh.append(name)
        return number
    }

    func keep() { fresh = [] }

    func undo() {
        for name in fresh { numbers[name] = nil }
        fresh = []
    }
}
