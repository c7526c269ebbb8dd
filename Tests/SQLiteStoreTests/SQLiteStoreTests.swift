import Accept
import CSQLite
import Deliver
import Events
import Log
import Pipeline
import SQLiteStore
import Store
import SluiceTesting
import Testing

@Suite struct `The SQLite store` {
    @Test(arguments: StoreContract.all)
    func keeps(contract: StoreContract) async throws {
        var setUp = try StoreSetUp()
        contract.setUp(&setUp)
        try await contract.check(try StoreFolder().open(setUp))
    }

    @Test func `has synchronous FULL on the connection that writes`() throws {
        // GRDB's trap: NORMAL in WAL loses the last commits on power loss, after the 200.
        let folder = try TemporaryFolder()
        let store = try SQLiteStore.open(
            directory: folder.path, pipeline: Pipeline(destinations: []), room: Room(),
            clock: ManualClock().world, hashKey: [1], news: { _ in })
        #expect(store.settings["synchronous"] == "2")
        #expect(store.settings["journal_mode"] == "wal")
        store.close()
    }

    @Test func `refuses a second program on its folder and says so`() throws {
        let folder = try TemporaryFolder()
        let first = try DataDirectory(folder.path)
        let problem = #expect(throws: Problem.self) { try DataDirectory(first.path) }
        #expect(problem?.code == "data_directory_in_use")
    }

    @Test func `lets the folder go with the one who held it`() throws {
        let folder = try TemporaryFolder()
        do { _ = try DataDirectory(folder.path) }
        #expect(throws: Never.self) { try DataDirectory(folder.path) }
    }

    @Test func `refuses a file of a newer version`() throws {
        let folder = try StoreFolder()
        var database: OpaquePointer?
        sqlite3_open(folder.path + "/sluice.db", &database)
        sqlite3_exec(database, "PRAGMA user_version = 99", nil, nil, nil)
        sqlite3_close(database)
        let problem = #expect(throws: Problem.self) { try folder.open() }
        #expect(problem?.code == "store_too_new")
    }

    @Test func `commits many waiting events together and answers each`() async throws {
        let folder = try StoreFolder()
        let store = try folder.open()
        let receipts = try await withThrowingTaskGroup(of: Receipt.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let event = try Fixtures.track(user: "\(number)", message: "m\(number)")
                    return try await store.events.accept(
                        Envelope(events: [(0, event)]), from: "backend")[0]
                }
            }
            return try await group.reduce(into: [Receipt]()) { $0.append($1) }
        }
        #expect(Set(receipts.map(\.id)).count == 200)
        #expect(Set(receipts.map(\.messageID)).count == 200)
    }

    @Test func `refuses events while another program holds the file, and recovers by itself`()
        async throws
    {
        let folder = try TemporaryFolder()
        var options = SQLiteStore.Options()
        options.busyTimeout = .milliseconds(20)
        let store = try SQLiteStore.open(
            directory: folder.path, pipeline: try StoreSetUp().pipeline,
            room: Room(), clock: ManualClock().world, hashKey: [1],
            sqlite: options, news: { _ in })
        var other: OpaquePointer?
        sqlite3_open(folder.path + "/sluice.db", &other)
        // The store's own housekeeping may hold the lock for a moment.
        sqlite3_busy_timeout(other, 10_000)
        #expect(sqlite3_exec(other, "BEGIN IMMEDIATE", nil, nil, nil) == SQLITE_OK)
        let envelope = Envelope(events: [(0, try Fixtures.track(user: "1", message: "m"))])
        let problem = await #expect(throws: Problem.self) {
            try await store.accept(envelope, from: "a new source")
        }
        #expect(problem?.code == "store_unavailable" && store.lastFailure != nil)
        sqlite3_exec(other, "ROLLBACK", nil, nil, nil)
        sqlite3_close(other)
        // Nothing is sent meanwhile: a server that is not ready gets no events.
        _ = try await eventually("it notices") { store.lastFailure == nil ? true : nil }
        let receipt = try await store.accept(envelope, from: "a new source")[0]
        #expect(!receipt.duplicate)
        store.close()
    }

    @Test func `lets one piece of work that cannot be done harm nothing else`() async throws {
        let folder = try StoreFolder()
        let store = try folder.open()
        let events = try (0..<3).map { try Fixtures.track(user: "\($0)", message: "m\($0)") }
        let envelope = Envelope(events: events.enumerated().map { ($0.offset, $0.element) })
        let receipts = try await store.events.accept(envelope, from: "backend")
        store.flush()
        // The stored body of the third is spoilt behind the store's back.
        var other: OpaquePointer?
        sqlite3_open(folder.path + "/sluice.db", &other)
        // The store's own housekeeping may hold the lock for a moment.
        sqlite3_busy_timeout(other, 10_000)
        let spoil = "UPDATE events SET body = CAST('{' AS BLOB) WHERE id = \(receipts[2].id.number)"
        #expect(sqlite3_exec(other, spoil, nil, nil, nil) == SQLITE_OK)
        sqlite3_close(other)
        let fourth = Envelope(events: [(0, try Fixtures.track(user: "9"))])
        _ = try await store.events.accept(fourth, from: "backend")
        store.deliveries.submit([.claim(destination: "vero", limit: 9, oldest: false)])
        store.flush()
        let claimed = store.news().compactMap { news -> [Job]? in
            if case .claimed(_, let jobs, _, _) = news { jobs } else { nil }
        }
        #expect(claimed.map(\.count) == [1], "the sound one is claimed")
        let row = try store.log.deliveries(of: receipts[2].id).first
        #expect(row?.state == .failed && row?.reason == .mapping)
    }

    @Test func `keeps no secret in the file`() async throws {
        let folder = try StoreFolder()
        let store = try folder.open()
        let event = try Fixtures.track(user: "1")
        _ = try await store.events.accept(Envelope(events: [(0, event)]), from: "backend")
        store.flush()
        for name in ["sluice.db", "sluice.db-wal"] {
            let text = String(decoding: try Fixtures.bytes(folder.path + "/" + name), as: UTF8.self)
            #expect(!text.contains("secret-token"))
        }
    }
}

/// A folder with a store in it; every store that was opened there is closed with it.
private final class StoreFolder: Sendable {
    private let folder: TemporaryFolder
    private let opened = Locked<[StoreEngine]>([])

    init() throws { folder = try TemporaryFolder() }

    deinit { for store in opened.withLock({ $0 }) { store.close() } }

    var path: String { folder.path }

    /// Opens the store; the folder stays as long as what is returned.
    func open(
        _ setUp: StoreSetUp? = nil, clock: ManualClock = ManualClock()
    ) throws -> StoreUnderTest {
        let setUp = try setUp ?? StoreSetUp()
        let news = Locked<[StoreNews]>([])
        let store = try SQLiteStore.open(
            directory: path, pipeline: setUp.pipeline, room: Room(setUp.room), clock: clock.world,
            hashKey: [UInt8](repeating: 7, count: 32), options: setUp.options
        ) { fresh in news.withLock { $0 += fresh } }
        opened.withLock { $0.append(store) }
        return StoreUnderTest(
            engine: store, log: try SQLiteLog(directory: path), clock: clock,
            news: { news.withLock { $0 } }, reopen: { try self.open($0, clock: clock) })
    }
}
