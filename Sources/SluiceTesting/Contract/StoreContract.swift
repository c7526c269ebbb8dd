package import Accept
import Consent
package import Deliver
package import Events
package import Log
package import Pipeline
package import Store

/// A promise that every store keeps, as a check that runs on any of them.
///
/// The store under test is opened for one check alone. It has one destination, `vero`, which wants
/// marketing consent and has room for two deliveries in memory; a check may open it differently.
package struct StoreContract: Sendable, CustomStringConvertible {
    package let description: String
    /// Changes how the store is opened.
    package let setUp: @Sendable (inout StoreSetUp) -> Void
    package let check: @Sendable (StoreUnderTest) async throws -> Void

    init(
        _ name: String, setUp: @escaping @Sendable (inout StoreSetUp) -> Void = { _ in },
        _ check: @escaping @Sendable (StoreUnderTest) async throws -> Void
    ) {
        description = name
        self.setUp = setUp
        self.check = check
    }

    /// Every promise, in the order in which a reader understands them.
    package static let all =
        accepting + delivering + operating + people + forgetting + anonymous + keeping + telling
        + standing
}

/// How a store under test is opened.
package struct StoreSetUp: Sendable {
    package var pipeline: Pipeline
    /// Places for fresh deliveries in memory, by destination.
    package var room = ["vero": 2]
    package var options = StoreEngine.Options()

    package init() throws {
        pipeline = Pipeline(destinations: [
            try Fixtures.destination(consent: ConsentRule(require: ["marketing"], missing: .deny))
        ])
        // House is kept whenever the writer looks up, so that a stepped clock is enough.
        options.houseInterval = .zero
    }
}

/// A store that a check works on, whatever it is made of.
package struct StoreUnderTest: Sendable {
    package let engine: StoreEngine
    package let log: any DeliveryLog
    package let clock: ManualClock
    /// Everything the store told the deliverer, in order.
    package let news: @Sendable () -> [StoreNews]
    /// Opens the same data again, as after a crash: nothing is closed in order.
    package let reopen: @Sendable (StoreSetUp) throws -> StoreUnderTest

    package init(
        engine: StoreEngine, log: any DeliveryLog, clock: ManualClock,
        news: @escaping @Sendable () -> [StoreNews],
        reopen: @escaping @Sendable (StoreSetUp) throws -> StoreUnderTest
    ) {
        self.engine = engine
        self.log = log
        self.clock = clock
        self.news = news
        self.reopen = reopen
    }

    package var events: any EventStore { engine }
    package var deliveries: any DeliveryStore { engine }

    package func flush() { engine.flush() }
}

// MARK: - Steps of a check

extension StoreUnderTest {
    func accept(_ events: [Event], source: String = "backend") async throws -> [Receipt] {
        let envelope = Envelope(events: events.enumerated().map { ($0.offset, $0.element) })
        let receipts = try await engine.accept(envelope, from: source)
        flush()
        return receipts
    }

    /// Accepts one event; gives its id.
    func accept(_ text: String) async throws -> EventID {
        try await accept([try Fixtures.accepted(text, at: clock.now)])[0].id
    }

    /// Accepts the event that asks destinations to delete a person; gives its id.
    func acceptDeletion(of user: String) async throws -> EventID {
        let event = try Fixtures.accepted(
            """
            {"type":"track","event":"User Deleted","userId":"\(user)"}
            """, at: clock.now)
        return try await accept([event], source: StoreWriter.deletions)[0].id
    }

    func submit(_ work: [DeliveryWork]) {
        engine.submit(work)
        flush()
    }

    /// Opens the same data again, as after a crash.
    func reopened(_ change: (inout StoreSetUp) -> Void = { _ in }) throws -> StoreUnderTest {
        flush()
        var setUp = try StoreSetUp()
        change(&setUp)
        return try reopen(setUp)
    }

    var handedOver: [Job] {
        news().flatMap { news -> [Job] in if case .handedOver(let jobs) = news { jobs } else { [] }
        }
    }

    /// Every job that the deliverer got, handed over or claimed.
    var jobs: [Job] {
        news().flatMap { news -> [Job] in
            switch news {
            case .handedOver(let jobs), .claimed(_, let jobs, _, _): jobs
            default: []
            }
        }
    }

    var changedConsent: [IdentityKey] {
        news().flatMap { news -> [IdentityKey] in
            if case .consentChanged(let keys, _) = news { keys } else { [] }
        }
    }

    func claim(upTo limit: Int = 10, oldest: Bool = false) throws -> [Job] {
        submit([.claim(destination: "vero", limit: limit, oldest: oldest)])
        guard case .claimed(_, let jobs, _, _)? = news().last(where: \.isClaimed) else {
            throw TestFailure("the claim was not answered")
        }
        return jobs
    }

    func end(_ job: Job, _ next: Outcome.Next, note: String? = nil) {
        submit([job.ended(next, at: clock.now, note: note)])
    }

    func row(_ event: EventID) throws -> DeliveryRow {
        try require(try log.deliveries(of: event).first, "the delivery")
    }

    func delivery(_ event: EventID) -> DeliveryID {
        DeliveryID(event: event, destination: "vero")
    }

    /// Replays deliveries at once.
    func replay(_ events: [EventID], asWas: Bool = false) async throws -> ReplayOrder.Outcome {
        let order = ReplayOrder(
            deliveries: events.map(delivery), asWas: asWas, perSecond: 1_000_000, reason: "check")
        return try await engine.replay(order)
    }

    /// Lets the writer keep house until something has happened.
    func keepHouse(until what: String, _ happened: () throws -> Bool) async throws {
        _ = try await eventually(what) {
            flush()
            return try happened() ? true : nil
        }
    }
}

extension Job {
    /// The record of its attempt, as the deliverer would have it kept.
    ///
    /// - Parameter status: of the answer; 200 or 503 when it is left out.
    package func ended(
        _ next: Outcome.Next, at moment: Timestamp, status: Int? = nil, note: String? = nil
    ) -> DeliveryWork {
        let attempt = Attempt(
            run: run, number: self.attempt, step: step, startedAt: moment,
            status: status ?? (next == .delivered ? 200 : 503),
            answerClass: next == .delivered ? .delivered : .transient, note: note)
        return .record(
            Outcome(
                job: self, attempt: attempt, next: next, hint: nil, fix: nil, endedAt: moment))
    }

    /// The job with a request that was built for it.
    func built(_ body: String = "{}") throws -> Job {
        let request = MappedRequest(
            name: "track", method: "POST", url: MaskedText(Array("https://x".utf8)),
            body: MaskedText(Array(body.utf8)))
        return with(.built([request], by: try Fixtures.builder("r")))
    }
}

extension StoreNews {
    fileprivate var isClaimed: Bool { if case .claimed = self { true } else { false } }
}

func expect(_ condition: Bool, _ what: String) throws {
    if !condition { throw TestFailure("expected: \(what)") }
}

func require<Value>(_ value: Value?, _ what: String) throws -> Value {
    guard let value else { throw TestFailure("missing: \(what)") }
    return value
}
