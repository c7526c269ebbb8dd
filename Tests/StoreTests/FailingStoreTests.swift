import Accept
import Deliver
import Events
import Log
import Pipeline
import SluiceTesting
import Testing

@testable import Store

/// A store in memory whose next steps fail as a test orders, with its engine.
private final class Failing: Sendable {
    let memory = MemoryStore()
    let clock = ManualClock()
    let news = Locked<[StoreNews]>([])
    let faults = Locked<[StoreFault]>([])
    let engine: StoreEngine
    /// False: the writer's thread stops at the next news, until it is true again.
    private let isOpen = Locked(true)

    init(
        room: Int = 1, _ change: (inout StoreEngine.Options) -> Void = { _ in }
    ) throws {
        let (news, faults, isOpen) = (news, faults, isOpen)
        var setUp = try StoreSetUp()
        change(&setUp.options)
        // No house is kept: its transactions would meet the faults that a test orders.
        setUp.options.isServer = false
        engine = try StoreEngine(
            memory.session(), pipeline: setUp.pipeline, room: Room(["vero": room]),
            clock: clock.world, options: setUp.options,
            faults: { fault in faults.withLock { $0.append(fault) } },
            news: { fresh in
                news.withLock { $0 += fresh }
                while isOpen.wait(atMost: .minutes(1), until: { $0 ? true : nil }) == nil {}
            })
    }

    deinit {
        goOn()
        engine.close()
    }

    /// Stops the writer's thread: it has committed an event, and takes nothing more.
    func stop() async throws {
        isOpen.withLock { $0 = false }
        let event = try Fixtures.track(user: "stop", at: clock.now)
        engine.accept(Envelope(events: [(0, event)]), from: "backend") { _ in }
        _ = try await eventually("the writer to stop") { handedOver.isEmpty ? nil : true }
    }

    func goOn() { isOpen.signal { $0 = true } }

    /// Waits until so much waits for the writer's thread.
    func waiting(_ count: Int) async throws {
        _ = try await eventually("\(count) to wait") {
            engine.inbox.withLock { $0.items.count } == count ? true : nil
        }
    }

    /// Has a step fail the next times it comes.
    func fail(_ step: MemoryStore.Step, with fault: StoreFault, times: Int = 1) {
        memory.faults.withLock { $0[step] = (fault, times) }
    }

    /// The code an event is refused with; nil when it is taken.
    func refusal(user: String, message: String? = nil) async throws -> String? {
        try await refusal(
            of: try Fixtures.track(user: user, message: message, at: clock.now))
    }

    func refusal(of event: Event) async throws -> String? {
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
        let events = store.handedOver.map(\.id.event)
        #expect(events.count == 1, "its lane and its place in memory are free again")
        #expect(try store.memory.log.events(messageID: "m") == events)
    }

    @Test func `leaves nothing behind that it learnt about a person`() async throws {
        // The next transaction is the one with the next event.
        let store = try Failing { $0.houseInterval = .minutes(1) }
        func identify(_ user: String) throws -> Event {
            try Fixtures.accepted(
                """
                {"type":"identify","userId":"\(user)","traits":{},
                 "context":{"consent":{"canonical":{"marketing":false}}}}
                """, at: store.clock.now)
        }
        #expect(try await store.refusal(of: try identify("2")) == nil)
        store.fail(.commit, with: .passing("the disk is full"))
        #expect(try await store.refusal(of: try identify("1")) == "store_unavailable")
        #expect(try await store.refusal(user: "1") == nil)
        #expect(store.handedOver.count == 1, "nobody has heard of a denial")
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
        #expect(store.faults.withLock { $0 } == [.fatal("fsync failed")], "told once")
    }

    @Test func `tells a fault of the disk also when another was told before`() async throws {
        let store = try Failing()
        #expect(try await store.refusal(user: "1") == nil)
        let job = try #require(store.handedOver.first)
        // The first try meets the one, the second the other.
        store.fail(.attempt, with: .passing("the disk is full"))
        store.fail(.commit, with: .fatal("fsync failed"))
        store.engine.submit([job.ended(.expired, at: store.clock.now)])
        store.engine.flush()
        #expect(
            store.faults.withLock { $0 } == [.passing("the disk is full"), .fatal("fsync failed")])
    }

    @Test func `keeps no work for ever once the store is being closed`() throws {
        let store = try Failing {
            $0.retryPause = .milliseconds(1)
            $0.triesWhenClosing = 3
        }
        store.fail(.commit, with: .passing("the disk is full"), times: .max)
        store.engine.submit([.rest(destination: "vero", until: nil, hint: "")])
        store.engine.close()
        let told = store.faults.withLock { $0.count }
        #expect(told == 2, "at the first try and at the last")
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

    @Test func `is kept with the rest when the disk fails meanwhile`() async throws {
        let store = try Failing(room: 2)
        for user in ["1", "2"] { #expect(try await store.refusal(user: user) == nil) }
        let jobs = store.handedOver
        // All of it meets the first fault, then the first attempt alone the second.
        store.fail(.attempt, with: .single("no such row"))
        store.fail(.commit, with: .passing("the disk is full"))
        store.engine.submit(jobs.map { $0.ended(.expired, at: store.clock.now) })
        store.engine.flush()
        let rows = try jobs.flatMap { try store.memory.log.deliveries(of: $0.id.event) }
        #expect(rows.map(\.state) == [.expired, .expired])
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

@Suite struct `A writer that is busy` {
    @Test func `lets no more requests wait than it may`() async throws {
        let store = try Failing { $0.waitingRequests = 2 }
        try await store.stop()
        let answers = Locked<[String?]>([])
        for user in ["1", "2", "3"] {
            let event = try Fixtures.track(user: user, at: store.clock.now)
            store.engine.accept(Envelope(events: [(0, event)]), from: "backend") { result in
                var code: String?
                if case .failure(let problem) = result { code = problem.code }
                answers.withLock { $0.append(code) }
            }
        }
        #expect(answers.withLock { $0 } == ["store_unavailable"], "the third, at once")
        store.goOn()
        store.engine.flush()
        #expect(answers.withLock { $0 } == ["store_unavailable", nil, nil])
    }

    @Test func `does alone what cannot be done inside a transaction`() async throws {
        let store = try Failing()
        try await store.stop()
        async let refusal = store.refusal(user: "1")
        try await store.waiting(1)
        async let isClean = store.engine.clean()
        try await store.waiting(2)
        store.goOn()
        #expect(try await refusal == nil)
        #expect(try await isClean)
    }
}
