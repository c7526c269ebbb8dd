import Deliver
import Events
import Request
import SluiceTesting
import Testing

@Suite struct `A destination that does not answer` {
    /// A machine with room for everything and a breaker that opens after three failures.
    private final class Bench {
        let clock = ManualClock()
        var machine: DeliveryMachine
        let room = Room(["vero": 999])
        var actions: [DeliveryMachine.Action] = []
        private var number: Int64 = 0

        init(inFlight: Int = 4) {
            var schedule = Schedule()
            schedule.breakerFailures = 3
            let limits = DeliveryLimits(inFlight: inFlight)
            machine = DeliveryMachine(
                limits: ["vero": limits], schedule: schedule,
                now: clock.moment, jitter: .none)
            // The first look into the store finds nothing.
            handle(.tick)
            handle(
                .news([
                    .claimed(
                        destination: "vero", jobs: [], limit: claims.first ?? 0, nextDue: nil)
                ]))
        }

        func handle(_ input: DeliveryMachine.Input) {
            actions = machine.handle(input, now: clock.moment).compactMap {
                room.carryOut($0, of: &machine)
            }
        }

        func handOver(_ count: Int) throws {
            let jobs = try (0..<count).map { _ in
                number += 1
                let event = try Fixtures.track(user: "\(number)")
                return Job(
                    id: DeliveryID(event: EventID(number: number), destination: "vero"), run: 1,
                    attempt: 1, tries: 0, step: 0, event: event,
                    identity: Identity(
                        userID: "\(number)", email: nil, anonymousID: nil, emailState: .fine,
                        lane: LaneKey(number: number)), content: try Fixtures.oneRequest(),
                    revision: "r", decidedAt: 1)
            }
            handle(.news([.handedOver(jobs)]))
        }

        func end(_ job: Job, _ status: Int) {
            handle(
                .ended(
                    job,
                    .init(
                        result: .exchanged(.answer(.init(status: status))),
                        startedAt: clock.moment)))
        }

        var started: [Job] {
            actions.compactMap { if case .start(let job) = $0 { job } else { nil } }
        }
        var work: [DeliveryWork] {
            actions.compactMap { if case .store(let work) = $0 { work } else { nil } }
        }
        var rests: [Timestamp?] {
            work.compactMap { if case .rest(_, let until, _) = $0 { .some(until) } else { nil } }
        }
        var claims: [Int] {
            work.compactMap { if case .claim(_, let limit, _, _) = $0 { limit } else { nil } }
        }
        var alerts: [Alert] {
            actions.compactMap { if case .alert(let alert) = $0 { alert } else { nil } }
        }

        /// Three failures: the breaker opens.
        func fail() throws {
            try handOver(3)
            for job in started { end(job, 503) }
        }

        /// The store gives what a claim asked for.
        func claimed(_ count: Int) throws {
            let limit = claims.last ?? 0
            number += 1
            let event = try Fixtures.track(user: "\(number)")
            let jobs = try (0..<Int64(count)).map { index in
                Job(
                    id: DeliveryID(
                        event: EventID(number: number + index), destination: "vero"), run: 1,
                    attempt: 2, tries: 1, step: 0, event: event, identity: .nobody,
                    content: try Fixtures.oneRequest(), revision: "r", decidedAt: 1)
            }
            number += Int64(count)
            handle(
                .news([
                    .claimed(destination: "vero", jobs: jobs, limit: limit, nextDue: nil)
                ]))
        }
    }

    @Test func `rests after so many failures in a row, with one alert`() throws {
        let bench = Bench()
        try bench.fail()
        #expect(bench.rests == [bench.clock.now + .milliseconds(30_000)])
        #expect(bench.alerts.map(\.kind) == [.resting])
        try bench.handOver(1)
        #expect(bench.started.isEmpty && bench.alerts.isEmpty && bench.claims.isEmpty)
    }

