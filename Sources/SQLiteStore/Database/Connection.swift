import CSQLite
import Events
import Store

/// An error of SQLite itself, with the statement it came from; never with the values.
struct SQLiteError: StoreFailure, Sendable, CustomStringConvertible {
    let code: Int32
    let message: String
    let sql: String

    var description: String { "SQLite error \(code): \(message) in: \(sql)" }
}

extension SQLiteError {
    /// The fault by the primary code, which is the low byte of the extended one.
    var fault: StoreFault {
        switch code & 0xFF {
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL, SQLITE_FULL, SQLITE_NOMEM:
            .passing(description)
        case SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_READONLY, SQLITE_CANTOPEN:
            .fatal(description)
        default: .single(description)
        }
    }
}

/// One connection to the database file.
///
/// Belongs to one thread at a time.
final class Connection {
    private let handle: OpaquePointer
    private static let configured = csqlite_configure()
    /// Pages in the write-ahead log after the last commit of this connection.
    private(set) var logPages = 0

    enum Mode { case readWrite, readOnly }

    /// - Parameter busyTimeout: the time to wait for another process's lock.
    init(path: String, mode: Mode, busyTimeout: Duration) throws(SQLiteError) {
        _ = Self.configured
        let flags =
            mode == .readWrite
            ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard code == SQLITE_OK, let opened else {
            let message = opened.map { String(cString: sqlite3_errmsg($0)) } ?? "out of memory"
            sqlite3_close_v2(opened)
            throw SQLiteError(code: code, message: message, sql: "open \(path)")
        }
        handle = opened
        sqlite3_busy_timeout(handle, Int32(clamping: busyTimeout.milliseconds))
        sqlite3_extended_result_codes(handle, 1)
    }

    deinit { sqlite3_close_v2(handle) }

    /// Runs statements that give no rows and take no values.
    func execute(_ sql: String) throws(SQLiteError) {
        guard sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw error(sql) }
    }

    func prepare(_ sql: String) throws(SQLiteError) -> Statement {
        var statement: OpaquePointer?
        let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
        guard sqlite3_prepare_v3(handle, sql, -1, flags, &statement, nil) == SQLITE_OK,
            let statement
        else { throw error(sql) }
        return Statement(handle: statement, connection: self, sql: sql)
    }

    /// Leaves copying the log into the file to others, and counts its pages.
    func countLogPages() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        sqlite3_wal_hook(
            handle,
            { context, _, _, pages in
                if let context {
                    Unmanaged<Connection>.fromOpaque(context).takeUnretainedValue().logPages =
                        Int(pages)
                }
                return SQLITE_OK
            }, context)
    }

    /// Copies what readers allow from the log into the file; gives the pages of the log that are in
    /// the file now.
    @discardableResult
    func checkpoint() throws(SQLiteError) -> Int {
        var copied: Int32 = 0
        let code = sqlite3_wal_checkpoint_v2(
            handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, &copied)
        guard code == SQLITE_OK || code & 0xFF == SQLITE_BUSY else { throw error("checkpoint") }
        return max(0, Int(copied))
    }

    /// The first column of the first row, as text.
    func text(_ sql: String) throws(SQLiteError) -> String? {
        let statement = try prepare(sql)
        return try statement.step() ? statement.text(0) : nil
    }

    /// Copies the whole database to a new file.
    func backup(to path: String) throws(SQLiteError) {
        var target: OpaquePointer?
        defer { sqlite3_close(target) }
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXCLUSIVE
        guard sqlite3_open_v2(path, &target, flags, nil) == SQLITE_OK,
            let copy = sqlite3_backup_init(target, "main", handle, "main")
        else { throw SQLiteError(code: SQLITE_CANTOPEN, message: "no copy", sql: path) }
        let code = sqlite3_backup_step(copy, -1)
        let end = sqlite3_backup_finish(copy)
        guard code == SQLITE_DONE, end == SQLITE_OK else {
            throw SQLiteError(code: code, message: "the copy ended early", sql: path)
        }
    }

    /// Rows the last statement changed.
    var changes: Int { Int(sqlite3_changes(handle)) }

    func error(_ sql: String) -> SQLiteError {
        SQLiteError(
            code: sqlite3_extended_errcode(handle),
            message: String(cString: sqlite3_errmsg(handle)),
            sql: sql)
    }
}

/// A prepared statement.
///
/// Bind, step, read columns; `reset` before it is used again.
final class Statement {
    /// Rows of one that is for many.
    static let many = 16

