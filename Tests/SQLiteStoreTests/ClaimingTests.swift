import Accept
import Consent
import Deliver
import Events
import Log
import Pipeline
import SluiceTesting
import Testing

@testable import SQLiteStore
import Store

/// A store without room in memory: everything waits for a claim.
private final class Bench: Sendable {
    private let claims = Locked<[[Job]]>([])
    let clock = ManualClock()
    let store: StoreEngine

    init(_ folder: TemporaryFolder, _ pipeline: Pipeline) throws {
        let claims = claims
        store = try SQLiteStore.open(
            directory: folder.path, pipeline: pipeline, room: Room(), clock: clock.world,
            hashKey: [1],
            news: { news in
                for case .claimed(_, let jobs, _, _) in news {
                    claims.withLock { $0.append(jobs) }
                }
            })
    }

    func accept(_ message: String, user: String) async throws -> EventID {
        let event = try Fixtures.track(user: user, message: message)
        return try await store.accept(Envelope(events: [(0, event)]), from: "backend")[0].id
    }

    /// The deliveries that may be tried.
    func jobs() async throws -> [Job] {
        store.submit([.claim(destination: "vero", limit: 10, oldest: false)])
        return try await eventually("the claim to be answered") {
            claims.withLock { $0.popLast() }
        }
    }

    func claim() async throws -> [EventID] { try await jobs().map(\.id.event) }

    /// Delivers what may be tried.
    func deliver() async throws -> [EventID] {
        let jobs = try await jobs()
        store.submit(jobs.map { $0.ended(.delivered, at: clock.now) })
        return jobs.map(\.id.event)
    }
}

@Suite struct `What waits for a claim` {
    private let open: Pipeline
    private let strict: Pipeline

    init() throws {
        open = Pipeline(destinations: [try Fixtures.destination()])
        let rule = ConsentRule(require: ["analytics"], missing: .deny)
        strict = Pipeline(destinations: [try Fixtures.destination(consent: rule)])
    }

    @Test func `is kept back when the pipeline has come to ask for more`() async throws {
        let folder = try TemporaryFolder()
        let bench = try Bench(folder, open)
        let id = try await bench.accept("m1", user: "1")
        _ = try await bench.store.replace(strict)
        #expect(try await bench.claim().isEmpty)
        let row = try SQLiteLog(directory: folder.path).deliveries(of: id)[0]
        #expect(row.state == .filtered && row.reason == .consent)
        bench.store.close()
    }

    @Test func `is kept back when the program that starts asks for more`() async throws {
        let folder = try TemporaryFolder()
        let before = try Bench(folder, open)
        _ = try await before.accept("m1", user: "1")
        before.store.close()
        let after = try Bench(folder, strict)
        #expect(try await after.claim().isEmpty)
        after.store.close()
    }

    @Test func `goes in the order in which it came, also after a restart`() async throws {
        let folder = try TemporaryFolder()
        let before = try Bench(folder, open)
        var heads: [EventID] = []
        for user in ["1", "2", "3"] {
            heads.append(try await before.accept("m\(user)", user: user))
            _ = try await before.accept("n\(user)", user: user)
        }
        before.store.close()
        let after = try Bench(folder, open)
        #expect(try await after.claim() == heads)
        #expect(try await after.claim().isEmpty, "the others wait behind them")
        after.store.close()
    }
}

@Suite struct `A person's deliveries that are sent again` {
    @Test(arguments: [0, 3_000])
    func `go one after the other, and once each`(pause: Int64) async throws {
        let pipeline = Pipeline(destinations: [try Fixtures.destination()])
        let bench = try Bench(try TemporaryFolder(), pipeline)
        var ids: [EventID] = []
        for message in ["m1", "m2", "m3"] { ids.append(try await bench.accept(message, user: "1")) }
        for id in ids { #expect(try await bench.deliver() == [id]) }
        let order = ReplayOrder(
            deliveries: ids.map { DeliveryID(event: $0, destination: "vero") }, asWas: false,
            perSecond: 1_000_000, reason: "test")
        #expect(try await bench.store.replay(order).queued == 3)
        for id in ids {
            // By now the file has been told who waits for nobody any more.
            bench.clock.advance(by: .milliseconds(pause))
            _ = try await bench.accept("other \(id.text)", user: "2")
            let tried = try await bench.deliver()
            #expect(tried.filter { ids.contains($0) } == [id])
        }
        bench.store.close()
    }
}

@Suite struct `What is due and what is fresh` {
    @Test func `go by halves, and neither waits for all of the other`() async throws {
        let pipeline = Pipeline(destinations: [try Fixtures.destination()])
        let bench = try Bench(try TemporaryFolder(), pipeline)
        func accept(_ name: String) async throws -> [EventID] {
            var ids: [EventID] = []
            for number in 0..<9 {
                ids.append(try await bench.accept("\(name) \(number)", user: "\(name) \(number)"))
            }
            return ids
        }
        let replayed = try await accept("old")
        #expect(try await bench.deliver() == replayed)
        let order = ReplayOrder(
            deliveries: replayed.map { DeliveryID(event: $0, destination: "vero") }, asWas: false,
            perSecond: 1_000_000, reason: "test")
        #expect(try await bench.store.replay(order).queued == 9)
        let fresh = try await accept("new")
        #expect(try await bench.deliver() == Array(replayed.prefix(5)) + fresh.prefix(5))
        #expect(try await bench.deliver() == Array(replayed.suffix(4)) + fresh.suffix(4))
        bench.store.close()
    }
}
