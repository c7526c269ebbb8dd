import Accept
import CSQLite
import Deliver
import Events
import JSON
import Log
import Pipeline
import SluiceTesting
import Testing

@testable import SQLiteStore
import Store

/// A store with limits, whose disk and clock are the test's.
private final class Bench: Sendable {
    let folder: TemporaryFolder
    let clock = ManualClock()
    let free = Locked<Int64?>(nil)
    let faults = Locked<[StoreFault]>([])
    private let claimed = Locked<[Job]>([])
    let store: StoreEngine

    init(_ change: (inout StoreLimits) -> Void = { _ in }, isEnabled: Bool = true) throws {
        folder = try TemporaryFolder()
        var options = StoreEngine.Options()
        change(&options.limits)
        options.houseInterval = .zero
        let free = free
        let faults = faults
        let claimed = claimed
        options.freeSpace = { free.withLock { $0 } }
        store = try SQLiteStore.open(
            directory: folder.path,
            pipeline: Pipeline(destinations: [try Fixtures.destination(isEnabled: isEnabled)]),
            room: Room(), clock: clock.world, hashKey: [1], options: options,
            faults: { fault in faults.withLock { $0.append(fault) } },
            news: { news in
                for case .claimed(_, let jobs, _, _) in news {
                    claimed.withLock { $0 += jobs }
                }
            })
    }

    /// Opens the next attempt of the delivery whose turn it is.
    func claim() async throws -> Job {
        store.submit([.claim(destination: "vero", limit: 1, oldest: false)])
        return try await eventually("a delivery to be claimed") {
            claimed.withLock { $0.popLast() }
        }
    }

    func accept(_ message: String, user: String = "1") async throws -> EventID {
        let event = try Fixtures.track(user: user, message: message, at: clock.now)
        return try await store.accept(Envelope(events: [(0, event)]), from: "backend")[0].id
    }

    var log: SQLiteLog { get throws { try SQLiteLog(directory: folder.path) } }

    /// The code that answers an event which cannot be taken.
    func refusal(_ message: String) async -> String? {
        do {
            _ = try await accept(message)
            return nil
        } catch { return (error as? Problem)?.code }
    }
}

@Suite struct `A store under pressure` {
    @Test func `takes no events below the reserve, and goes on by itself`() async throws {
        let bench = try Bench { $0.reserve = 1_000 }
        bench.free.withLock { $0 = 999 }
        _ = try await eventually("the disk to be seen") { bench.store.pressure }
        #expect(await bench.refusal("a") == "disk_reserve")
        #expect(bench.faults.withLock { $0.count } == 1, "one alert, not one for each event")
        let log = try bench.log
        let shown = try await eventually("people to be shown") { try log.server().pressure }
        #expect(shown.problem.code == "disk_reserve" && shown.since == bench.clock.now)
        bench.free.withLock { $0 = 1_000 }
        _ = try await eventually("the space to be seen") {
            bench.store.pressure == nil ? true : nil
        }
        #expect(await bench.refusal("a") == nil)
        _ = try await eventually("people to be shown the end") {
            try log.server().pressure == nil ? true : nil
        }
        bench.store.close()
    }

    @Test func `does not say after a start what was before it`() async throws {
        let bench = try Bench { $0.reserve = 1_000 }
        bench.free.withLock { $0 = 999 }
        let log = try bench.log
        _ = try await eventually("people to be shown") { try log.server().pressure }
        bench.store.close()
        let again = try SQLiteStore.open(
            directory: bench.folder.path, pipeline: Pipeline(destinations: []), room: Room(),
            clock: bench.clock.world, hashKey: [1], news: { _ in })
        #expect(try log.server().pressure == nil)
        again.close()
    }