    private let handle: OpaquePointer
    private let connection: Connection
    private let sql: String

    /// Where bound values stand until the statement is reset.
    private let scratch = Scratch()

    fileprivate init(handle: OpaquePointer, connection: Connection, sql: String) {
        self.handle = handle
        self.connection = connection
        self.sql = sql
    }

    deinit { sqlite3_finalize(handle) }

    /// Makes the statement ready for new values.
    @discardableResult
    func reset() -> Statement {
        sqlite3_reset(handle)
        scratch.clear()
        return self
    }

    @discardableResult
    func bind(_ index: Int32, _ value: Int64?) -> Statement {
        if let value {
            sqlite3_bind_int64(handle, index, value)
        } else {
            sqlite3_bind_null(handle, index)
        }
        return self
    }

    @discardableResult
    func bind(_ index: Int32, _ value: Int?) -> Statement { bind(index, value.map { Int64($0) }) }

    @discardableResult
    func bind(_ index: Int32, _ value: String?) -> Statement {
        guard var value else { return bind(index, Int64?.none) }
        value.withUTF8 { bindText(index, UnsafeRawBufferPointer($0)) }
        return self
    }

    @discardableResult
    func bind(_ index: Int32, _ value: [UInt8]?) -> Statement {
        guard let value else { return bind(index, Int64?.none) }
        value.withUnsafeBytes { bindBlob(index, $0) }
        return self
    }

    @discardableResult
    func bind(_ index: Int32, _ value: Digest128) -> Statement {
        value.withBytes { bindBlob(index, $0) }
        return self
    }

    private func bindText(_ index: Int32, _ bytes: UnsafeRawBufferPointer) {
        let count = Int32(bytes.count)
        if let kept = scratch.keep(bytes) {
            sqlite3_bind_text(handle, index, kept.assumingMemoryBound(to: CChar.self), count, nil)
        } else {
            let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            // A null pointer would bind NULL; the empty text is something else.
            _ = csqlite_bind_text(handle, index, start ?? Self.empty, count)
        }
    }

    private func bindBlob(_ index: Int32, _ bytes: UnsafeRawBufferPointer) {
        if let kept = scratch.keep(bytes) {
            sqlite3_bind_blob(handle, index, kept, Int32(bytes.count), nil)
        } else if let start = bytes.baseAddress {
            _ = csqlite_bind_blob(handle, index, start, Int32(bytes.count))
        } else {
            sqlite3_bind_zeroblob(handle, index, 0)
        }
    }

    /// Steps to the next row; false at the end.
    func step() throws(SQLiteError) -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let error = connection.error(sql)
            sqlite3_reset(handle)
            throw error
        }
    }

    /// Runs to the end, for statements that give no rows.
    func run() throws(SQLiteError) {
        while try step() {}
        sqlite3_reset(handle)
    }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func int64(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func int(_ column: Int32) -> Int { Int(int64(column)) }

    func optionalInt64(_ column: Int32) -> Int64? { isNull(column) ? nil : int64(column) }

    func text(_ column: Int32) -> String? {
        guard let start = sqlite3_column_text(handle, column) else { return nil }
        let count = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    func blob(_ column: Int32) -> [UInt8]? {
        guard !isNull(column) else { return nil }
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        let count = Int(sqlite3_column_bytes(handle, column))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// A column of sixteen bytes; the schema sees to that.
    func digest(_ column: Int32) -> Digest128 {
        Digest128(
            UnsafeRawBufferPointer(
                start: sqlite3_column_blob(handle, column),
                count: Int(sqlite3_column_bytes(handle, column))))
    }

    private static var empty: UnsafePointer<CChar> {
        let text: StaticString = ""
        return UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
    }
}

/// A little memory for the values of one statement: SQLite would allocate each of them.
private final class Scratch {
    private var memory: UnsafeMutableRawPointer?
    private var used = 0

    /// Bytes for all values of some rows; what goes beyond SQLite copies itself.
    private static let size = 16_384

    deinit { memory?.deallocate() }

    /// A copy that lasts until `clear`; nil when there is no room, or nothing to copy.
    func keep(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawPointer? {
        guard let start = bytes.baseAddress, used + bytes.count <= Self.size else { return nil }
        let memory = memory ?? .allocate(byteCount: Self.size, alignment: 16)
        self.memory = memory
        let copy = memory + used
        copy.copyMemory(from: start, byteCount: bytes.count)
        used += bytes.count
        return UnsafeRawPointer(copy)
    }

    func clear() { used = 0 }
}
