import Deliver
import Events
import Request
import SluiceTesting
import Testing

@Suite struct `An attempt whose kept connection had ended` {
    private func outcome(tries: Int) throws -> (next: Outcome.Next, rests: Bool, now: Timestamp) {
        let clock = ManualClock()
        var schedule = Schedule()
        schedule.breakerFailures = 1
        var machine = DeliveryMachine(
            limits: ["vero": DeliveryLimits()], known: [:], schedule: schedule,
            now: clock.moment, jitter: .none)
        let job = Job(
            id: DeliveryID(event: EventID(number: 1), destination: "vero"), run: 1,
            attempt: tries + 1, tries: tries, step: 0, event: try Fixtures.track(user: "1"),
            identity: .nobody, content: try Fixtures.oneRequest(), revision: "r", decidedAt: 1)
        _ = machine.handle([.news([.handedOver([job])])], now: clock.moment)
        let failure = TransportResult.Failure(
            .staleConnection, at: "api.example:443", maybeSent: true)
        let actions = machine.handle(
            [.ended(job, .init(result: .exchanged(.failure(failure)), startedAt: clock.moment))],
            now: clock.moment)
        let work = actions.compactMap { if case .store(let work) = $0 { work } else { nil } }
        let ends = work.compactMap {
            if case .record(let outcome) = $0 { outcome.next } else { nil }
        }
        let rests = work.contains { if case .rest = $0 { true } else { false } }
        return (try #require(ends.first), rests, clock.now)
    }

    @Test func `is followed by another at once, and says nothing about the destination`() throws {
        let end = try outcome(tries: 0)
        #expect(end.next == .retry(due: end.now, leavesLane: false) && !end.rests)
    }

    @Test func `waits by the schedule when that has been done`() throws {
        let end = try outcome(tries: 1)
        #expect(end.next == .retry(due: end.now + .seconds(15), leavesLane: false) && !end.rests)
    }
}

@Suite struct `A failure` {
    @Test(arguments: TransportResult.Failure.Kind.allCases)
    func `of each kind has words of its own`(kind: TransportResult.Failure.Kind) {
        let words = kind.words
        for text in [words.sentence, words.hint, words.fix] {
            #expect(text.hasSuffix(".") && !text.lowercased().contains("curl"))
        }
        let same = TransportResult.Failure.Kind.allCases.filter {
            $0.words.sentence == words.sentence
        }
        #expect(same == [kind])
    }

    @Test func `is listed in the Reference with the same words`() throws {
        let rows = TransportResult.Failure.Kind.allCases.map { kind in
            let words = kind.words
            return
                "| \(words.sentence) | \(words.isSetup ? "`setup`" : "`transient`") | \(words.hint) | \(words.fix) |"
        }
        #expect(
            try Fixtures.text("Sources/sluice/Documentation.docc/Reference.md").contains(
                "| what the log says | class | hint | fix |\n|---|---|---|---|\n"
                    + rows.joined(separator: "\n") + "\n"))
    }
}