    @Test func `takes no more events than may wait`() async throws {
        let bench = try Bench { $0.queue = 3 }
        for number in 1...3 { _ = try await bench.accept("m\(number)", user: "\(number)") }
        bench.clock.advance(by: .milliseconds(61_000))
        _ = try await eventually("the queue to be counted") { bench.store.pressure }
        #expect(await bench.refusal("m4") == "queue_full")
        _ = try await bench.store.drop("vero")
        bench.clock.advance(by: .milliseconds(61_000))
        _ = try await eventually("the room to be seen") {
            bench.store.pressure == nil ? true : nil
        }
        #expect(await bench.refusal("m4") == nil)
        bench.store.close()
    }

    @Test func `removes bodies first, then rows, and only what has ended`() async throws {
        let bench = try Bench(
            {
                $0.bodies = .days(1)
                $0.events = .days(10)
            }, isEnabled: false)
        let id = try await bench.accept("m1")
        bench.clock.advance(by: .milliseconds(86_400_000 + 1_000))
        let log = try bench.log
        _ = try await eventually("the body to go") {
            try log.event(id)?.event.document.root.isEmpty == true ? true : nil
        }
        #expect(try log.deliveries(of: id).count == 1, "what became of it stays")
        #expect(try log.events(messageID: "m1") == [id], "a repeat is still recognised")
        bench.clock.advance(by: .days(10))
        _ = try await eventually("the row to go") { try log.event(id) == nil ? true : nil }
        #expect(try log.deliveries(of: id).isEmpty && log.events(messageID: "m1").isEmpty)
        bench.store.close()
    }

    @Test func `removes many without letting the log grow, though nothing comes`() async throws {
        let bench = try Bench({ $0.events = .days(10) }, isEnabled: false)
        let text = String(repeating: "x", count: 12_000)
        var last: EventID?
        for batch in 0..<40 {
            let events = try (0..<50).map { number in
                (
                    number,
                    try Fixtures.accepted(
                        """
                        {"type":"track","event":"E","userId":"1","messageId":"\(batch)-\(number)",
                         "properties":{"text":"\(text)"}}
                        """, at: bench.clock.now)
                )
            }
            last = try await bench.store.accept(Envelope(events: events), from: "backend").last?.id
        }
        let before = try bench.folder.size(of: "sluice.db-wal")
        bench.clock.advance(by: .days(11))
        let (log, id) = (try bench.log, try #require(last))
        _ = try await eventually("the rows to go") {
            bench.clock.advance(by: .milliseconds(100))
            return try log.event(id) == nil ? true : nil
        }
        #expect(
            try bench.folder.size(of: "sluice.db-wal") < before + 3_000 * 4_096,
            "it began anew meanwhile")
        bench.store.close()
    }

    @Test func `keeps the body of what still waits`() async throws {
        let bench = try Bench { $0.bodies = .days(1) }
        let id = try await bench.accept("m1")
        bench.clock.advance(by: .days(100))
        _ = try await bench.accept("m2")
        let log = try bench.log
        for _ in 1...20 { bench.store.flush() }
        #expect(try log.event(id)?.event.document.root.isEmpty == false)
        bench.store.close()
    }

    @Test func `gives up the oldest bodies when its file is too large`() async throws {
        let bench = try Bench({ $0.size = 1 }, isEnabled: false)
        let id = try await bench.accept("m1")
        bench.clock.advance(by: .milliseconds(5_000))
        let log = try bench.log
        _ = try await eventually("the body to go") {
            try log.event(id)?.event.document.root.isEmpty == true ? true : nil
        }
        bench.store.close()
    }
}

@Suite struct `A clock that jumps` {
    @Test func `two days back does not put off what is due`() async throws {
        let bench = try Bench()
        let id = try await bench.accept("m1")
        let job = try await bench.claim()
        let now = bench.clock.now
        bench.store.submit([
            job.ended(.retry(due: now + .milliseconds(1_000), leavesLane: false), at: now)
        ])
        let waiting = try await bench.accept("m3", user: "3")
        bench.clock.set(by: .days(-2))
        _ = try await eventually("it to be due in a second again") {
            let due = try bench.log.deliveries(of: id)[0].dueAt
            return due == bench.clock.now + .seconds(1) ? true : nil
        }
        bench.clock.advance(by: .seconds(1))
        #expect(try await bench.claim().id.event == id)
        #expect(try await bench.claim().id.event == waiting, "it waits for no time")
        // Ids do not go back with the clock.
        let next = try await bench.accept("m2", user: "2")
        #expect(next > id)
        bench.store.close()
    }

