/// Numbers for names, kept once in the file and once in memory.
struct NameTable {
    private let insert: Statement
    private(set) var numbers: [String: Int64] = [:]
    /// Names numbered in the open transaction.
    private var fresh: [String] = []

    init(_ connection: Connection, _ table: String) throws(SQLiteError) {
        insert = try connection.prepare(
            """
            INSERT INTO \(table) (name) VALUES (?)
            ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
            """)
        let select = try connection.prepare("SELECT name, id FROM \(table)")
        while try select.step() { numbers[select.text(0) ?? ""] = select.int64(1) }
    }

    mutating func number(_ name: String) throws(SQLiteError) -> Int64 {
        if let number = numbers[name] { return number }
        insert.reset().bind(1, name)
        defer { insert.reset() }
        _ = try insert.step()
        let number = insert.int64(0)
        numbers[name] = number
        fresh.append(name)
        return number
    }

    /// After a rollback: numbers the file does not have.
    mutating func forgetFresh() {
        for name in fresh { numbers[name] = nil }
        fresh = []
    }

    mutating func keepFresh() { fresh = [] }
}
