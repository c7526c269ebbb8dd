import Accept
import Consent
import Deliver
import Events
import Log
import Pipeline
import Store

/// Promises about news: the deliverer is told when something lets a delivery go, and of orders.
extension StoreContract {
    static let telling: [StoreContract] = [
        StoreContract("tells once that something waits, until the next claim") { store in
            _ = try await store.accept(try (0..<2).map { try Fixtures.track(user: "\($0)") })
            try expect(store.wakings == 0, "there was room for both")
            _ = try await store.accept([try Fixtures.track(user: "2")])
            try expect(store.wakings == 1, "the third waits")
            _ = try await store.accept([try Fixtures.track(user: "3")])
            try expect(store.wakings == 1, "it was told already")
            _ = try store.claim(upTo: 1)
            _ = try await store.accept([try Fixtures.track(user: "4")])
            try expect(store.wakings == 2, "another may wait after a claim")
        },
        StoreContract("tells when an end, a return or a replay lets something go") { store in
            _ = try await store.accept(try (0..<2).map { _ in try Fixtures.track(user: "1") })
            store.end(store.handedOver[0], .delivered)
            try expect(store.wakings == 1, "the next of its lane may go")
            let second = try store.claim()
            store.submit([.giveBack(second)])
            try expect(store.wakings == 2, "it was given back")
            let again = try store.claim()
            store.end(again[0], .delivered)
            try expect(store.wakings == 2, "nothing stands behind it")
            _ = try await store.replay(again.map(\.id.event))
            try expect(store.wakings == 3, "it is to be sent again")
        },
        StoreContract("says with a claim when the next may go") { store in
            _ = try await store.accept(try (0..<4).map { try Fixtures.track(user: "\($0)") })
            _ = try store.claim(upTo: 1)
            try expect(store.nextDue == store.clock.now, "one more is ready")
            let due = store.clock.now + .seconds(3)
            store.end(store.handedOver[0], .retry(due: due, leavesLane: false))
            _ = try store.claim()
            try expect(store.nextDue == due, "the retry, in three seconds")
            store.clock.advance(by: .seconds(3))
            _ = try store.claim()
            try expect(store.nextDue == nil, "nothing is left")
        },
        StoreContract("tells what a clock going back has put off and is due again") { store in
            _ = try await store.accept([try Fixtures.track(user: "1")])
            let due = store.clock.now + .seconds(3)
            store.end(store.handedOver[0], .retry(due: due, leavesLane: false))
            _ = try store.claim()
            try expect(store.wakings == 1 && store.nextDue == due, "in three seconds")
            store.clock.set(by: .days(-2))
            try await store.keepHouse(until: "it is told") { store.wakings == 2 }
        },
        StoreContract("tells of a release, whether it was held or not") { store in
            try await store.engine.hold("vero", because: "maintenance")
            try expect(try await store.engine.release("vero"), "it was held")
            try expect(try await store.engine.release("vero") == false, "it is not any more")
            try expect(
                store.orders == ["held vero", "released vero", "released vero"],
                "nothing may stay stuck, not \(store.orders)")
        },
        StoreContract("tells that nothing may go any more to a person who is forgotten") { store in
            _ = try await store.accept([try Fixtures.track(user: "1")])
            _ = try await store.engine.beginForgetting("1")
            store.flush()
            try expect(store.changedConsent == [IdentityKey(.user, "1")], "their user id")
        },
        StoreContract("tells when forgetting a person lets another delivery go") { store in
            let waiting = try await store.accept([try Fixtures.track(user: "1")])[0].id
            let due = store.clock.now + .seconds(3)
            store.end(store.handedOver[0], .retry(due: due, leavesLane: false))
            let deletion = try await store.acceptDeletion(of: "1")
            try expect(try store.claim().isEmpty, "it stands behind the retry")
            let before = store.wakings
            _ = try await store.engine.beginForgetting("1")
            store.flush()
            try expect(try store.row(waiting).reason == .erased, "the retry is ended")
            try expect(store.wakings == before + 1, "the deletion is the next of its lane")
            try expect(try store.claim().map(\.id.event) == [deletion], "and is sent")
        },
    ]
}

extension StoreUnderTest {
    /// How often the deliverer was told that something waits.
    fileprivate var wakings: Int {
        news().count { if case .waiting = $0 { true } else { false } }
    }

    /// The time at which something more falls due, as the last claim was answered.
    fileprivate var nextDue: Timestamp? {
        news().reduce(nil) { found, news in
            if case .claimed(_, _, _, let nextDue) = news { nextDue } else { found }
        }
    }
}
