import Accept
import Deliver
import Events
import Log
import SluiceTesting
import Store
import Testing

/// A store in memory whose next steps fail as a test orders, with its engine.
private final class Failing: Sendable {
    let memory = MemoryStore()
    let clock = ManualClock()
    let news = Locked<[StoreNews]>([])
    let faults = Locked<[StoreFault]>([])
    let engine: StoreEngine

    init(room: Int = 1) throws {
        let (news, faults) = (news, faults)
        var setUp = try StoreSetUp()
        // No house is kept: its transactions would meet the faults that a test orders.
        setUp.options.isServer = false
        engine = try StoreEngine(
            memory.session(), pipeline: setUp.pipeline, room: Room(["vero": room]),
            clock: clock.world, options: setUp.options,
            faults: { fault in faults.withLock { $0.append(fault) } },
            news: { fresh in news.withLock { $0 += fresh } })
    }

    deinit { engine.close() }

    /// Has a step fail the next times it comes.
    func fail(_ step: MemoryStore.Step, with fault: StoreFault, times: Int = 1) {
        memory.faults.withLock { $0[step] = (fault, times) }
    }

    /// The code an event is refused with; nil when it is taken.
    func refusal(user: String, message: String? = nil) async throws -> String? {
        let event = try Fixtures.track(user: user, message: message, at: clock.now)
        do {
            _ = try await engine.accept(Envelope(events: [(0, event)]), from: "backend")
            return nil
        } catch {
            return error.code
        }
    }

    var handedOver: [Job] {
        news.withLock { $0 }.flatMap { news -> [Job] in
            if case .handedOver(let jobs) = news { jobs } else { [] }
        }
    }

    /// The news that the store cannot be written, or can again, in order.
    var failures: [Bool] {
        news.withLock { $0 }.compactMap {
            if case .storeFails(let fails) = $0 { fails } else { nil }
        }
    }
}

@Suite struct `A transaction that fails` {
    @Test func `leaves nothing behind in memory`() async throws {
        let store = try Failing()
        store.fail(.commit, with: .passing("the disk is full"))
        #expect(try await store.refusal(user: "1", message: "m") == "store_unavailable")
        #expect(try await store.refusal(user: "1", message: "m") == nil)
        let jobs = store.handedOver
        #expect(jobs.count == 1, "its lane and its place in memory are free again")
        #expect(try store.memory.log.events(messageID: "m") == [jobs[0].id.event])
    }

    @Test func `keeps the deliverer's work until it can be written, and says so`() async throws {
        let store = try Failing()
        #expect(try await store.refusal(user: "1") == nil)
        let job = try #require(store.handedOver.first)
        store.fail(.commit, with: .passing("the disk is full"), times: 3)
        store.engine.submit([job.ended(.delivered, at: store.clock.now)])
        let row = try await eventually("the attempt to be recorded") {
            try store.memory.log.deliveries(of: job.id.event).first { $0.state == .delivered }
        }
        #expect(row.status == 200 && store.failures == [true, false])
        #expect(store.faults.withLock { $0 } == [.passing("the disk is full")], "told once")
    }

    @Test func `tells a fault of the disk, which has to end the program`() async throws {
        let store = try Failing()
        store.fail(.commit, with: .fatal("fsync failed"))
        #expect(try await store.refusal(user: "1") == "store_unavailable")
        #expect(store.faults.withLock { $0.contains(.fatal("fsync failed")) })
    }
}

@Suite struct `One piece of work that cannot be done` {
    @Test func `does not cost the work beside it`() async throws {
        let store = try Failing(room: 9)
        // The whole transaction meets the fault first, then the event alone.
        store.fail(.event, with: .single("no such thing"), times: 2)
        async let first = store.refusal(user: "1", message: "m1")
        async let second = store.refusal(user: "2", message: "m2")
        let refused = try await [first, second].compactMap { $0 }
        #expect(refused.allSatisfy { $0 == "store_unavailable" } && refused.count <= 2)
        #expect(try await store.refusal(user: "3", message: "m3") == nil)
        #expect(store.faults.withLock { $0.contains(.single("no such thing")) })
    }

    @Test func `answers a claim, so that the deliverer asks again later`() async throws {
        let store = try Failing(room: 0)
        #expect(try await store.refusal(user: "1") == nil)
        // With work beside it the transaction meets the fault first, then the claim alone.
        store.fail(.claim, with: .single("no such row"), times: 2)
        store.engine.submit([.claim(destination: "vero", limit: 7, oldest: false)])
        store.engine.flush()
        let answers = store.news.withLock { $0 }.compactMap { news -> (Int, Timestamp?)? in
            if case .claimed(_, _, let limit, let nextDue) = news { (limit, nextDue) } else { nil }
        }
        #expect(answers.map(\.0) == [7])
        #expect(answers.first?.1 == store.clock.now + .seconds(5))
    }

    @Test func `gives an attempt back that cannot be recorded`() async throws {
        let store = try Failing()
        #expect(try await store.refusal(user: "1") == nil)
        let job = try #require(store.handedOver.first)
        store.fail(.attempt, with: .single("no such row"), times: 2)
        store.engine.submit([job.ended(.expired, at: store.clock.now)])
        store.engine.flush()
        let row = try #require(try store.memory.log.deliveries(of: job.id.event).first)
        #expect(row.state == .queued && row.attempt == 0, "better twice than never")
    }
}
