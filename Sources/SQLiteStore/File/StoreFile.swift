import CSQLite
import Events

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A store's file, looked at and copied from outside; works beside a running server.
package struct StoreFile: Sendable {
    private let path: String

    package init(directory: String) { path = directory + "/sluice.db" }

    /// The faults of the file, a sentence each; none when it is sound.
    ///
    /// Reads every page, and compares indexes with tables.
    package func faults() throws -> [String] {
        let connection = try open()
        var found: [String] = []
        for (sql, good) in [("PRAGMA integrity_check(20)", "ok"), ("PRAGMA foreign_key_check", "")]
        {
            let select = try connection.prepare(sql)
            while try select.step() {
                let text = select.text(0) ?? ""
                if text != good { found.append("\(sql): \(text)") }
            }
        }
        return found
    }

    /// Copies the file as it is now to a new one (0600), while it may be written.
    package func backup(to target: String) throws {
        let source = try open()
        guard access(target, F_OK) != 0 else {
            throw Problem(
                code: "file_exists", message: "The file \(target) exists already.",
                hint: "Name a new one.")
        }
        umask(0o077)
        try source.backup(to: target)
    }

    private func open() throws -> Connection {
        do {
            return try Connection(path: path, mode: .readOnly, busyTimeout: .seconds(5))
        } catch {
            throw StoreFile.damage(error, path) ?? error
        }
    }

    /// The problem of a file that is no store any more, with what to do; nil for other errors.
    static func damage(_ error: SQLiteError, _ path: String) -> Problem? {
        guard [SQLITE_CORRUPT, SQLITE_NOTADB].contains(error.code & 0xFF) else { return nil }
        return Problem(
            code: "store_damaged", message: "The store \(path) is damaged: \(error.message).",
            hint:
                "Keep a copy, then put a backup in its place, or save what can be read with: sqlite3 \(path) .recover"
        )
    }
}
