import Events
import Request
import SluiceTesting
import Testing

@testable import Deliver

@Suite struct `The room in memory` {
    private func machine() -> DeliveryMachine {
        DeliveryMachine(
            limits: ["vero": DeliveryLimits()], schedule: Schedule(),
            now: ManualClock().moment, jitter: .none)
    }

    @Test func `has places for fresh deliveries until they are taken or the destination closes`() {
        let room = Room(["vero": 2])
        var machine = machine()
        #expect(room.takeFresh("vero") && room.takeFresh("vero") && !room.takeFresh("vero"))
        room.give("vero")
        #expect(room.takeFresh("vero") && !room.takeFresh("other"))
        room.give("vero", 2)
        _ = room.carryOut(.room(.admitFresh(destination: "vero", false)), of: &machine)
        #expect(!room.takeFresh("vero"))
        _ = room.carryOut(.room(.admitFresh(destination: "vero", true)), of: &machine)
        #expect(room.takeFresh("vero"))
    }

    @Test func `makes a claim as large as it has places`() {
        let room = Room(["vero": 3])
        var machine = machine()
        let claim = Claim(destination: "vero", wanted: 256, oldest: false)
        let work = room.carryOut(.claim(claim), of: &machine)
        guard case .store(.claim("vero", 3, false, []))? = work else {
            Issue.record("another claim")
            return
        }
        let none = room.carryOut(.claim(claim), of: &machine)
        if case .some = none { Issue.record("a claim without a place") }
    }

    @Test func `opens for a new destination once`() {
        let room = Room()
        var machine = machine()
        for places in [1, 5] {
            _ = room.carryOut(.room(.open(destination: "new", places: places)), of: &machine)
        }
        #expect(room.takeFresh("new") && !room.takeFresh("new"))
    }

    @Test func `without a place has the claim asked for again with the next input`() {
        let room = Room(["vero": 1])
        var machine = machine()
        #expect(room.takeFresh("vero"))
        let now = ManualClock().moment
        func claims() -> Int {
            machine.handle(.tick, now: now).compactMap { room.carryOut($0, of: &machine) }.count
        }
        #expect(claims() == 0 && machine.active == 0)
        room.give("vero")
        #expect(claims() == 1 && machine.active == 1)
        #expect(claims() == 0, "one claim at a time")
    }

    @Test func `does not change when a copy of the machine goes another way`() throws {
        let room = Room(["vero": 10])
        var machine = machine()
        let now = ManualClock().moment
        _ = machine.handle(.tick, now: now)
        var copy = machine
        let job = Job(
            id: DeliveryID(event: EventID(number: 1), destination: "vero"), run: 1, attempt: 1,
            tries: 0, step: 0, event: try Fixtures.track(user: "1"), identity: .nobody,
            content: try Fixtures.oneRequest(), revision: "r", decidedAt: 0)
        _ = copy.handle(
            .news([.handedOver([job]), .heldByOperator(destination: "vero")]), now: now)
        #expect(copy.handle(.drain, now: now).isEmpty && copy.isDraining && !machine.isDraining)
        let started = machine.handle(.news([.handedOver([job])]), now: now).count {
            if case .start = $0 { true } else { false }
        }
        #expect(started == 1, "the first machine knows nothing of the copy's hold")
        #expect(room.takeFresh("vero"))
    }
}
