import Events

extension Schema {
    /// Brings the file to this program's version; refuses one that is newer.
    ///
    /// - Parameter last: where to stop; tests make older files by it.
    static func migrate(
        _ connection: Connection, key: [UInt8], upTo last: Int = migrations.count
    ) throws {
        let version = Int(try connection.text("PRAGMA user_version") ?? "") ?? 0
        guard version <= migrations.count else {
            throw Problem(
                code: "store_too_new",
                message:
                    "The store has schema version \(version); this program knows \(migrations.count).",
                hint: "Start the newer program that wrote it, or use another data directory.")
        }
        for (index, migration) in migrations.prefix(last).enumerated().dropFirst(version) {
            try connection.execute("BEGIN IMMEDIATE")
            do {
                try connection.execute(migration)
                if index == 0 {
                    let insert = try connection.prepare("INSERT INTO meta VALUES ('hash_key', ?)")
                    try insert.bind(1, key).run()
                }
                try connection.execute("PRAGMA user_version = \(index + 1)")
                try connection.execute("COMMIT")
            } catch {
                try? connection.execute("ROLLBACK")
                throw error
            }
        }
    }
}
