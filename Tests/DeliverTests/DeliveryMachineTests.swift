import Deliver
import Events
import Request
import SluiceTesting
import Testing

@Suite struct `The delivery machine` {
    /// A machine with one destination, its clock, and what it decided.
    private final class Bench {
        let room: Room
        let clock = ManualClock()
        var machine: DeliveryMachine
        var actions: [DeliveryMachine.Action] = []

        init(_ limits: DeliveryLimits = DeliveryLimits(inFlight: 2), held: Bool = false) {
            room = Room(["vero": limits.inMemory])
            machine = DeliveryMachine(
                limits: ["vero": limits], known: held ? ["vero": .init(hold: .setup)] : [:],
                schedule: Schedule(),
                now: clock.moment, jitter: .none)
        }

        /// Does as the runtime does with the room.
        func handle(_ input: DeliveryMachine.Input) {
            for action in machine.handle(input, now: clock.moment) {
                if let left = room.carryOut(action, of: &machine) { actions.append(left) }
            }
        }

        func news(_ news: StoreNews) { handle(.news([news])) }

        func end(_ job: Job, _ result: TransportResult) {
            handle(.ended(job, .init(result: .exchanged(result), startedAt: clock.moment)))
        }

        func status(_ job: Job, _ status: Int) { end(job, .answer(.init(status: status))) }

        var started: [Job] {
            actions.compactMap { if case .start(let job) = $0 { job } else { nil } }
        }
        var work: [DeliveryWork] {
            actions.compactMap { if case .store(let work) = $0 { work } else { nil } }
        }
        var outcomes: [Outcome] {
            work.compactMap { if case .record(let outcome) = $0 { outcome } else { nil } }
        }
        var claims: [(limit: Int, oldest: Bool)] {
            work.compactMap {
                if case .claim(_, let limit, let oldest, _) = $0 { (limit, oldest) } else { nil }
            }
        }
        var holds: [Hold] {
            work.compactMap { if case .hold(_, let hold) = $0 { hold } else { nil } }
        }
        var releases: Int { work.count { if case .release = $0 { true } else { false } } }
        var givenBack: [Job] {
            work.flatMap { work -> [Job] in if case .giveBack(let jobs) = work { jobs } else { [] }
            }
        }

        /// Answers the claims so far with nothing, so that the destination is idle.
        func settle() {
            handle(.tick)
            for claim in claims {
                news(.claimed(destination: "vero", jobs: [], limit: claim.limit, nextDue: nil))
            }
            actions = []
        }
    }

    private func job(
        _ number: Int, tries: Int = 0, attempt: Int = 1, decidedAt: Int64 = 0,
        content: Job.Content? = nil
    ) throws -> Job {
        let event = try Fixtures.track(user: "\(number)")
        let identity = Identity(
            userID: "\(number)", email: nil, anonymousID: nil, emailState: .fine,
            lane: LaneKey(number: Int64(number)))
        return Job(
            id: DeliveryID(event: EventID(number: Int64(number)), destination: "vero"), run: 1,
            attempt: attempt, tries: tries, step: 0, event: event, identity: identity,
            content: try content ?? Fixtures.oneRequest(), revision: "r", decidedAt: decidedAt)
    }

    @Test func `has something under way until a claim is answered`() throws {
        let bench = Bench()
        bench.handle(.tick)
        #expect(bench.claims.count == 1 && bench.machine.active == 1)
        bench.handle(.drain)
        bench.news(.claimed(destination: "vero", jobs: [try job(1)], limit: 256, nextDue: nil))
        #expect(bench.machine.active == 0)
        #expect(bench.givenBack.map(\.id.event.number) == [1], "nothing more is begun")
    }

    @Test func `does not wait for a claim that the store cannot answer`() {
        let bench = Bench()
        bench.handle(.tick)
        bench.news(.storeFails(true))
        #expect(bench.machine.active == 0)
    }

