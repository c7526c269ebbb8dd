import Events
import Request
import SluiceTesting
import Testing

@testable import Deliver

/// A pipeline with one destination, whose state can change or be gone.
private final class OneDestination: RequestBuilders {
    private let state: Locked<RequestBuilder?>

    init(_ name: String) throws { state = Locked(try Fixtures.builder(name)) }

    func replace(by name: String?) throws {
        let builder = try name.map { try Fixtures.builder($0) }
        state.withLock { $0 = builder }
    }

    func builder(for destination: String) -> RequestBuilder? {
        destination == "vero" ? state.withLock { $0 } : nil
    }
}

extension Fixtures {
    /// The request that a stand-in of that name builds for user 7.
    fileprivate static func request(by name: String) throws -> MappedRequest {
        try builder(name).requests(for: try track(user: "7"), of: .nobody)[0]
    }
}

private func job(
    _ number: Int64, to destination: String = "vero", user: String = "7",
    content: Job.Content = .unbuilt, plan: RequestPlan? = nil
) throws -> Job {
    Job(
        id: DeliveryID(event: EventID(number: number), destination: destination), run: 1,
        attempt: 1, tries: 0, step: 0, event: try Fixtures.track(user: user),
        identity: .nobody, content: content, revision: "planned", decidedAt: 0, plan: plan)
}

extension Job {
    fileprivate var fault: BuildFault? {
        if case .failure(let fault) = request { fault } else { nil }
    }
}

@Suite struct `What the store hands over` {
    private let pipeline: OneDestination

    init() throws { pipeline = try OneDestination("r1") }

    @Test func `gets its requests, and the revision they come from`() throws {
        let built = pipeline.building(try job(1))
        #expect(built.requests == [try Fixtures.request(by: "r1")] && built.pinsRequests)
        #expect(built.revision == (try Fixtures.builder("r1").revision))
    }

    @Test func `keeps the requests it has`() throws {
        let kept = Job.Content.built([Fixtures.request], by: nil)
        let built = pipeline.building(try job(1, content: kept))
        #expect(!built.pinsRequests && built.revision == "planned")
    }

    @Test func `gets the reason why there is no request`() throws {
        let built = pipeline.building(try job(1, user: "nobody"))
        guard case .failure(.unbuildable(let fault)) = built.request else {
            Issue.record("it has a request")
            return
        }
        #expect(fault.reason == .mapping && built.requests.isEmpty)
        #expect(pipeline.building(try job(1, to: "gone")).fault == .destinationGone)
    }

    @Test func `is built by the plan that was decided, and by a new one after a change`() throws {
        let event = try Fixtures.track(user: "7")
        let before = try #require(pipeline.builder(for: "vero"))
        let decided = try #require(
            before.plan(
                for: event,
                of: Identity(
                    userID: "7", email: nil, anonymousID: nil, emailState: .fine,
                    lane: LaneKey(number: 7))))
        let job = try job(1, plan: decided)
        #expect(pipeline.building(job).requests == [try Fixtures.request(by: "r1")])
        try pipeline.replace(by: "r2")
        #expect(pipeline.building(job).requests == [try Fixtures.request(by: "r2")])
    }

    @Test func `comes out in the order in which it went in, each marked while it is built`()
        async throws
    {
        let marked = Locked<[Int64?]>([])
        let output = Locked<[DeliveryMachine.Input]>([])
        let builder = Builder(builders: pipeline) { id in
            marked.withLock { $0.append(id?.event.number) }
        } output: { input in
            output.withLock { $0.append(input) }
        }
        builder.post(.news([.handedOver([try job(1)]), .storeFails(false)]))
        builder.post(.limits([:], known: [:]))
        builder.post(
            .news([
                .claimed(destination: "vero", jobs: [try job(2)], limit: 9, nextDue: nil)
            ]))
        builder.post(.drain)
        let inputs = try await eventually("all of it to come out") {
            output.withLock { $0.count == 5 ? $0 : nil }
        }
        guard case .news(let first) = inputs[0], case .handedOver(let fresh) = first[0],
            case .news(let second) = inputs[1], case .storeFails = second[0],
            case .limits = inputs[2], case .news(let third) = inputs[3],
            case .claimed(_, let claimed, 9, nil) = third[0], case .drain = inputs[4]
        else {
            Issue.record("another order: \(inputs)")
            return
        }
        #expect((fresh + claimed).map(\.requests.count) == [1, 1])
        #expect(marked.withLock { $0 } == [1, nil, 2, nil])
        builder.close()
    }

    @Test func `comes out in parts when it is much, and is accounted for once`() async throws {
        let output = Locked<[DeliveryMachine.Input]>([])
        let builder = Builder(builders: pipeline, mark: { _ in }) { input in
            output.withLock { $0.append(input) }
        }
        let jobs = try (1...150).map { try job($0) }
        builder.post(
            .news([.claimed(destination: "vero", jobs: jobs, limit: 256, nextDue: nil)]))
        builder.post(.tick)
        let inputs = try await eventually("all of it to come out") {
            output.withLock { inputs in
                if case .tick? = inputs.last { inputs } else { nil }
            }
        }
        builder.close()
        let room = Room(["vero": 1_000])
        var machine = DeliveryMachine(
            limits: ["vero": DeliveryLimits(inFlight: 1_000)], schedule: Schedule(),
            now: ManualClock().moment, jitter: .none)
        let started = ([.tick] + inputs).map { input in
            machine.handle(input, now: ManualClock().moment).count {
                if case .start? = room.carryOut($0, of: &machine) { true } else { false }
            }
        }
        #expect(started.reduce(0, +) == 150 && started.count > 2, "\(started)")
        let rest = room.reserve(Claim(destination: "vero", wanted: 1_000, oldest: false))
        guard case .claim(_, 850, _, _)? = rest else {
            Issue.record("\(String(describing: rest))")
            return
        }
    }
}

