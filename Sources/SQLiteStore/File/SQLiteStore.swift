package import Deliver
package import Events
package import Pipeline
package import Store

/// The store on one SQLite file: how it is opened.
///
/// The rules are `Store`'s; this module finds, inserts, changes and removes rows. One connection
/// belongs to the writer's thread, one copies the log into the file beside it, and readers have
/// read-only connections of their own.
package enum SQLiteStore {
    /// The settings of SQLite itself.
    package struct Options: Sendable {
        /// The time to wait for another process's lock on the file.
        package var busyTimeout = Duration.seconds(5)
        package var keys = KeyLimits()

        package init() {}
    }

    /// Opens or creates the store in a directory, and takes up what a crash left.
    ///
    /// - Parameters:
    ///   - hashKey: 32 random bytes; they are used when the store is created.
    ///   - faults: called on the writer's thread when something could not be stored.
    ///   - news: called on the writer's thread, after the commit; must return at once.
    /// - Throws: `store_unsafe`, `store_too_new`, `store_damaged`.
    package static func open(
        directory: String, pipeline: Pipeline, room: Room, clock: WorldClock, hashKey: [UInt8],
        options: StoreEngine.Options = StoreEngine.Options(), sqlite: Options = Options(),
        faults: @escaping @Sendable (StoreFault) -> Void = { _ in },
        news: @escaping @Sendable ([StoreNews]) -> Void
    ) throws -> StoreEngine {
        let path = directory + "/sluice.db"
        do {
            let session = try SQLiteSession(
                path: path, hashKey: hashKey, options: sqlite, faults: faults)
            return try StoreEngine(
                session, pipeline: pipeline, room: room, clock: clock, options: options,
                faults: faults, news: news)
        } catch let error as SQLiteError {
            throw StoreFile.damage(error, path) ?? error
        }
    }
}
