import Deliver
import Events
import Log
import Pipeline
import SQLiteStore
import Store

/// A data directory and the store in it: the one file that says which store the program uses.
struct DataFolder: Sendable {
    let path: String

    init(_ path: String) { self.path = path }

    /// The hold of one program on a data directory; it ends with the value.
    struct Lock: Sendable {
        fileprivate let directory: DataDirectory
    }

    /// The note of the delivery that is being built, which outlives a crash.
    struct WorkNote: Sendable {
        /// The delivery at which the program last ended; nil when it ended well.
        let found: DeliveryID?
        /// Notes a delivery, or that none is being built.
        let mark: @Sendable (DeliveryID?) -> Void
    }

    /// The Unix socket on which a server takes orders.
    var socketPath: String { DataDirectory.socketPath(path) }

    /// True when a store was ever made here.
    var hasStore: Bool { DataDirectory.hasStore(path) }

    /// Refuses a path that leaves no room for the server's socket.
    func checkLength() throws(Problem) { try DataDirectory.checkLength(path) }

    /// Creates the directory when it is missing, and keeps other programs out of it.
    ///
    /// - Throws: `data_directory_in_use` while another program holds it.
    func lock() throws(Problem) -> Lock { Lock(directory: try DataDirectory(path)) }

    /// The problem of an order that needs the directory while a server holds it.
    var inUse: Problem {
        Problem(
            code: "data_directory_in_use",
            message: "Another sluice works on the data directory \(path).",
            hint: "Stop it first, or name another directory with --data.")
    }

    /// Opens the log for reading, beside a running server or without one.
    ///
    /// - Throws: `no_store` when there is nothing to read.
    func openLog() throws -> any DeliveryLog {
        guard hasStore else {
            throw Problem(
                code: "no_store", message: "There is no store in \(path).",
                hint: "Start the server first, or name the directory with --data.")
        }
        return try SQLiteLog(directory: path)
    }

    /// Opens the store for writing, and creates it when there is none; the lock has to be held.
    ///
    /// - Parameters:
    ///   - faults: called on the writer's thread when something could not be stored.
    ///   - news: called on the writer's thread, after the commit; must return at once.
    func openStore(
        pipeline: Pipeline, room: Room = Room(), clock: WorldClock = .system,
        options: StoreEngine.Options = StoreEngine.Options(),
        faults: @escaping @Sendable (StoreFault) -> Void = { _ in },
        news: @escaping @Sendable ([StoreNews]) -> Void = { _ in }
    ) throws -> StoreEngine {
        try SQLiteStore.open(
            directory: path, pipeline: pipeline, room: room, clock: clock,
            hashKey: Chance.bytes(32), options: options, faults: faults, news: news)
    }

    /// Opens the work note, and reads what the last program left in it.
    func workNote() -> WorkNote {
        let marker = WorkMarker(directory: path)
        return WorkNote(found: marker.found) { marker.mark($0) }
    }

    /// Reads every page of the store; works beside a running server.
    ///
    /// - Returns: the faults that were found, a sentence each.
    func check() throws -> [String] { try StoreFile(directory: path).faults() }

    /// Copies the store as it is now to a new file; works beside a running server.
    func backup(to file: String) throws { try StoreFile(directory: path).backup(to: file) }
}
