import Accept
import Deliver
import Events
import Log
import Pipeline
import SluiceTesting
import Store
import Testing

/// A store in memory whose audit a test reads.
private final class Audited: Sendable {
    let memory = MemoryStore()
    let clock = ManualClock()
    let engine: StoreEngine

    init(sources: [SourceRules] = [], isServer: Bool = false) throws {
        var setUp = try StoreSetUp()
        setUp.options.isServer = isServer
        let pipeline = Pipeline(
            destinations: setUp.pipeline.destinations, sources: sources, revision: "first")
        engine = try StoreEngine(
            memory.session(), pipeline: pipeline, room: Room(), clock: clock.world,
            options: setUp.options, faults: { _ in }, news: { _ in })
    }

    deinit { engine.close() }

    func accept(_ envelope: Envelope, from source: String) async throws -> [Receipt] {
        try await engine.accept(envelope, from: source)
    }
}

@Suite struct `The audit` {
    @Test func `has a line for each order, and names people by hashes only`() async throws {
        let store = try Audited()
        let engine = store.engine
        let event = try Fixtures.track(user: "person-1")
        let receipts = try await store.accept(Envelope(events: [(0, event)]), from: "backend")
        try await engine.hold("vero", because: "maintenance")
        try await engine.probe("vero")
        _ = try await engine.release("vero")
        _ = try await engine.release("vero")
        for _ in 0..<2 { _ = try await engine.drop("vero") }
        let id = DeliveryID(event: try #require(receipts.first).id, destination: "vero")
        _ = try await engine.replay(
            ReplayOrder(deliveries: [id], asWas: false, perSecond: 1, reason: "--event"))
        _ = try await engine.setConsent(of: "person-1", to: [], lifting: true)
        let keys = try await engine.beginForgetting("person-1")
        _ = try await engine.erase(keys, after: .none, except: [])
        let audit = store.memory.audit
        #expect(
            audit.map(\.action) == [
                "hold", "probe", "release", "drop", "replay", "consent set", "forget", "forget",
            ], "a release or a drop of nothing is no deed")
        #expect(audit[0].subject == "vero" && audit[0].detail == "maintenance")
        #expect(audit[4].subject == "--event" && audit[4].detail.hasPrefix("1 queued"))
        #expect(audit[5].subject == audit[6].subject, "one person")
        #expect(audit.allSatisfy { !"\($0)".contains("person-1") })
    }

    @Test func `has a line for each pipeline that was taken or refused, with its revision`()
        async throws
    {
        let store = try Audited(isServer: true)
        try await store.engine.note(
            PipelineChange(revision: "second", at: store.clock.now, fault: "line 3: no"))
        _ = try await store.engine.replace(Pipeline(destinations: [], revision: "third"))
        let audit = store.memory.audit
        #expect(audit.map(\.action) == ["pipeline taken", "pipeline refused", "pipeline taken"])
        #expect(audit.map(\.subject) == ["first", "second", "third"])
        #expect(audit.map(\.detail) == ["", "line 3: no", ""])
    }

    @Test func `has a line for what an event changes, and for bodies that were read again`()
        async throws
    {
        var effect = Effect()
        effect.suppress = "unsubscribed"
        let store = try Audited(
            sources: [
                SourceRules(name: "crm", kind: "webhook", effects: ["unsubscribed": [effect]])
            ])
        let rejection = Rejection(
            index: 0, messageID: nil,
            problem: Problem(code: "no_type", message: "m", hint: "h"), body: [])
        _ = try await store.accept(Envelope(rejections: [rejection]), from: "crm")
        #expect(store.memory.audit.isEmpty)
        let number = try #require(try store.memory.log.rejected(limit: 1).first?.number)
        let event = try Fixtures.accepted(
            """
            {"type":"track","event":"Unsubscribed","userId":"1"}
            """, source: "crm")
        let receipts = try await store.engine.accept(
            Envelope(events: [(0, event)]), from: "crm", replacing: [number])
        let audit = store.memory.audit
        #expect(audit.map(\.action) == ["source replay", "effect"])
        #expect(audit.map(\.subject) == ["crm", try #require(receipts.first).id.text])
        #expect(audit.map(\.detail) == ["1 kept bodies read again", "suppressed: unsubscribed"])
    }
}
