import Deliver
import Events
import Log
import SluiceTesting
import Testing

@testable import Store

@Suite struct `One event that is refused` {
    /// Forty people, an event each, behind one that the receiver refuses for what is in it.
    private func history() throws -> (History, poison: EventID, others: [EventID]) {
        let history = try History()
        history.receiver = .answers(401)
        let poison = try history.accept("poison")
        let others = try (1...40).map { try history.accept("u\($0)") }
        history.poison = [poison]
        history.receiver = .well
        return (history, poison, others)
    }

    private func expectOneFailed(
        _ history: History, _ poison: EventID, others: [EventID]
    ) throws {
        #expect(history.broken == nil, "\(history.broken ?? "")")
        #expect(try history.state(poison) == .failed)
        for other in others { #expect(try history.state(other) == .delivered) }
        let detail = try #require(
            try history.log.detail(DeliveryID(event: poison, destination: "vero")))
        #expect(detail.row.reason == .refused && detail.attempts.last?.attempt.status == 403)
        #expect(try history.record.hold == nil && history.record.suspects.isEmpty)
    }

    @Test func `holds nobody longer than three probes`() throws {
        let (history, poison, others) = try history()
        try history.pass(.minutes(45) - .seconds(1))
        #expect(history.waiting == 41)
        try history.pass(.seconds(2))
        try expectOneFailed(history, poison, others: others)
    }

    @Test func `holds nobody longer than three releases`() throws {
        let (history, poison, others) = try history()
        for _ in 1...2 {
            try history.release()
            #expect(history.waiting == 41)
        }
        try history.release()
        try expectOneFailed(history, poison, others: others)
    }

    @Test func `is known again after restarts`() throws {
        let (history, poison, others) = try history()
        for _ in 1...3 {
            try history.restart()
            try history.pass(.minutes(15) + .seconds(1))
        }
        try expectOneFailed(history, poison, others: others)
    }

    @Test func `and another one hold nobody for ever`() throws {
        let (history, poison, others) = try history()
        history.poison.insert(others[0])
        try history.pass(.hours(2))
        #expect(try history.state(poison) == .failed)
        #expect(history.waiting == 0 && history.broken == nil)
    }

