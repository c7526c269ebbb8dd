package import Accept
import Consent
package import Deliver
package import Events
import JSON
package import Pipeline

/// A store that a contract check works on, opened for it alone.
package struct StoreUnderTest: Sendable {
    package let events: any EventStore
    package let deliveries: any DeliveryStore
    package let log: any DeliveryLog
    package let clock: ManualClock
    /// Commits what was submitted.
    package let flush: @Sendable () -> Void
    /// Everything the store told the deliverer, in order.
    package let news: @Sendable () -> [StoreNews]
    /// Opens the same data again, as after a crash.
    package let reopened: @Sendable () throws -> StoreUnderTest

    package init(
        events: any EventStore, deliveries: any DeliveryStore, log: any DeliveryLog,
        clock: ManualClock, flush: @escaping @Sendable () -> Void,
        news: @escaping @Sendable () -> [StoreNews],
        reopened: @escaping @Sendable () throws -> StoreUnderTest
    ) {
        self.events = events
        self.deliveries = deliveries
        self.log = log
        self.clock = clock
        self.flush = flush
        self.news = news
        self.reopened = reopened
    }
}

/// What every store promises, whatever it is made of.
///
/// One destination, `vero`, wants marketing consent; it has room for two deliveries in memory.
package struct StoreContract: Sendable, CustomStringConvertible {
    package let description: String
    package let check: @Sendable (StoreUnderTest) async throws -> Void

    private init(_ name: String, _ check: @escaping @Sendable (StoreUnderTest) async throws -> Void)
    {
        description = name
        self.check = check
    }

    /// Places in memory that the store under test is opened with.
    package static let room = ["vero": 2]

    package static func pipeline() throws -> Pipeline {
        Pipeline(destinations: [
            try Fixtures.destination(
                consent: ConsentRule(require: ["marketing"], missing: .deny))
        ])
    }

    package static let all: [StoreContract] = [
        StoreContract("keeps an event exactly as it came") { store in
            let event = try Fixtures.track(user: "1", message: "m")
            let receipt = try await store.accept([event])[0]
            let row = try require(try store.log.event(receipt.id), "the event")
            try expect(row.event.document.bytes == event.document.bytes, "the same bytes")
            try expect(row.event.messageID == "m" && row.event.userID == "1", "the same ids")
        },
        StoreContract("takes a message id once per source and tells repeats apart") { store in
            let event = try Fixtures.track(user: "1", message: "m")
            let first = try await store.accept([event, event])
            try expect(first.map(\.duplicate) == [false, true], "the second is a repeat")
            let again = try await store.accept([event])
            try expect(again[0] == first[1], "the repeat names the first event")
            let other = try await store.accept([event], source: "other")
            try expect(!other[0].duplicate, "another source's id is another id")
        },
        StoreContract("remembers message ids after it was opened again") { store in
            let event = try Fixtures.track(user: "1", message: "m")
            _ = try await store.accept([event])
            let again = try await store.reopened().accept([event])
            try expect(again[0].duplicate, "it is a repeat")
        },
        StoreContract("gives ids that never go backwards") { store in
            let first = try await store.accept([try Fixtures.track(user: "1")])[0].id
            let earlier = store.clock.now + -60_000
            let second = try await store.accept([try Fixtures.track(user: "1", at: earlier)])[0].id
            try expect(first < second, "the later event has the larger id")
        },
        StoreContract("hands a fresh delivery over with attempt 1 open") { store in
            let receipt = try await store.accept([try Fixtures.track(user: "1")])[0]
            let jobs = store.handedOver
            try expect(jobs.map(\.id.event) == [receipt.id], "one job for the event")
            try expect(jobs[0].attempt == 1 && jobs[0].tries == 0, "its first attempt")
            try expect(try store.row(receipt.id).state == .sending, "it reads sending")
        },
        StoreContract("keeps what has no room in memory, due at once") { store in
            let events = try (0..<3).map { try Fixtures.track(user: "\($0)") }
            let receipts = try await store.accept(events)
            try expect(store.handedOver.count == 2, "two fit")
            let jobs = try store.claim()
            try expect(jobs.map(\.id.event) == [receipts[2].id], "the third is claimed")
        },
        StoreContract("sends one delivery of a lane at a time, in accept order") { store in
            let receipts = try await store.accept(
                try (0..<3).map { _ in try Fixtures.track(user: "1") })
            try expect(store.handedOver.count == 1, "only the first is handed over")
            try expect(try store.claim().isEmpty, "the others are not due")
            store.end(store.handedOver[0], .delivered)
            let second = try store.claim()
            try expect(second.map(\.id.event) == [receipts[1].id], "then the second")
            store.end(second[0], .retry(due: store.clock.now + 3_000, leavesLane: false))
            try expect(try store.claim().isEmpty, "a retry holds its lane")
            store.clock.advance(milliseconds: 3_000)
            let again = try store.claim()
            try expect(again.map(\.id.event) == [receipts[1].id], "the second again")
            try expect(again[0].attempt == 2 && again[0].tries == 1, "as its second attempt")
            store.end(again[0], .delivered)
            try expect(try store.claim().map(\.id.event) == [receipts[2].id], "then the third")
        },
        StoreContract("gives a probe only what is due, the oldest first") { store in
            let receipts = try await store.accept(
                try (0..<3).map { try Fixtures.track(user: "\($0)") })
            let jobs = store.handedOver
            store.end(jobs[0], .retry(due: store.clock.now + 3_000, leavesLane: false))
            store.end(jobs[1], .requeue)
            store.submit([.claim(destination: "vero", limit: 1, oldest: true)])
            try expect(try store.row(receipts[0].id).state == .retrying, "not before it is due")
            try expect(try store.row(receipts[1].id).state == .sending, "the oldest that is due")
        },
        StoreContract("lets the rest pass a retry that leaves its lane, and marks them") { store in
            let receipts = try await store.accept(
                try (0..<2).map { _ in try Fixtures.track(user: "1") })
            let due = store.clock.now + 3_600_000
            store.end(store.handedOver[0], .retry(due: due, leavesLane: true))
            try expect(try store.claim().map(\.id.event) == [receipts[1].id], "the second passes")
            try expect(try store.row(receipts[1].id).outOfOrder, "and is marked")
        },
        StoreContract("reads \"may have been sent\" after a crash and tries again") { store in
            let receipt = try await store.accept([try Fixtures.track(user: "1")])[0]
            let after = try store.reopened()
            let id = DeliveryID(event: receipt.id, destination: "vero")
            let detail = try require(try after.log.detail(id), "the delivery")
            try expect(detail.attempts.map(\.attempt.answerClass) == [.unknown], "one unknown")
            let jobs = try after.claim()
            try expect(jobs.map(\.attempt) == [2], "it is tried again as attempt 2")
            try expect(jobs[0].event.messageID == receipt.messageID, "with the same message id")
        },
        StoreContract("pins the requests at the first try") { store in
            let receipt = try await store.accept([try Fixtures.track(user: "1")])[0]
            let body = MaskedText(
                Array("{\"t\":\"***\"}".utf8), secrets: [.init(offset: 6, parameter: "auth_token")])
            let job = store.handedOver[0].with(
                .built(
                    [
                        MappedRequest(
                            name: "track", method: "POST",
                            url: MaskedText(Array("https://x".utf8)), body: body)
                    ], by: try Fixtures.builder("r")))
            store.end(job, .retry(due: store.clock.now, leavesLane: false))
            try expect(try store.claim()[0].requests == job.requests, "the same requests")
            let id = DeliveryID(event: receipt.id, destination: "vero")
            let detail = try require(try store.log.detail(id), "the delivery")
            try expect(detail.requests[0].body.text == "{\"t\":\"***\"}", "shown masked")
        },
        StoreContract("records what many attempts came to, each by itself") { store in
            let receipts = try await store.accept(
                try (0..<40).map { try Fixtures.track(user: "\($0)") })
            let retry = Outcome.Next.retry(due: store.clock.now + 3_000, leavesLane: false)
            let jobs = store.handedOver + (try store.claim(upTo: 40))
            let ends = jobs.sorted { $0.id.event < $1.id.event }.enumerated().map { index, job in
                let isRetried = index % 10 == 9
                return job.ended(
                    isRetried ? retry : .delivered, at: store.clock.now,
                    status: isRetried ? 503 : index % 3 == 0 ? 202 : 200)
            }
            // One of them comes twice.
            store.submit(ends + [ends[0]])
            for (index, receipt) in receipts.enumerated() {
                let row = try store.row(receipt.id)
                let isRetried = index % 10 == 9
                try expect(
                    row.state == (isRetried ? .retrying : .delivered)
                        && row.status == (isRetried ? 503 : index % 3 == 0 ? 202 : 200),
                    "the end of attempt \(index), not \(row.state), \(row.status ?? 0)")
                let id = DeliveryID(event: receipt.id, destination: "vero")
                try expect(try store.log.detail(id)?.attempts.count == 1, "one attempt")
            }
        },
        StoreContract("undoes the attempt of a delivery that is given back") { store in
            _ = try await store.accept([try Fixtures.track(user: "1")])
            store.submit([.giveBack(store.handedOver)])
            let jobs = try store.claim()
            try expect(jobs.map(\.attempt) == [1], "it is attempt 1 again")
        },
        StoreContract("filters what waits when consent is withdrawn meanwhile") { store in
            let receipts = try await store.accept(
                try (0..<2).map { _ in try Fixtures.track(user: "1") })
            let denial = try Fixtures.accepted(
                """
                {"type":"identify","userId":"1","traits":{},"timestamp":"2026-06-06T10:00:01Z",
                 "context":{"consent":{"canonical":{"marketing":false}}}}
                """, at: store.clock.now + 2_000)
            _ = try await store.accept([denial])
            try expect(store.changedConsent.contains(IdentityKey(.user, "1")), "it is told")
            store.end(store.handedOver[0], .delivered)
            try expect(try store.claim().isEmpty, "nothing is claimed")
            let row = try store.row(receipts[1].id)
            try expect(row.state == .filtered && row.reason == .consent, "filtered/consent")
            try expect(row.consent?.answer == "denied", "with the answer that decided")
        },
        StoreContract("records a hold and its release") { store in
            _ = try await store.accept([try Fixtures.track(user: "1")])
            let hold = Hold(
                since: store.clock.now, status: 401, hint: "wrong token", fix: "copy it",
                delivery: "dlv")
            store.end(store.handedOver[0], .requeue)
            store.submit([.hold(destination: "vero", hold)])
            try expect(try store.log.destinations()[0].hold == hold, "it is held")
            try expect(try store.log.destinations()[0].waiting == 1, "one waits")
            store.submit([.release(destination: "vero", byOperator: false)])
            try expect(try store.log.destinations()[0].hold == nil, "it is released")
        },
        StoreContract("keeps rejected events apart and their message ids free") { store in
            let rejection = Rejection(
                index: 0, messageID: "m",
                problem: Problem(code: "no_type", message: "m", hint: "h"), body: Array("{}".utf8))
            _ = try await store.events.accept(Envelope(rejections: [rejection]), from: "backend")
            try expect(try store.log.rejected(limit: 9).map(\.problem.code) == ["no_type"], "kept")
            let receipt = try await store.accept([try Fixtures.track(user: "1", message: "m")])[0]
            try expect(!receipt.duplicate, "the id is free")
        },
        StoreContract("finds events by message, user and email") { store in
            let event = try Fixtures.accepted(
                """
                {"type":"identify","userId":"7","messageId":"m7","traits":{"email":"A@b.co"}}
                """)
            let id = try await store.accept([event])[0].id
            try expect(try store.log.events(messageID: "m7") == [id], "by message id")
            try expect(
                try store.log.events(of: IdentityKey(.user, "7"), limit: 9) == [id], "by user")
            try expect(
                try store.log.events(of: IdentityKey(.email, "a@B.CO"), limit: 9) == [id],
                "by email")
            var filter = DeliveryFilter(since: store.clock.now + -1, limit: 9)
            filter.user = "a@b.co"
            filter.reason = .consent
            try expect(try store.log.deliveries(filter).map(\.id.event) == [id], "by filter")
        },
    ]
}