    @Test func `gives back what it has not begun when the pipeline changes`() throws {
        let bench = Bench(DeliveryLimits(inFlight: 1))
        bench.settle()
        let jobs = [try job(1), try job(2)]
        bench.news(.handedOver(jobs))
        #expect(bench.started.map(\.id) == [jobs[0].id])
        bench.handle(.limits(["vero": DeliveryLimits(inFlight: 1)], known: [:]))
        #expect(bench.givenBack.map(\.id) == [jobs[1].id], "it is decided about again")
    }

    @Test func `starts no more than may be in flight, and the next when one ends`() throws {
        let bench = Bench()
        bench.settle()
        let jobs = try (1...3).map { try job($0) }
        bench.news(.handedOver(jobs))
        #expect(bench.started.map(\.id) == [jobs[0].id, jobs[1].id])
        bench.status(jobs[0], 200)
        #expect(bench.started.map(\.id) == jobs.map(\.id))
        #expect(bench.outcomes.map(\.next) == [.delivered])
    }

    @Test func `asks the store for what is due when it begins, and again when something comes due`()
        throws
    {
        let bench = Bench()
        bench.handle(.tick)
        #expect(bench.claims.count == 1)
        let due = bench.clock.now + .milliseconds(5_000)
        bench.news(
            .claimed(destination: "vero", jobs: [], limit: bench.claims[0].limit, nextDue: due))
        #expect(bench.machine.nextWake(now: bench.clock.moment) == due)
        bench.clock.advance(by: .milliseconds(4_999))
        bench.handle(.tick)
        #expect(bench.claims.count == 1)
        bench.clock.advance(by: .milliseconds(1))
        bench.handle(.tick)
        #expect(bench.claims.count == 2)
    }