    @Test func `does not fail as long as all are refused`() throws {
        let history = try History()
        history.receiver = .answers(401)
        let events = try (1...9).map { try history.accept("u\($0)") }
        try history.pass(.hours(60))
        #expect(history.waiting == 9, "nothing failed")
        history.receiver = .well
        try history.release()
        try history.pass(.minutes(1))
        for event in events { #expect(try history.state(event) == .delivered) }
    }

    @Test func `with an error of the receiver's own keeps nobody back while it rests`() throws {
        let history = try History()
        history.poisonStatus = 500
        history.receiver = .dead
        let events = try (1...14).map { try history.accept("p\($0)") }
        let others = try (1...3).map { try history.accept("u\($0)") }
        history.poison = Set(events)
        history.receiver = .well
        // Each probe of the rest tries another one; a rest is ten minutes at the most.
        try history.pass(.minutes(10 * 15))
        #expect(history.broken == nil, "\(history.broken ?? "")")
        for other in others { #expect(try history.state(other) == .delivered) }
    }

    @Test func `that is alone is tried every fifteen minutes`() throws {
        let history = try History()
        history.receiver = .answers(401)
        let poison = try history.accept("poison")
        history.poison = [poison]
        history.receiver = .well
        try history.pass(.hours(3))
        #expect((12...14).contains(history.requests.count), "\(history.requests.count)")
        let other = try history.accept("other")
        try history.pass(.minutes(31))
        #expect(try history.state(other) == .delivered && history.state(poison) == .failed)
    }

    @Test func `is ended by an order, and the next of its person goes on`() throws {
        let history = try History()
        history.receiver = .answers(401)
        let first = try history.accept("u")
        let second = try history.accept("u")
        let id = DeliveryID(event: first, destination: "vero")
        try history.cancel(id)
        #expect(try history.state(first) == .cancelled)
        history.receiver = .well
        try history.release()
        #expect(try history.state(second) == .delivered)
        try history.cancel(id)
        #expect(try history.state(first) == .cancelled, "what has ended stays as it is")
    }
}

@Suite struct `A receiver that is dead` {
    @Test func `is not sent more than ten requests after a release, then it rests`() throws {
        let history = try History()
        history.receiver = .answers(401)
        for person in 1...100 { try history.accept("u\(person)") }
        history.receiver = .dead
        let before = history.requests.count
        try history.release()
        try history.pass(.seconds(6))
        #expect(history.requests.count - before == History.breaker)
        #expect(history.alerts.last?.kind == .resting)
        #expect(try history.record.restingUntil != nil)
        try history.pass(.hours(1))
        #expect(history.requests.count - before < 20, "\(history.requests.count)")
    }

    @Test func `is not known to rest any more after a release`() throws {
        let history = try History()
        history.receiver = .dead
        for person in 1...20 { try history.accept("u\(person)") }
        #expect(try history.record.restingUntil != nil)
        history.receiver = .well
        try history.release()
        #expect(try history.record.restingUntil == nil && history.waiting < 20)
    }
}

@Suite struct `A receiver that asks for a pause` {
    @Test func `gets it: nothing is sent, and nobody passes`() throws {
        let history = try History()
        history.receiver = .busy(.hours(1))
        let first = try history.accept("u1")
        let events = try (0..<20).map { try history.accept("u\($0 % 5)") }
        #expect(history.requests.count == 1)
        #expect(try history.state(events[0]) == .queued, "what was not sent does not read so")
        try history.pass(.minutes(59))
        #expect(history.requests.count == 1)
        let row = try #require(try history.log.destinations().first)
        #expect(row.state == "pausing" && row.pausingUntil != nil)
        history.receiver = .well
        try history.pass(.minutes(2))
        #expect(history.waiting == 0 && history.broken == nil)
        let own = history.requests.map(\.event).filter { $0 == first || $0 == events[1] }
        #expect(own == [first, first, events[1]], "in order")
        #expect(try history.record.pause == nil)
    }

    @Test func `gets it over a restart`() throws {
        let history = try History()
        history.receiver = .busy(.hours(1))
        try history.accept("u")
        try history.pass(.minutes(30))
        try history.restart()
        try history.pass(.minutes(29))
        #expect(history.requests.count == 1)
        try history.pass(.minutes(2))
        #expect(history.requests.count == 2)
    }

    @Test func `and asks for too much gets six hours, and the log says so`() throws {
        let history = try History()
        history.receiver = .busy(.hours(30))
        let event = try history.accept("u")
        let detail = try history.log.detail(DeliveryID(event: event, destination: "vero"))
        let note = detail?.attempts.last?.attempt.note ?? ""
        #expect(note.contains("108000 s") && note.contains("21600 s at the most"), "\(note)")
        history.receiver = .well
        try history.pass(.hours(6))
        #expect(try history.state(event) == .delivered)
    }
}

@Suite struct `A clock that is set` {
    @Test(arguments: [-1, 1])
    func `by a day makes no rest, pause or retry longer`(days: Int) throws {
        for receiver in [Receiver.dead, .busy(.minutes(10)), .answers(503), .answers(401)] {
            let history = try History()
            history.receiver = receiver
            for person in 1...30 { try history.accept("u\(person)") }
            try history.pass(.seconds(5))
            try history.setClock(by: .days(days))
            history.receiver = .well
            try history.pass(.minutes(16))
            #expect(history.waiting == 0, "\(history.waiting) wait after \(receiver)")
            #expect(history.broken == nil, "\(history.broken ?? "")")
        }
    }

    @Test func `while the program does not run makes no retry wait longer`() throws {
        let history = try History()
        history.receiver = .answers(503)
        let event = try history.accept("u")
        history.clock.set(by: .days(-1))
        try history.restart()
        history.receiver = .well
        try history.pass(.seconds(4))
        #expect(try history.state(event) == .delivered)
    }
}

@Suite struct `Refusals in a row` {
    @Test func `are one alert at the twentieth, known after a restart`() throws {
        let history = try History()
        history.receiver = .answers(400)
        for person in 1...19 { try history.accept("u\(person)") }
        #expect(history.alerts.isEmpty)
        for person in 20...60 { try history.accept("u\(person)") }
        #expect(history.alerts.map(\.kind) == [.refusing])
        try history.show()
        #expect(try history.log.destinations()[0].refusedInARow == 60)
        try history.restart()
        try history.accept("u61")
        #expect(history.alerts.count == 1)
        history.receiver = .well
        try history.accept("u62")
        try history.show()
        #expect(try history.log.destinations()[0].refusedInARow == 0)
    }
}

@Suite struct `Random histories of a destination` {
    private static let seeds = {
        // A history takes as long as ten of the other simulation.
        let count = environmentVariable("SLUICE_SEEDS").flatMap { UInt64($0) }.map { $0 / 10 } ?? 50
        let first = environmentVariable("SLUICE_SEED").flatMap { UInt64($0) } ?? 1
        return first..<first + count
    }()

    @Test func `keep every promise for every seed`() throws {
        for seed in Self.seeds {
            do {
                try run(seed)
            } catch {
                Issue.record(
                    "seed \(seed): \(error). Again: SLUICE_SEED=\(seed) SLUICE_SEEDS=1")
                return
            }
        }
        if Self.seeds.count > 50 {
            writeToStandardError(
                "simulation: \(Self.seeds.count) histories of one destination with poison, "
                    + "clock steps, pauses and releases, all promises kept")
        }
    }

    private func run(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        let history = try History()
        var events: [EventID] = []
        for _ in 0..<80 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<35: events.append(try accept(in: history, &random))
            case 35..<70: try history.pass(Self.span(&random))
            case 70..<82: history.receiver = Self.receiver(&random)
            case 82..<88: try history.setClock(by: Self.step(&random))
            case 88..<92: try history.release()
            case 92..<95: try history.probe()
            case 95..<98: try history.restart()
            default:
                guard let event = events.randomElement(using: &random) else { continue }
                try history.cancel(DeliveryID(event: event, destination: "vero"))
            }
            if let broken = history.broken { throw BrokenPromise(description: broken) }
        }
        history.receiver = .well
        try history.pass(.hours(40))
        if let broken = history.broken { throw BrokenPromise(description: broken) }
        try check(history, events)
    }