extension StoreUnderTest {
    func accept(_ events: [Event], source: String = "backend") async throws -> [Receipt] {
        let envelope = Envelope(events: events.enumerated().map { ($0.offset, $0.element) })
        let receipts = try await self.events.accept(envelope, from: source)
        flush()
        return receipts
    }

    func submit(_ work: [DeliveryWork]) {
        deliveries.submit(work)
        flush()
    }

    var handedOver: [Job] {
        news().flatMap { news -> [Job] in if case .handedOver(let jobs) = news { jobs } else { [] }
        }
    }

    var changedConsent: [IdentityKey] {
        news().flatMap { news -> [IdentityKey] in
            if case .consentChanged(let keys, _) = news { keys } else { [] }
        }
    }

    func claim(upTo limit: Int = 10) throws -> [Job] {
        submit([.claim(destination: "vero", limit: limit, oldest: false)])
        guard case .claimed(_, let jobs, _, _)? = news().last(where: \.isClaimed) else {
            throw TestFailure("the claim was not answered")
        }
        return jobs
    }

    func end(_ job: Job, _ next: Outcome.Next) {
        submit([job.ended(next, at: clock.now)])
    }

    func row(_ event: EventID) throws -> DeliveryRow {
        try require(try log.deliveries(of: event).first, "the delivery")
    }
}

extension Job {
    /// The record of its attempt, as the deliverer would have it kept.
    ///
    /// - Parameter status: of the answer; 200 or 503 when it is left out.
    package func ended(
        _ next: Outcome.Next, at moment: Timestamp, status: Int? = nil
    ) -> DeliveryWork {
        let attempt = Attempt(
            run: run, number: self.attempt, step: step, startedAt: moment,
            status: status ?? (next == .delivered ? 200 : 503),
            answerClass: next == .delivered ? .delivered : .transient)
        return .record(
            Outcome(
                job: self, attempt: attempt, next: next, hint: nil, fix: nil, endedAt: moment))
    }
}

extension StoreNews {
    fileprivate var isClaimed: Bool { if case .claimed = self { true } else { false } }
}

private func expect(_ condition: Bool, _ what: String) throws {
    if !condition { throw TestFailure("expected: \(what)") }
}

private func require<Value>(_ value: Value?, _ what: String) throws -> Value {
    guard let value else { throw TestFailure("missing: \(what)") }
    return value
}