    @Test func `tries a fault again on schedule and gives up at its end`() throws {
        let bench = Bench()
        bench.settle()
        bench.news(.handedOver([try job(1)]))
        bench.status(bench.started[0], 500)
        #expect(
            bench.outcomes[0].next
                == .retry(due: bench.clock.now + .milliseconds(3_000), leavesLane: false))
        bench.news(.handedOver([try job(2, tries: 12, attempt: 13)]))
        bench.status(bench.started[1], 500)
        #expect(bench.outcomes[1].next == .expired)
    }

    @Test func `puts back what its destination is gone for, as if it had not begun it`() throws {
        let bench = Bench()
        bench.settle()
        bench.news(.handedOver([try job(1)]))
        bench.handle(
            .ended(
                bench.started[0],
                .init(result: .unbuildable(.destinationGone), startedAt: bench.clock.moment)))
        #expect(bench.outcomes.isEmpty && bench.givenBack.map(\.id.event.number) == [1])
        #expect(bench.machine.active == 0)
    }

    @Test func `holds the destination at the first 401, keeps everything, and sends nothing more`()
        throws
    {
        let bench = Bench()
        bench.settle()
        let jobs = try (1...4).map { try job($0) }
        bench.news(.handedOver(jobs))
        bench.status(jobs[0], 401)
        #expect(bench.outcomes[0].next == .requeue)
        #expect(bench.holds.count == 1)
        #expect(bench.givenBack.map(\.id) == [jobs[2].id, jobs[3].id])
        bench.status(jobs[1], 401)
        #expect(bench.holds.count == 1, "one hold, one alert")
        bench.news(.waiting(destination: "vero"))
        #expect(bench.started.count == 2 && bench.claims.isEmpty)
        #expect(!bench.room.takeFresh("vero"))
    }

    @Test func `probes a held destination with its oldest delivery, every 15 minutes`() throws {
        let bench = Bench(held: true)
        bench.handle(.tick)
        #expect(bench.claims.isEmpty)
        bench.clock.advance(by: .milliseconds(900_000))
        bench.handle(.tick)
        #expect(bench.claims.count == 1 && bench.claims[0] == (1, true))
        let probe = try job(1)
        bench.news(.claimed(destination: "vero", jobs: [probe], limit: 1, nextDue: nil))
        bench.status(probe, 401)
        #expect(bench.holds.isEmpty && bench.releases == 0, "still the same hold")
        bench.clock.advance(by: .milliseconds(900_000))
        bench.handle(.tick)
        bench.news(.claimed(destination: "vero", jobs: [probe], limit: 1, nextDue: nil))
        bench.status(probe, 200)
        #expect(bench.releases == 1)
        #expect(bench.claims.last?.oldest == false, "then the rest")
    }

    @Test func `goes back to holding when a probe meets a fault that shows nothing`() throws {
        let bench = Bench(held: true)
        bench.clock.advance(by: .milliseconds(900_000))
        bench.handle(.tick)
        bench.news(.claimed(destination: "vero", jobs: [try job(1)], limit: 1, nextDue: nil))
        bench.status(bench.started[0], 503)
        #expect(bench.claims.count == 1 && bench.releases == 0)
        bench.clock.advance(by: .milliseconds(899_999))
        bench.handle(.tick)
        #expect(bench.claims.count == 1)
        bench.clock.advance(by: .milliseconds(1))
        bench.handle(.tick)
        #expect(bench.claims.count == 2)
    }

    @Test func `does not open for a probe that was never sent`() throws {
        let bench = Bench(held: true)
        bench.news(.released(destination: "vero"))
        bench.news(.claimed(destination: "vero", jobs: [try job(1)], limit: 1, nextDue: nil))
        bench.handle(
            .ended(
                bench.started[0],
                .init(
                    result: .unbuildable(
                        .unbuildable(RequestFault(reason: .mapping, detail: "data.n"))),
                    startedAt: bench.clock.moment)))
        bench.news(.handedOver([try job(2), try job(3)]))
        #expect(bench.started.count == 2, "still one at a time")
    }

    @Test func `gives back what still arrives after the destination is held`() throws {
        let bench = Bench()
        bench.settle()
        bench.news(.handedOver([try job(1)]))
        bench.status(bench.started[0], 401)
        bench.news(.handedOver([try job(2)]))
        #expect(bench.givenBack.map(\.id.event.number) == [2] && bench.started.count == 1)
    }

    @Test func `sees a withdrawal of consent that was committed with the delivery`() throws {
        let bench = Bench()
        bench.settle()
        bench.handle(
            .news([
                .handedOver([try job(1, decidedAt: 1)]),
                .consentChanged([IdentityKey(.user, "1")], at: 2),
            ]))
        #expect(bench.started.isEmpty && bench.givenBack.map(\.id.event.number) == [1])
    }

    @Test func `tries one delivery after a release before it sends the rest`() throws {
        let bench = Bench(held: true)
        bench.news(.released(destination: "vero"))
        #expect(bench.claims.count == 1 && bench.claims[0] == (1, true))
        bench.news(.claimed(destination: "vero", jobs: [try job(1)], limit: 1, nextDue: nil))
        #expect(bench.started.count == 1 && bench.claims.count == 1)
        bench.status(bench.started[0], 200)
        #expect(bench.claims.count == 2 && bench.claims[1].limit > 1)
    }

    @Test func `holds after five 404 in a row`() throws {
        let bench = Bench(DeliveryLimits(inFlight: 1))
        bench.settle()
        for number in 1...5 {
            bench.news(.handedOver([try job(number)]))
            bench.status(bench.started[number - 1], 404)
            #expect(bench.holds.count == (number == 5 ? 1 : 0))
        }
    }

    @Test func `gives a delivery back when the person's consent changed after it was decided`()
        throws
    {
        let bench = Bench(DeliveryLimits(inFlight: 1))
        bench.settle()
        bench.news(
            .handedOver([
                try job(1, decidedAt: 5), try job(2, decidedAt: 5), try job(3, decidedAt: 9),
            ]))
        bench.news(.consentChanged([IdentityKey(.user, "2"), IdentityKey(.user, "3")], at: 7))
        bench.status(bench.started[0], 200)
        #expect(bench.givenBack.map(\.id.event.number) == [2])
        #expect(bench.started.map(\.id.event.number) == [1, 3])
    }

    @Test func `heeds urgent news of a change of consent until its place in the order is reached`()
        throws
    {
        let bench = Bench()
        bench.settle()
        let change = [StoreNews.consentChanged([IdentityKey(.user, "1")], at: 7)]
        bench.handle(.urgent([.consentChanged([IdentityKey(.user, "1")], at: 7)]))
        bench.handle(.tick)
        bench.news(.handedOver([try job(1, decidedAt: 5)]))
        #expect(bench.started.isEmpty && bench.givenBack.count == 1)
        bench.handle(.news(change))
        bench.news(.handedOver([try job(1, decidedAt: 8)]))
        #expect(bench.started.count == 1)
    }

    @Test func `sends no faster than the rate it was given`() throws {
        let bench = Bench(DeliveryLimits(inFlight: 100, perSecond: 10))
        bench.settle()
        bench.news(.handedOver(try (1...50).map { try job($0) }))
        #expect(bench.started.count == 1)
        for _ in 0..<10 {
            bench.clock.advance(by: .milliseconds(100))
            bench.handle(.tick)
        }
        #expect(bench.started.count == 11)
    }

    private static func twoRequests() throws -> Job.Content {
        .built([Fixtures.request, Fixtures.request], by: try Fixtures.builder("r"))
    }

    @Test func `goes through the steps of a delivery one after the other`() throws {
        let bench = Bench()
        bench.settle()
        bench.news(.handedOver([try job(1, content: Self.twoRequests())]))
        bench.status(bench.started[0], 200)
        #expect(bench.outcomes.map(\.next) == [.nextStep])
        #expect(bench.outcomes[0].job.pinsRequests)
        #expect(bench.started.map(\.step) == [0, 1] && bench.started.map(\.attempt) == [1, 2])
        bench.status(bench.started[1], 200)
        #expect(bench.outcomes.map(\.next) == [.nextStep, .delivered])
        #expect(!bench.outcomes[1].job.pinsRequests, "the first attempt has kept them")
    }

    @Test func `begins the schedule anew at each step, and gives a step back when drained`() throws
    {
        let bench = Bench(DeliveryLimits(inFlight: 1))
        bench.settle()
        bench.news(.handedOver([try job(1, tries: 4, attempt: 5, content: Self.twoRequests())]))
        bench.handle(.drain)
        bench.status(bench.started[0], 200)
        #expect(bench.outcomes.map(\.next) == [.nextStep])
        #expect(bench.givenBack.map(\.step) == [1] && bench.givenBack.map(\.tries) == [0])
        #expect(bench.started.count == 1 && bench.machine.active == 0)
    }

    @Test func `gives back what it has not begun when it is drained`() throws {
        let bench = Bench(DeliveryLimits(inFlight: 1))
        bench.settle()
        bench.news(.handedOver([try job(1), try job(2)]))
        bench.handle(.drain)
        #expect(bench.givenBack.map(\.id.event.number) == [2])
        #expect(bench.machine.active == 1)
        bench.status(bench.started[0], 200)
        bench.news(.handedOver([try job(3)]))
        #expect(bench.machine.active == 0 && bench.givenBack.map(\.id.event.number) == [2, 3])
    }

    @Test func `gives back every place in memory it took`() throws {
        let bench = Bench(DeliveryLimits(inFlight: 2, inMemory: 3))
        bench.settle()
        for status in [200, 400, 500, 429] {
            for number in 1...3 {
                #expect(bench.room.takeFresh("vero"), "place \(number) before \(status)")
            }
            #expect(!bench.room.takeFresh("vero"))
            bench.actions = []
            let jobs = try (1...3).map { try job($0) }
            bench.news(.handedOver(jobs))
            for job in jobs { bench.status(job, status) }
            for claim in bench.claims {
                bench.news(
                    .claimed(destination: "vero", jobs: [], limit: claim.limit, nextDue: nil))
            }
        }
    }
}
