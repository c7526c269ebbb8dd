import Accept
import Consent
import Deliver
import Events
import JSON
import Log
import Map
import Pipeline
import Store

/// Promises about operators' orders: hold, release, probe, drop, replay, another pipeline.
extension StoreContract {
    static let operating: [StoreContract] = [
        StoreContract("keeps an operator's hold whatever answers say, until its release") { store in
            try await store.engine.hold("vero", because: "maintenance")
            try expect(store.orders.contains("held vero"), "the deliverer is told")
            let setup = Hold(
                since: store.clock.now, status: 401, hint: "wrong token", fix: "", delivery: "")
            store.submit([.hold(destination: "vero", setup)])
            try expect(
                try store.log.destinations()[0].hold?.hint == "maintenance", "the reason stays")
            store.submit([.release(destination: "vero", byOperator: false)])
            try expect(try store.log.destinations()[0].hold != nil, "a good answer ends it not")
            try expect(try await store.engine.release("vero"), "it was held")
            try expect(try store.log.destinations()[0].hold == nil, "it is released")
            try expect(try await store.engine.release("vero") == false, "it is not held any more")
        },
        StoreContract("knows after a crash what was held, and by whom") { store in
            try await store.engine.hold("vero", because: "maintenance")
            try expect(
                try store.reopened().engine.known["vero"]?.hold == .operatorOrder,
                "held by an operator")
        },
        StoreContract("lets a probe that an operator ordered end their hold") { store in
            try await store.engine.hold("vero", because: "maintenance")
            try await store.engine.probe("vero")
            try expect(store.orders.last == "probe vero", "the deliverer is told")
            store.submit([.release(destination: "vero", byOperator: true)])
            try expect(try store.log.destinations()[0].hold == nil, "it is released")
        },
        StoreContract("shows a rest, and ends it at a restart and by a hold") { store in
            let until = store.clock.now + .minutes(5)
            store.submit([.rest(destination: "vero", until: until, hint: "no answer")])
            try expect(try store.log.destinations()[0].restingUntil == until, "it rests")
            let again = try store.reopened()
            try expect(try again.log.destinations()[0].restingUntil == nil, "not any more")
            again.submit([.rest(destination: "vero", until: until, hint: "no answer")])
            try await again.engine.hold("vero", because: "maintenance")
            try expect(try again.log.destinations()[0].restingUntil == nil, "it is held instead")
        },
        StoreContract("keeps a pause over a restart, and ends it by a release") { store in
            let pause = Pause(since: store.clock.now, until: store.clock.now + .hours(1))
            store.submit([.pause(destination: "vero", pause)])
            let again = try store.reopened()
            try expect(again.engine.known["vero"]?.pause == pause, "the machine is told")
            try expect(
                try again.log.destinations()[0].pausingUntil == pause.until, "it is shown")
            try expect(try await again.engine.release("vero"), "it was pausing")
            try expect(try again.log.destinations()[0].pausingUntil == nil, "it is over")
        },
        StoreContract("ends a rest by a release") { store in
            let until = store.clock.now + .minutes(5)
            store.submit([.rest(destination: "vero", until: until, hint: "no answer")])
            try expect(try await store.engine.release("vero"), "it was resting")
            try expect(try store.log.destinations()[0].restingUntil == nil, "it is over")
        },
        StoreContract("knows after a crash whose probes failed, and how many were refused") {
            store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            var suspects = Suspects()
            for _ in 1...3 { _ = suspects.fail(id) }
            var refused = Outcome(
                job: store.handedOver[0],
                attempt: Attempt(run: 1, number: 1, step: 0, startedAt: store.clock.now),
                next: .failed(.refused, detail: nil), hint: nil, fix: nil,
                endedAt: store.clock.now)
            refused.refusedInARow = 7
            store.submit([.suspect(destination: "vero", suspects), .record(refused)])
            store.clock.advance(by: .seconds(1))
            store.submit([.suspect(destination: "vero", suspects)])
            let known = try store.reopened().engine.known["vero"]
            try expect(known?.suspects.spared == [id], "the delivery is spared")
            try expect(known?.refusedInARow == 7, "seven were refused")
        },
        StoreContract("leaves out of a probe what is spared") { store in
            let ids = try await store.accept(
                try (0..<4).map { try Fixtures.track(user: "\($0)") }
            ).map(\.id)
            store.end(store.handedOver[0], .requeue)
            let due = store.clock.now + .milliseconds(1)
            store.end(store.handedOver[1], .retry(due: due, leavesLane: false))
            store.clock.advance(by: .seconds(1))
            let probe = { (except: [EventID]) in
                store.submit([
                    .claim(destination: "vero", limit: 1, oldest: true, except: except)
                ])
                return store.jobs.last?.id.event
            }
            try expect(probe([ids[0]]) == ids[1], "the retry, which is the next oldest")
            try expect(probe([ids[0], ids[2]]) == ids[3], "the last")
        },
        StoreContract("refuses one delivery that waits, and lets its person's next go") { store in
            let ids = try await store.accept(
                try (0..<2).map { _ in try Fixtures.track(user: "1") }
            ).map(\.id)
            store.end(store.handedOver[0], .requeue)
            store.submit([.refuse(store.delivery(ids[0]))])
            let row = try store.row(ids[0])
            try expect(row.state == .failed && row.reason == .refused, "it has failed")
            try expect(row.consent != nil, "the answer of the consent check stays")
            try expect(try store.claim().map(\.id.event) == [ids[1]], "the next goes")
        },
        StoreContract("cancels one delivery that waits, and no other") { store in
            let ids = try await store.accept(
                try (0..<2).map { _ in try Fixtures.track(user: "1") }
            ).map(\.id)
            let first = store.delivery(ids[0])
            try expect(try await store.engine.cancel(first) == .sending, "it is on its way")
            store.end(store.handedOver[0], .requeue)
            try expect(try await store.engine.cancel(first) == .queued, "it waited")
            try expect(try await store.engine.cancel(first) == .cancelled, "it has ended")
            try expect(try store.row(ids[0]).reason == .dropped, "by an operator")
            try expect(try store.claim().map(\.id.event) == [ids[1]], "the next goes")
            let unknown = DeliveryID(event: EventID(number: 1), destination: "vero")
            try expect(try await store.engine.cancel(unknown) == nil, "there is none")
        },
        StoreContract("cancels what waits for a destination, but not what is being sent") { store in
            let receipts = try await store.accept(
                try (0..<4).map { try Fixtures.track(user: "\($0 % 3)") })
            let step = try await store.engine.drop("vero")
            try expect(step == DropStep(dropped: 2, sending: 2), "two of each, not \(step)")
            try expect(try store.row(receipts[0].id).state == .sending, "the first is on its way")
            let row = try store.row(receipts[3].id)
            try expect(row.state == .cancelled && row.reason == .dropped, "the last is cancelled")
            store.end(store.handedOver[0], .delivered)
            try expect(try store.claim().isEmpty, "nothing follows it in its lane")
        },
        StoreContract("replays a delivery as its next run, with its history") { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            store.end(try store.handedOver[0].built(), .failed(.refused, detail: "no such user"))
            try expect(try await store.replay([id]).queued == 1, "it is queued")
            let job = try require(try store.claim().first, "the next run")
            try expect(job.run == 2 && job.attempt == 1, "run 2, attempt 1")
            try expect(job.requests.isEmpty, "its request is built anew")
            store.end(try job.built("{\"new\":1}"), .delivered)
            let detail = try require(try store.log.detail(store.delivery(id)), "the delivery")
            try expect(detail.row.state == .delivered && detail.row.run == 2, "the last run counts")
            try expect(detail.attempts.map(\.attempt.run) == [1, 2], "both attempts are kept")
            try expect(detail.requests[0].body.text == "{\"new\":1}", "the new request is shown")
        },
        StoreContract("replays old requests byte for byte, and refuses what has none") { store in
            let ids = try await store.accept(
                [try Fixtures.track(user: "1"), try Fixtures.track(user: "2")]
            ).map(\.id)
            store.end(try store.handedOver[0].built("{\"old\":1}"), .failed(.refused, detail: nil))
            store.end(store.handedOver[1], .failed(.mapping, detail: nil))
            let outcome = try await store.replay(ids, asWas: true)
            try expect(outcome.queued == 1 && outcome.refused == 1, "one of each")
            let job = try require(try store.claim().first, "the next run")
            try expect(job.requests.map(\.body.text) == ["{\"old\":1}"], "the old request")
        },
        StoreContract("replays an old request whatever the blueprint says by now") { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            store.end(try store.handedOver[0].built("{\"old\":1}"), .failed(.refused, detail: nil))
            let revision = try store.row(id).revision
            _ = try await store.engine.replace(Pipeline(destinations: [try Fixtures.silent()]))
            try expect(try await store.replay([id], asWas: true).queued == 1, "it may be sent")
            try expect(try store.row(id).revision == revision, "by the blueprint of then")
            let job = try require(try store.claim().first, "the next run")
            store.end(job, .failed(.refused, detail: nil))
            try expect(try await store.replay([id]).filtered == 1, "a new one cannot be built")
            try expect(try store.row(id).reason == .noMapping, "by the blueprint of now")
            try expect(try store.row(id).revision != revision, "which is another one")
        },
        StoreContract("keeps an old request back when the person says no by now") { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            store.end(try store.handedOver[0].built(), .failed(.refused, detail: nil))
            store.clock.advance(by: .milliseconds(1_000))
            _ = try await store.engine.setConsent(
                of: "1", to: [store.answer("marketing", false)], lifting: false)
            try expect(try await store.replay([id], asWas: true).filtered == 1, "it is filtered")
            try expect(try store.row(id).reason == .consent, "by consent")
        },
        StoreContract("replays for the email that the person has by now") { store in
            let identify = """
                {"type":"identify","userId":"1","traits":{"email":"%@b.co"}}
                """
            _ = try await store.accept(identify.replacing("%", with: "old"))
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            let job = try require(store.handedOver.last, "its first run")
            try expect(job.identity.email == "old@b.co", "the email of then")
            store.end(job, .delivered)
            _ = try await store.accept(identify.replacing("%", with: "new"))
            _ = try await store.replay([id])
            let again = try require(try store.claim().first, "its next run")
            try expect(again.identity.email == "new@b.co", "the email of now")
        },
        StoreContract("replays a person's deliveries one after the other") { store in
            let ids = try await store.accept(
                try (0..<2).map { _ in try Fixtures.track(user: "1") }
            ).map(\.id)
            store.end(store.handedOver[0], .delivered)
            store.end(try store.claim()[0], .delivered)
            try expect(try await store.replay(ids).queued == 2, "both are queued")
            store.clock.advance(by: .milliseconds(1))
            let first = try store.claim()
            try expect(first.map(\.id.event) == [ids[0]], "the older one first")
            store.end(first[0], .delivered)
            try expect(try store.claim().map(\.id.event) == [ids[1]], "then the other")
        },
        StoreContract(
            "replays no event whose body is gone",
            setUp: { $0.options.limits.bodies = .days(1) }
        ) { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            store.end(store.handedOver[0], .delivered)
            store.clock.advance(by: .days(2))
            try await store.keepHouse(until: "the body goes") {
                try store.log.event(id)?.event.document.root.isEmpty == true
            }
            try expect(try await store.replay([id]).refused == 1, "there is nothing to send")
            try expect(try store.row(id).state == .delivered, "it stays as it was")
        },
        StoreContract("replays only what has ended") { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            try expect(try await store.replay([id]).refused == 1, "it is still on its way")
            try expect(try store.row(id).run == 1, "and stays as it was")
        },
        StoreContract("decides about a replay by the consent of now") { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            store.end(store.handedOver[0], .delivered)
            store.clock.advance(by: .milliseconds(1_000))
            _ = try await store.engine.setConsent(
                of: "1", to: [store.answer("marketing", false)], lifting: false)
            try expect(try await store.replay([id]).filtered == 1, "it is filtered")
            let row = try store.row(id)
            try expect(row.state == .filtered && row.reason == .consent, "by consent")
            try expect(row.run == 2 && row.endedAt != nil, "as run 2, which has ended")
        },
        StoreContract("spreads a replay over time, one slice after the other") { store in
            let ids = try await store.accept(
                [try Fixtures.track(user: "1"), try Fixtures.track(user: "2")]
            ).map(\.id)
            for job in store.handedOver { store.end(job, .delivered) }
            var order = ReplayOrder(
                deliveries: ids.map(store.delivery), asWas: false, perSecond: 1, reason: "check")
            order.first = 3
            _ = try await store.engine.replay(order)
            let due = try ids.map { try store.row($0).dueAt?.since(store.clock.now) }
            try expect(due == [.seconds(3), .seconds(4)], "after the three before, not \(due)")
        },
        StoreContract("keeps what waits back when another pipeline asks for more") { store in
            let receipts = try await store.accept(
                try (0..<3).map { try Fixtures.track(user: "\($0)") })
            let rule = ConsentRule(require: ["analytics"], missing: .deny)
            _ = try await store.engine.replace(
                Pipeline(destinations: [try Fixtures.destination(consent: rule)]))
            try expect(try store.claim().isEmpty, "nothing may go")
            try expect(try store.row(receipts[2].id).reason == .consent, "for want of consent")
        },
        StoreContract("keeps what waits back when a start asks for more") { store in
            let receipts = try await store.accept(
                try (0..<3).map { try Fixtures.track(user: "\($0)") })
            let rule = ConsentRule(require: ["analytics"], missing: .deny)
            let destination = try Fixtures.destination(consent: rule)
            let after = try store.reopened { $0.pipeline = Pipeline(destinations: [destination]) }
            try expect(try after.claim().isEmpty, "nothing may go")
            try expect(try after.row(receipts[2].id).reason == .consent, "for want of consent")
        },
        StoreContract(
            "shows the sources of the server, not those of a command",
            setUp: { $0.pipeline = Pipeline(destinations: [], sources: [.named("backend")]) }
        ) { store in
            try expect(try store.log.sources().map(\.name) == ["backend"], "the server's")
            let command = try store.reopened {
                $0.options.isServer = false
                $0.pipeline = Pipeline(destinations: [], sources: [.named("other")])
            }
            try expect(try command.log.sources().map(\.name) == ["backend"], "still the server's")
        },
        StoreContract("keeps what waits for a destination that left the pipeline") { store in
            let receipts = try await store.accept(
                try (0..<3).map { try Fixtures.track(user: "\($0)") })
            _ = try await store.engine.replace(Pipeline(destinations: []))
            try expect(try store.claim().isEmpty, "nothing is claimed")
            try expect(try store.row(receipts[2].id).state == .queued, "it waits")
            try expect(try await store.engine.drop("vero").dropped == 1, "until it is dropped")
        },
    ]
}

extension StoreUnderTest {
    /// The operators' orders that the deliverer was told of.
    var orders: [String] {
        news().compactMap { news in
            switch news {
            case .heldByOperator(let name): "held \(name)"
            case .released(let name): "released \(name)"
            case .probe(let name): "probe \(name)"
            default: nil
            }
        }
    }

    func answer(_ category: String, _ granted: Bool) -> ConsentAnswer {
        ConsentAnswer(category: category, granted: granted, at: clock.now, origin: "check")
    }
}

extension SourceRules {
    fileprivate static func named(_ name: String) -> SourceRules {
        SourceRules(name: name, kind: "server")
    }
}

extension Fixtures {
    /// The destination of the checks, with a blueprint that has nothing for any event.
    fileprivate static func silent() throws -> Destination {
        let text = """
            {"blueprint": "silent", "version": 1,
             "requests": {"track": {"url": "https://x/", "mappings": {"event": "event"}}},
             "presets": {"default": {"events": {"Nothing": {"request": "track"}}}}}
            """
        return try destination(
            blueprint: try Blueprint.read(file: "silent.json", bytes: Array(text.utf8)),
            parameters: [:])
    }
}