    @Test func `is not taken for one when a success stands between the failures`() throws {
        let bench = Bench()
        for status in [503, 503, 200, 503, 503, 400, 503, 503] {
            try bench.handOver(1)
            bench.end(try #require(bench.started.first), status)
            #expect(bench.rests.isEmpty)
        }
    }

    @Test func `is still taken for one when an event between could not be built`() throws {
        let bench = Bench()
        for status in [503, nil, 503, nil, 503] {
            try bench.handOver(1)
            let job = try #require(bench.started.first)
            if let status {
                bench.end(job, status)
            } else {
                let fault = RequestFault(reason: .mapping, detail: "data.n")
                bench.handle(
                    .ended(
                        job,
                        .init(
                            result: .unbuildable(.unbuildable(fault)),
                            startedAt: bench.clock.moment)))
            }
        }
        #expect(bench.rests.count == 1)
    }

    @Test func `is tried with one delivery after the rest, and rests twice as long each time`()
        throws
    {
        let bench = Bench()
        try bench.fail()
        for rest in [60, 120, 240, 480, 600, 600] as [Int64] {
            bench.clock.advance(by: .milliseconds(600_000))
            bench.handle(.tick)
            #expect(bench.claims == [1])
            try bench.claimed(1)
            bench.end(try #require(bench.started.first), 503)
            #expect(bench.rests == [bench.clock.now + .seconds(rest)] && bench.alerts.isEmpty)
        }
    }

    @Test func `is taken up again slowly: one at a time, then two, then four`() throws {
        let bench = Bench()
        try bench.fail()
        bench.clock.advance(by: .milliseconds(30_000))
        bench.handle(.tick)
        try bench.claimed(1)
        bench.end(try #require(bench.started.first), 200)
        #expect(bench.rests == [nil])
        try bench.claimed(20)
        for width in [1, 2, 4, 4] {
            let jobs = bench.started
            #expect(jobs.count <= width && !jobs.isEmpty)
            bench.end(jobs[0], 200)
        }
    }

    @Test func `is sent to more slowly after 429, and faster again with success`() throws {
        let bench = Bench(inFlight: 100)
        try bench.handOver(40)
        let jobs = bench.started
        #expect(jobs.count == 40)
        for job in jobs.prefix(20) { bench.end(job, 429) }
        try bench.handOver(100)
        #expect((1...3).contains(bench.started.count), "half of forty a second, a tenth at once")
        var sent = 0
        for _ in 1...10 {
            bench.clock.advance(by: .milliseconds(100))
            bench.handle(.tick)
            sent += bench.started.count
        }
        #expect((18...22).contains(sent), "\(sent) in a second")
    }

    @Test func `begins nothing while the store cannot record it`() throws {
        let bench = Bench()
        bench.handle(.news([.storeFails(true)]))
        try bench.handOver(2)
        #expect(bench.started.isEmpty)
        bench.handle(.news([.storeFails(false)]))
        #expect(bench.started.count == 2)
    }

    @Test func `held by an operator is not tried by itself`() throws {
        let bench = Bench()
        bench.handle(.news([.heldByOperator(destination: "vero")]))
        bench.clock.advance(by: .milliseconds(86_400_000))
        bench.handle(.tick)
        #expect(bench.claims.isEmpty && bench.started.isEmpty)
        bench.handle(.news([.probe(destination: "vero")]))
        #expect(bench.claims == [1])
        // A bad answer leaves it as the operator wanted it.
        try bench.claimed(1)
        bench.end(try #require(bench.started.first), 503)
        bench.clock.advance(by: .milliseconds(86_400_000))
        bench.handle(.tick)
        #expect(bench.claims.isEmpty)
    }

    @Test func `that is switched on again stays held when it was held meanwhile`() throws {
        let bench = Bench()
        bench.handle(.limits([:], known: [:]))
        try bench.handOver(1)
        #expect(bench.started.isEmpty)
        bench.handle(
            .limits(["vero": DeliveryLimits()], known: ["vero": .init(hold: .operatorOrder)]))
        bench.clock.advance(by: .milliseconds(86_400_000))
        bench.handle(.tick)
        #expect(bench.claims.isEmpty && bench.started.isEmpty)
    }
}
