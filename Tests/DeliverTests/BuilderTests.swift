import Events
import SluiceTesting
import Testing

@testable import Deliver

/// A pipeline with one destination, whose state can change or be gone.
private final class OneDestination: Targets {
    private let state: Locked<StandInTarget?>

    init(_ revision: String) { state = Locked(StandInTarget(revision)) }

    func replace(by revision: String?) { state.withLock { $0 = revision.map(StandInTarget.init) } }

    func target(_ name: String) -> (any Target)? { name == "vero" ? state.withLock { $0 } : nil }
}

private func job(
    _ number: Int64, to destination: String = "vero", user: String = "7",
    content: Job.Content = .unbuilt
) throws -> Job {
    Job(
        id: DeliveryID(event: EventID(number: number), destination: destination), run: 1,
        attempt: 1, tries: 0, step: 0, event: try Fixtures.track(user: user),
        identity: .nobody, content: content, revision: "planned", decidedAt: 0)
}

@Suite struct `What the store hands over` {
    private let pipeline = OneDestination("r1")

    @Test func `gets its requests, and the revision they come from`() throws {
        let built = pipeline.building(try job(1))
        #expect(built.requests == [Fixtures.request] && built.pinsRequests)
        #expect(built.revision == "r1")
    }

    @Test func `keeps the requests it has`() throws {
        let kept = Job.Content.built([Fixtures.request], by: nil)
        let built = pipeline.building(try job(1, content: kept))
        #expect(!built.pinsRequests && built.revision == "planned")
    }

    @Test(arguments: [("vero", Reason.mapping), ("gone", .dropped)])
    func `gets the reason why there is no request`(name: String, reason: Reason) throws {
        let built = pipeline.building(try job(1, to: name, user: "nobody"))
        guard case .failure(let fault) = built.request else {
            Issue.record("it has a request")
            return
        }
        #expect(fault.reason == reason && built.requests.isEmpty)
    }

    @Test func `comes out in the order in which it went in, each marked while it is built`()
        async throws
    {
        let marked = Locked<[Int64?]>([])
        let output = Locked<[DeliveryMachine.Input]>([])
        let builder = Builder(targets: pipeline) { id in
            marked.withLock { $0.append(id?.event.number) }
        } output: { input in
            output.withLock { $0.append(input) }
        }
        builder.post(.news([.handedOver([try job(1)]), .storeFails(false)]))
        builder.post(.limits([:], held: [:]))
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
        let builder = Builder(targets: pipeline, mark: { _ in }) { input in
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
            limits: ["vero": DeliveryLimits(inFlight: 1_000)], held: [:], schedule: Schedule(),
            room: room, now: Timestamp(milliseconds: 0), jitter: { 0.5 })
        _ = machine.handle(.tick, now: Timestamp(milliseconds: 0))
        let started = inputs.map { input in
            machine.handle(input, now: Timestamp(milliseconds: 0)).count {
                if case .start = $0 { true } else { false }
            }
        }
        #expect(started.reduce(0, +) == 150 && started.count > 2, "\(started)")
        #expect(room.take("vero", upTo: 1_000) == 850)
    }
}

@Suite struct `What was built when the pipeline changes` {
    /// Takes turns when it is told to.
    private final class Turned: Turns, Transport, DeliveryStore {
        let turn = Locked<(@Sendable () -> Int64)?>(nil)
        let woken = Locked(0)
        let sent = Locked<[OutgoingRequest]>([])
        let work = Locked<[DeliveryWork]>([])

        func takeTurns(_ turn: (@Sendable () -> Int64)?) { self.turn.withLock { $0 = turn } }
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

    private func outcome(changedTo revision: String?) async throws -> (Turned, Outcome) {
        let turned = Turned()
        let pipeline = OneDestination("r1")
        let clock = ManualClock()
        let deliverer = Deliverer(
            transport: turned, turns: turned, targets: pipeline, clock: clock.world)
        let machine = DeliveryMachine(
            limits: ["vero": DeliveryLimits()], held: [:], schedule: Schedule(),
            room: Room(["vero": 9]), now: clock.now, jitter: { 0.5 })
        deliverer.start(machine, store: turned)
        deliverer.tell([.handedOver([try job(1)])])
        // Woken by the start, and when it is built.
        _ = try await eventually("it to be built") {
            turned.woken.withLock { $0 == 2 } ? true : nil
        }
        pipeline.replace(by: revision)
        turned.takeTurn()
        turned.takeTurn()
        deliverer.stop()
        return (turned, try #require(turned.outcomes.first))
    }

    @Test func `is built anew, and nothing of the one before is sent`() async throws {
        let (turned, outcome) = try await outcome(changedTo: "r2")
        #expect(turned.sent.withLock { $0.map(\.url) } == ["r2"])
        #expect(outcome.next == .delivered && outcome.job.revision == "r2")
        #expect(outcome.job.pinsRequests)
    }

    @Test func `is not kept when its destination is gone`() async throws {
        let (turned, outcome) = try await outcome(changedTo: nil)
        #expect(turned.sent.withLock { $0.isEmpty })
        #expect(outcome.next == .requeue && !outcome.job.pinsRequests)
    }
}
