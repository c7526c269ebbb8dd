import Accept
import Deliver
import Events
import JSON
import Log
import Pipeline
import SluiceTesting
import Testing

@testable import Store

@Suite struct `A store that is too large` {
    @Test func `keeps rows as long as bodies can go`() throws {
        let clock = ManualClock()
        let memory = MemoryStore()
        // Nothing is sent anywhere: the event has ended.
        let pipeline = Pipeline(destinations: [])
        let writer = try StoreWriter(
            memory.session(), pipeline: pipeline, room: Room(), clock: clock.world, isServer: false)
        let envelope = Envelope(events: [(0, try Fixtures.track(user: "1", at: clock.now))])
        let prepared = PreparedEnvelope(
            envelope, hasher: writer.people.hasher, pipeline: pipeline)
        var receipts: [Receipt] = []
        try writer.transaction { receipts = try writer.accept(prepared, from: "backend") }
        let id = try #require(receipts.first).id
        clock.advance(by: .days(8))
        var limits = StoreLimits()
        limits.size = 10
        var removals: [Bool] = []
        for _ in 0..<2 {
            try writer.transaction { removals.append(try writer.removeOld(limits)) }
        }
        #expect(removals == [true, false], "without its body it is small enough")
        #expect(try memory.log.event(id)?.event.document.root.isEmpty == true)
    }
}