    @Test func `two days forward ends nothing and keeps repeats recognised`() async throws {
        let bench = try Bench()
        let id = try await bench.accept("m1")
        bench.clock.advance(by: .days(2))
        #expect(try await bench.accept("m1") == id)
        #expect(try bench.log.deliveries(of: id)[0].state == .queued)
        bench.store.close()
    }
}

@Suite struct `An event that ends the program` {
    private func open(_ folder: TemporaryFolder, crashedOn id: DeliveryID?) throws -> StoreEngine {
        var options = StoreEngine.Options()
        options.crashedOn = id
        return try SQLiteStore.open(
            directory: folder.path,
            pipeline: Pipeline(destinations: [try Fixtures.destination()]), room: Room(),
            clock: ManualClock().world, hashKey: [1], options: options, news: { _ in })
    }

    @Test func `is put aside at the third time, and its person's next goes on`() async throws {
        let folder = try TemporaryFolder()
        var store = try open(folder, crashedOn: nil)
        var ids: [EventID] = []
        for message in ["m1", "m2"] {
            let event = try Fixtures.track(user: "1", message: message)
            ids += try await store.accept(Envelope(events: [(0, event)]), from: "backend").map(\.id)
        }
        store.close()
        let id = DeliveryID(event: ids[0], destination: "vero")
        for crash in 1...3 {
            let marker = WorkMarker(directory: folder.path)
            marker.mark(id)
            #expect(WorkMarker(directory: folder.path).found == id)
            store = try open(folder, crashedOn: id)
            let row = try SQLiteLog(directory: folder.path).deliveries(of: ids[0])[0]
            #expect((row.state == .failed) == (crash == 3))
            store.close()
        }
        let log = try SQLiteLog(directory: folder.path)
        #expect(try log.deliveries(of: ids[0])[0].reason == .mapping)
        #expect(try log.deliveries(of: ids[1])[0].dueAt != nil, "it is the head now")
    }

    @Test func `leaves no mark when nothing was at work`() throws {
        let folder = try TemporaryFolder()
        let marker = WorkMarker(directory: folder.path)
        marker.mark(DeliveryID(event: EventID(number: 7), destination: "vero"))
        marker.mark(nil)
        #expect(WorkMarker(directory: folder.path).found == nil)
    }
}