    private func check(_ history: History, _ events: [EventID]) throws {
        if history.waiting > 0, !history.onlyPoisonWaits {
            throw BrokenPromise(description: "\(history.waiting) never ended")
        }
        for event in events where !history.poison.contains(event) {
            let state = try history.state(event)
            // What waits here waits behind a refused event of its own person, with nobody beside.
            let isFine = state != .failed && state != nil
            let text = "\(event.text) is \(state?.rawValue ?? "gone")"
            if !isFine { throw BrokenPromise(description: text) }
        }
    }

    private func accept(in history: History, _ random: inout Seeded) throws -> EventID {
        if random.chance(15) { history.nextIsPoison = true }
        return try history.accept("u\(Int.random(in: 0..<12, using: &random))")
    }

    private static func span(_ random: inout Seeded) -> Duration {
        [.seconds(1), .seconds(20), .minutes(2), .minutes(16), .hours(1), .hours(7)]
            .randomElement(using: &random) ?? .zero
    }

    private static func step(_ random: inout Seeded) -> Duration {
        [.days(-1), .days(1), .hours(-1), .seconds(-20), .seconds(20), .days(-400)]
            .randomElement(using: &random) ?? .zero
    }

    private static func receiver(_ random: inout Seeded) -> Receiver {
        [
            .well, .well, .well, .dead, .answers(503), .answers(401), .answers(404),
            .answers(429), .busy(.seconds(5)), .busy(.minutes(20)), .busy(.hours(9)),
        ].randomElement(using: &random) ?? .well
    }
}