@Suite struct `A request that is tried again` {
    private func ready(
        _ name: String, pinned: MappedRequest, asWas: Bool = false
    ) throws -> ReadyJob {
        let job = Job(
            id: DeliveryID(event: EventID(number: 1), destination: "vero"), run: 1, attempt: 2,
            tries: 1, step: 0, event: try Fixtures.track(user: "7"), identity: .nobody,
            content: .built([pinned], by: nil), revision: "before", decidedAt: 0,
            sendsAsWas: asWas)
        return try OneDestination(name).ready(job)
    }

    private func pinned(_ url: String, body: String) -> MappedRequest {
        MappedRequest(
            name: "track", method: "POST", url: MaskedText(Array(url.utf8)),
            body: MaskedText(Array(body.utf8)))
    }

    @Test func `stays byte for byte as long as it goes to the same place`() throws {
        let before = pinned("r1", body: "{\"of\":\"before\"}")
        let ready = try ready("r1", pinned: before)
        #expect(ready.request == before && !ready.job.pinsRequests)
    }

    @Test func `is built anew, whole, when it would go elsewhere, and is kept so`() throws {
        let ready = try ready("r2", pinned: pinned("r1", body: "{\"of\":\"before\"}"))
        #expect(ready.request == (try Fixtures.request(by: "r2")))
        #expect(ready.job.pinsRequests)
        #expect(ready.job.revision == (try Fixtures.builder("r2").revision))
    }

    @Test func `is sent as it was when that was ordered`() throws {
        let before = pinned("r1", body: "{\"of\":\"before\"}")
        #expect(try ready("r2", pinned: before, asWas: true).request == before)
    }
}

@Suite struct `What was built when the pipeline changes` {
    /// Takes turns when it is told to.
    private final class Turned: Turns, Transport, DeliveryStore {
        let turn = Locked<(@Sendable () -> Duration)?>(nil)
        let woken = Locked(0)
        let sent = Locked<[OutgoingRequest]>([])
        let work = Locked<[DeliveryWork]>([])

        func takeTurns(_ turn: (@Sendable () -> Duration)?) { self.turn.withLock { $0 = turn } }
        func wake() { woken.withLock { $0 += 1 } }
        func submit(_ work: [DeliveryWork]) { self.work.withLock { $0 += work } }

        func send(
            _ request: OutgoingRequest, completion: @escaping @Sendable (TransportResult) -> Void
        ) {
            sent.withLock { $0.append(request) }
            completion(.answer(.init(status: 200)))
        }

        func takeTurn() { _ = turn.withLock { $0 }?() }

        var outcomes: [Outcome] {
            work.withLock { work in
                work.compactMap { if case .record(let outcome) = $0 { outcome } else { nil } }
            }
        }
    }

    private func turned(changedTo revision: String?) async throws -> Turned {
        let turned = Turned()
        let pipeline = try OneDestination("r1")
        let clock = ManualClock()
        let deliverer = Deliverer(
            transport: turned, turns: turned, builders: pipeline, room: Room(["vero": 9]),
            clock: clock.world)
        let machine = DeliveryMachine(
            limits: ["vero": DeliveryLimits()], schedule: Schedule(),
            now: clock.moment, jitter: .none)
        deliverer.start(machine, store: turned)
        deliverer.tell([.handedOver([try job(1)])])
        // Woken by the start, and when it is built.
        _ = try await eventually("it to be built") {
            turned.woken.withLock { $0 == 2 } ? true : nil
        }
        try pipeline.replace(by: revision)
        turned.takeTurn()
        turned.takeTurn()
        deliverer.stop()
        return turned
    }

    @Test func `is built anew, and nothing of the one before is sent`() async throws {
        let turned = try await turned(changedTo: "r2")
        let outcome = try #require(turned.outcomes.first)
        #expect(turned.sent.withLock { $0.map(\.url) } == ["r2"])
        #expect(outcome.next == .delivered)
        #expect(outcome.job.revision == (try Fixtures.builder("r2").revision))
        #expect(outcome.job.pinsRequests)
    }

    @Test func `waits for its destination when that is gone`() async throws {
        let turned = try await turned(changedTo: nil)
        #expect(turned.sent.withLock { $0.isEmpty } && turned.outcomes.isEmpty)
        guard case .giveBack(let jobs)? = turned.work.withLock({ $0.last }) else {
            Issue.record("it was not put back")
            return
        }
        #expect(jobs.map(\.pinsRequests) == [false])
    }
}
