import Accept
import Deliver
import Events
import JSON
import Log
import Pipeline
import Store

/// Promises about keeping: retention, pressure, clocks that jump, events that end the program.
extension StoreContract {
    static let keeping: [StoreContract] = [
        StoreContract(
            "removes bodies first, then rows, and frees the message id",
            setUp: {
                $0.options.limits.bodies = .days(1)
                $0.options.limits.events = .days(10)
            }
        ) { store in
            let id = try await store.accept([try Fixtures.track(user: "1", message: "m")])[0].id
            store.end(try store.handedOver[0].built(), .delivered)
            store.clock.advance(by: .seconds(86_401))
            try await store.keepHouse(until: "the body goes") {
                try store.log.event(id)?.event.document.root.isEmpty == true
            }
            let detail = try require(try store.log.detail(store.delivery(id)), "the delivery")
            try expect(detail.requests.isEmpty && detail.attempts.count == 1, "no request")
            try expect(try store.log.events(messageID: "m") == [id], "a repeat is recognised")
            store.clock.advance(by: .days(10))
            try await store.keepHouse(until: "the row goes") { try store.log.event(id) == nil }
            try expect(try store.log.deliveries(of: id).isEmpty, "with its deliveries")
            let again = try await store.accept([try Fixtures.track(user: "1", message: "m")])[0]
            try expect(!again.duplicate, "the message id is free")
        },
        StoreContract(
            "frees the message id of an event that was emptied and goes",
            setUp: { $0.options.limits.events = .days(10) }
        ) { store in
            let id = try await store.accept([try Fixtures.track(user: "1", message: "m")])[0].id
            store.end(store.handedOver[0], .delivered)
            let keys = try await store.engine.beginForgetting("1")
            try expect(
                try await store.engine.erase(keys, after: .none, except: []).erased == 1,
                "it is emptied")
            store.clock.advance(by: .days(11))
            try await store.keepHouse(until: "the row goes") { try store.log.event(id) == nil }
            let again = try await store.accept([try Fixtures.track(user: "2", message: "m")])[0]
            try expect(!again.duplicate, "the message id is free")
            let reopened = try store.reopened { $0.options.limits.events = .days(10) }
            let third = try await reopened.accept([try Fixtures.track(user: "2", message: "m")])[0]
            try expect(third.duplicate && third.id == again.id, "and belongs to the new event")
        },
        StoreContract(
            "keeps whatever is still to be sent, however old",
            setUp: { $0.options.limits.bodies = .days(1) }
        ) { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            let ended = try await store.accept([try Fixtures.track(user: "2")])[0].id
            store.end(store.handedOver[1], .delivered)
            store.clock.advance(by: .days(500))
            try await store.keepHouse(until: "the other one goes") {
                try store.log.event(ended) == nil
            }
            try expect(
                try store.log.event(id)?.event.document.root.isEmpty == false, "it is whole")
        },
        StoreContract(
            "recognises repeats for seven days whatever the limits say",
            setUp: { $0.options.limits.events = .seconds(1) }
        ) { store in
            let id = try await store.accept([try Fixtures.track(user: "1", message: "m")])[0].id
            let old = try await store.accept(
                [try Fixtures.track(user: "2", at: store.clock.now - .days(8))])[0].id
            try expect(id < old, "ids follow the order of acceptance")
            for job in store.handedOver { store.end(job, .delivered) }
            store.clock.advance(by: .days(6))
            for _ in 0..<20 { store.flush() }
            try expect(try store.log.event(id) != nil, "it is kept inside the window")
        },
        StoreContract(
            "gives up the oldest bodies when it is too large",
            setUp: { $0.options.limits.size = 1 }
        ) { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            store.end(store.handedOver[0], .delivered)
            store.clock.advance(by: .milliseconds(1_000))
            try await store.keepHouse(until: "the body goes") {
                try store.log.event(id)?.event.document.root.isEmpty == true
            }
        },
        StoreContract(
            "gives up old rows when it is too large without bodies",
            // Whatever is in it is too much.
            setUp: { $0.options.limits.size = -1 }
        ) { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            store.end(store.handedOver[0], .delivered)
            store.clock.advance(by: .days(6))
            try await store.keepHouse(until: "the body goes") {
                try store.log.event(id)?.event.document.root.isEmpty == true
            }
            for _ in 0..<20 { store.flush() }
            try expect(try store.log.event(id) != nil, "a repeat is recognised for seven days")
            store.clock.advance(by: .days(2))
            try await store.keepHouse(until: "the row goes") {
                // One slice looks at bodies again, a later one at rows.
                store.clock.advance(by: .seconds(1))
                return try store.log.event(id) == nil
            }
        },
        StoreContract(
            "removes the body of an event that ended late",
            setUp: { $0.options.limits.bodies = .days(1) }
        ) { store in
            let ids = try await store.accept(
                try (0..<2).map { try Fixtures.track(user: "\($0)") }
            ).map(\.id)
            store.end(store.handedOver[1], .delivered)
            store.clock.advance(by: .days(2))
            try await store.keepHouse(until: "the other's body goes") {
                try store.log.event(ids[1])?.event.document.root.isEmpty == true
            }
            store.end(store.handedOver[0], .delivered)
            store.clock.advance(by: .days(2))
            try await store.keepHouse(until: "its body goes") {
                try store.log.event(ids[0])?.event.document.root.isEmpty == true
            }
        },
        StoreContract("removes rejected bodies when they are old") { store in
            let rejection = Rejection(
                index: 0, messageID: nil,
                problem: Problem(code: "no_type", message: "m", hint: "h"), body: [])
            _ = try await store.events.accept(Envelope(rejections: [rejection]), from: "backend")
            store.clock.advance(by: .days(6))
            for _ in 0..<20 { store.flush() }
            try expect(try store.log.rejected(limit: 9).count == 1, "it is kept for seven days")
            store.clock.advance(by: .days(2))
            try await store.keepHouse(until: "it goes") { try store.log.rejected(limit: 9).isEmpty }
        },
        StoreContract(
            "takes no more events than may wait, and goes on by itself",
            setUp: { $0.options.limits.queue = 3 }
        ) { store in
            _ = try await store.accept(try (0..<3).map { try Fixtures.track(user: "\($0)") })
            try await store.keepHouse(until: "the queue is full") { store.engine.pressure != nil }
            try expect(await store.refusal() == "queue_full", "it is answered so")
            _ = try await store.engine.drop("vero")
            try await store.keepHouse(until: "there is room") { store.engine.pressure == nil }
            try expect(await store.refusal() == nil, "events are taken again")
        },
        StoreContract(
            "takes no events when the disk is nearly full",
            setUp: {
                $0.options.limits.reserve = 1_000
                $0.options.freeSpace = { 999 }
            }
        ) { store in
            try await store.keepHouse(until: "the disk is seen") { store.engine.pressure != nil }
            try expect(await store.refusal() == "disk_reserve", "it is answered so")
        },
        StoreContract("makes due again what a clock going back has put off") { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            let due = store.clock.now + .seconds(3)
            store.end(store.handedOver[0], .retry(due: due, leavesLane: false))
            store.clock.set(by: .days(-2))
            try await store.keepHouse(until: "it is due in three seconds again") {
                try store.row(id).dueAt == store.clock.now + .seconds(3)
            }
            store.clock.advance(by: .seconds(3))
            try expect(try store.claim().map(\.id.event) == [id], "it is claimed")
            let next = try await store.accept(
                [try Fixtures.track(user: "2", at: store.clock.now)])[0].id
            try expect(next > id, "ids do not go back with the clock")
        },
        StoreContract("puts an event aside that ends the program three times") { store in
            let ids = try await store.accept(
                try (0..<2).map { try Fixtures.track(user: "1", message: "m\($0)") }
            ).map(\.id)
            var current = store
            for crash in 1...3 {
                current = try current.reopened { $0.options.crashedOn = store.delivery(ids[0]) }
                let row = try current.row(ids[0])
                try expect((row.state == .failed) == (crash == 3), "only at the third crash")
            }
            try expect(try current.row(ids[0]).reason == .mapping, "it could not be built")
            try expect(try current.claim().map(\.id.event) == [ids[1]], "the next one goes on")
        },
        StoreContract("leaves what has ended alone, however often the program ends") { store in
            let id = try await store.accept([try Fixtures.track(user: "1")])[0].id
            store.end(store.handedOver[0], .delivered)
            var current = store
            for _ in 1...3 {
                current = try current.reopened { $0.options.crashedOn = store.delivery(id) }
            }
            try expect(try current.row(id).state == .delivered, "it was delivered")
        },
        StoreContract("reads rejected bodies into events once, whoever asks") { store in
            let rejection = Rejection(
                index: 0, messageID: nil,
                problem: Problem(code: "no_type", message: "m", hint: "h"), body: [])
            _ = try await store.events.accept(Envelope(rejections: [rejection]), from: "hook")
            let number = try require(try store.log.rejected(limit: 1).first?.number, "the body")
            let envelope = Envelope(events: [(0, try Fixtures.track(user: "1", message: "m"))])
            let first = try await store.engine.accept(envelope, from: "hook", replacing: [number])
            let second = try await store.engine.accept(envelope, from: "hook", replacing: [number])
            try expect(first.count == 1 && second.isEmpty, "one event, once")
            try expect(try store.log.rejected(limit: 9).isEmpty, "the body is gone")
        },
        StoreContract("counts what was committed") { store in
            let event = try Fixtures.track(user: "1", message: "m")
            _ = try await store.accept([event, event])
            store.end(store.handedOver[0], .delivered)
            let counts = store.engine.tally.now
            try expect(counts[.accepted(source: "backend")] == 1, "one event")
            try expect(counts[.duplicate(source: "backend")] == 1, "one repeat")
            try expect(
                counts[.ended(destination: "vero", .delivered, nil)] == 1, "one delivery")
        },
        StoreContract("counts how deliveries ended, and how long the good ones took") { store in
            _ = try await store.accept(try (0..<2).map { try Fixtures.track(user: "\($0)") })
            _ = try await store.accept(
                """
                {"type":"track","event":"Product Viewed","userId":"3"}
                """)
            store.clock.advance(by: .milliseconds(7))
            store.end(store.handedOver[0], .delivered)
            store.end(store.handedOver[1], .failed(.refused, detail: nil))
            let counts = store.engine.tally.now
            let bucket = try require(Tally.buckets.firstIndex(of: 10), "a bucket up to 10 ms")
            try expect(counts[.latency(destination: "vero", bucket: bucket)] == 1, "its bucket")
            try expect(counts[.latencySum(destination: "vero")] == 7, "seven milliseconds")
            try expect(counts[.ended(destination: "vero", .failed, .refused)] == 1, "a refusal")
            try expect(
                counts[.ended(destination: "vero", .filtered, .consent)] == 1, "a filtered one")
        },
        StoreContract("shows when sources and destinations last did something") { store in
            _ = try await store.accept([try Fixtures.track(user: "1")])
            store.end(store.handedOver[0], .delivered)
            store.clock.advance(by: .milliseconds(1_000))
            _ = try await store.accept([try Fixtures.track(user: "2")])
            try expect(try store.log.destinations()[0].lastDelivered != nil, "the last success")
        },
    ]
}

extension StoreUnderTest {
    /// The code with which one more event is refused; nil when it is taken.
    fileprivate func refusal() async -> String? {
        do {
            let event = try Fixtures.track(user: "refusal", at: clock.now)
            _ = try await engine.accept(Envelope(events: [(0, event)]), from: "backend")
            return nil
        } catch {
            return (error as? Problem)?.code ?? "\(error)"
        }
    }
}