@Suite struct `The store's file` {
    @Test func `is copied while it is written, and the copy is good`() async throws {
        let bench = try Bench()
        let id = try await bench.accept("m1")
        let copy = try TemporaryFolder()
        let file = StoreFile(directory: bench.folder.path)
        try file.backup(to: copy.path + "/sluice.db")
        #expect(try file.faults().isEmpty)
        #expect(try StoreFile(directory: copy.path).faults().isEmpty)
        #expect(try SQLiteLog(directory: copy.path).event(id) != nil)
        let problem = #expect(throws: Problem.self) {
            try file.backup(to: copy.path + "/sluice.db")
        }
        #expect(problem?.code == "file_exists")
        bench.store.close()
    }

    @Test func `that is damaged is refused with what to do`() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write(String(repeating: "no database ", count: 1_000), to: "sluice.db")
        let problem = #expect(throws: Problem.self) {
            try SQLiteStore.open(
                directory: folder.path, pipeline: Pipeline(destinations: []), room: Room(),
                clock: ManualClock().world, hashKey: [1], news: { _ in })
        }
        #expect(problem?.code == "store_damaged" && problem?.hint.contains("backup") == true)
    }

    @Test(arguments: 1..<Schema.migrations.count)
    func `of every older version is brought up to date, with all that was in it`(
        version: Int
    ) async throws {
        let folder = try TemporaryFolder()
        do {
            let connection = try Connection(
                path: folder.path + "/sluice.db", mode: .readWrite, busyTimeout: .seconds(1))
            try Schema.migrate(connection, key: [1], upTo: version)
            try connection.execute(
                """
                INSERT INTO sources (id, name) VALUES (1, 'backend');
                INSERT INTO destinations (id, name) VALUES (1, 'vero');
                INSERT INTO blueprints VALUES ('r', 'vero', x'7B7D', 1);
                INSERT INTO events (id, source, trusted, type, name, message_id, user_id,
                    email_state, lane, happened_at, received_at, marks, body)
                VALUES (5, 1, 1, 'track', 'Product Viewed', 'm', 'u', 'fine', 7, 1, 1, '', x'7B7D');
                INSERT INTO deliveries (event, destination, lane, state, revision, due_at)
                VALUES (5, 1, 7, 'queued', 'r', 1);
                """)
            try connection.execute(Self.sentTwice + (version < 6 ? Self.apart : Self.together))
        }
        let old = #expect(throws: Problem.self) { try SQLiteLog(directory: folder.path) }
        #expect(old?.code == "store_other_version")
        var options = StoreEngine.Options()
        // The rows are from 1970: what is old stays here.
        options.limits.bodies = .days(100_000)
        options.limits.events = .days(100_000)
        let store = try SQLiteStore.open(
            directory: folder.path,
            pipeline: Pipeline(destinations: [try Fixtures.destination()]), room: Room(),
            clock: ManualClock().world, hashKey: [2], options: options, news: { _ in })
        let log = try SQLiteLog(directory: folder.path)
        #expect(try log.event(EventID(number: 5))?.event.userID == "u")
        #expect(try log.deliveries(of: EventID(number: 5)).map(\.state) == [.queued])
        let sent = try log.detail(
            DeliveryID(event: EventID(number: 6), destination: "vero"))
        #expect(sent?.requests.map(\.name) == ["track", "tags"])
        #expect(sent?.requests.map(\.body.text) == ["{\"a\":\"***\"}", "{}"])
        #expect(sent?.requests[0].body.secrets == [.init(offset: 6, parameter: "token")])
        #expect(sent?.attempts.map(\.attempt.number) == [1, 2])
        #expect(try log.events(messageID: "m6") == [EventID(number: 6)])
        #expect(try StoreFile(directory: folder.path).faults().isEmpty)
        store.close()
    }

    /// A delivery of two steps that went at the second attempt.
    private static let sentTwice = """
        INSERT INTO events (id, source, trusted, type, name, message_id, user_id,
            email_state, lane, happened_at, received_at, marks, body)
        VALUES (6, 1, 1, 'track', 'Product Viewed', 'm6', 'u', 'fine', 7, 1, 1, '', x'7B7D');
        INSERT INTO messages VALUES (1, x'\(hexadecimal(Hasher128.digest(ofMessageID: "m6").bytes))', 6);
        INSERT INTO deliveries (event, destination, lane, state, revision, attempt, ended_at)
        VALUES (6, 1, 7, 'delivered', 'r', 2, 2);
        INSERT INTO attempts (event, destination, run, number, step, started_at, class)
        VALUES (6, 1, 1, 1, 0, 1, 'transient'), (6, 1, 1, 2, 0, 2, 'delivered');
        """

    /// Its requests, in a table of their own as in files of old, and as they are kept now.
    private static let apart = """
        INSERT INTO requests (event, destination, run, step, name, method, url, url_secrets, body,
            body_secrets)
        VALUES (6, 1, 1, 0, 'track', 'POST', 'https://x/', '',
                CAST('{"a":"***"}' AS BLOB), '6:token'),
            (6, 1, 1, 1, 'tags', 'PUT', 'https://x/t', '', CAST('{}' AS BLOB), '');
        """
    private static let together = """
        UPDATE attempts SET bodies = CAST('{"a":"***"}{}' AS BLOB), requests = replace(replace(
            'track|POST|https://x/||json|11|6:token^tags|PUT|https://x/t||json|2|',
            '|', char(31)), '^', char(30))
        WHERE number = 1;
        """
}
