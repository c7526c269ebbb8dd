import Consent
import Deliver
import Events
import JSON
import Log
import Pipeline
import Store

/// Promises about events of people who are not known yet, at a destination that waits for them.
extension StoreContract {
    private static func waiting(_ setUp: inout StoreSetUp) {
        guard
            let destination = try? Fixtures.destination(
                consent: ConsentRule(require: ["marketing"], missing: .deny),
                anonymous: AnonymousRule(wait: .hours(24), events: 3))
        else { return }
        setUp.pipeline = Pipeline(destinations: [destination])
        setUp.room = ["vero": 10]
    }

    private static func view(_ product: String, consent: Bool = true) -> String {
        """
        {"type":"track","event":"Product Viewed","anonymousId":"device","messageId":"\(product)",
         "properties":{"product_id":"\(product)"},"context":{"consent":{"marketing":\(consent)}}}
        """
    }

    private static func identify(_ user: String) -> String {
        """
        {"type":"identify","userId":"\(user)","anonymousId":"device",
         "traits":{"email":"\(user)@b.co"},"context":{"consent":{"marketing":true}}}
        """
    }

    static let anonymous: [StoreContract] = [
        StoreContract(
            "sends what waited, in order and before the identify, when the person is known",
            setUp: waiting
        ) { store in
            var ids: [EventID] = []
            for product in ["a", "b", "c", "d"] {
                ids.append(try await store.accept(view(product)))
            }
            try expect(try store.row(ids[0]).reason == .anonymous, "nobody is known yet")
            store.clock.advance(by: .seconds(1))
            let identify = try await store.accept(identify("1"))
            try expect(
                try store.row(ids[0]).state == .filtered, "no more than three: the newest go")
            var sent: [EventID] = []
            for _ in 0..<4 {
                let jobs = try store.claim()
                sent += jobs.map(\.id.event)
                for job in jobs {
                    try expect(job.identity.userID == "1", "they are the person's now")
                    store.end(job, .delivered)
                }
            }
            try expect(sent == ids.suffix(3) + [identify], "in order, not \(sent)")
        },
        StoreContract("keeps back what a no forbids by then", setUp: waiting) { store in
            let granted = try await store.accept(view("a"))
            let denied = try await store.accept(view("b", consent: false))
            store.clock.advance(by: .seconds(1))
            _ = try await store.engine.setConsent(
                of: "1", to: [store.answer("marketing", false)], lifting: false)
            _ = try await store.accept(identify("1"))
            for id in [granted, denied] {
                try expect(try store.row(id).reason == .consent, "the person says no by now")
            }
        },
        StoreContract("gives the second user of a device nothing of the first's", setUp: waiting) {
            store in
            let early = try await store.accept(view("a"))
            store.clock.advance(by: .seconds(1))
            _ = try await store.accept(identify("1"))
            let first = try require(try store.claim().first, "the first user's event")
            try expect(first.id.event == early && first.identity.userID == "1", "it is theirs")
            store.clock.advance(by: .seconds(1))
            let between = try await store.accept(view("b"))
            _ = try await store.accept(identify("2"))
            try expect(try store.row(early).state == .sending, "it stays the first user's")
            try expect(try store.row(between).userID == nil, "it named nobody")
            for job in try store.claim() where job.id.event == between {
                try expect(
                    job.identity.email != "2@b.co", "nothing of the first goes as the second's")
            }
        },
        StoreContract(
            "sends what waited when an address is the first thing known of the person",
            setUp: waiting
        ) { store in
            let early = try await store.accept(view("a"))
            store.clock.advance(by: .seconds(1))
            for address in ["a@b.co", "other@b.co"] {
                _ = try await store.accept(
                    """
                    {"type":"identify","anonymousId":"device","traits":{"email":"\(address)"},
                     "context":{"consent":{"marketing":true}}}
                    """)
            }
            let first = try require(try store.claim().first, "the event that waited")
            try expect(first.id.event == early, "it goes first, not \(first.id)")
            try expect(first.identity.email == "a@b.co", "as the first address's, not the next")
            let counted = store.engine.tally.now[.becameKnown(destination: "vero")]
            try expect(counted == 1, "it is counted once, not \(counted ?? 0)")
            store.end(first, .delivered)
            let people = try await store.engine.beginForgetting("other@b.co")
            _ = try await store.engine.erase(people, after: .none, except: [])
            let left = try store.log.event(early)?.event.document.root.isEmpty
            try expect(left == false, "forgetting the next one leaves the first one's event")
        },
        StoreContract(
            "gives what one address saw on a device to no later user of it", setUp: waiting
        ) { store in
            let early = try await store.accept(view("a"))
            store.clock.advance(by: .seconds(1))
            for address in ["anna@b.co", "9@b.co"] {
                _ = try await store.accept(
                    """
                    {"type":"identify","anonymousId":"device","traits":{"email":"\(address)"}}
                    """)
            }
            _ = try await store.accept(identify("9"))
            var jobs = try store.claim()
            while let job = jobs.popLast() {
                let isOthers = job.id.event == early && job.identity.email != "anna@b.co"
                try expect(!isOthers, "the early event is the first address's, not \(job.identity)")
                store.end(job, .delivered)
                jobs += try store.claim()
            }
            let people = try await store.engine.beginForgetting("anna@b.co")
            let step = try await store.engine.erase(people, after: .none, except: [])
            try expect(step.erased == 2, "what was sent as hers and her identify, not \(step)")
        },
        StoreContract("lets events that are too old stay left out", setUp: waiting) { store in
            let old = try await store.accept(view("a"))
            store.clock.advance(by: .hours(25))
            _ = try await store.accept(identify("1"))
            try expect(try store.row(old).reason == .anonymous, "a day is over")
        },
    ]
}
