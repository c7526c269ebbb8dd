import Consent
import Events
import Identify
import JSON
import Map
import Pipeline
import SluiceTesting
import Testing

@Suite struct `What a webhook changes about its person` {
    private let now = ManualClock().now
    private let user = IdentityKey(.user, "1")
    private let email = IdentityKey(.email, "Jane@example.com")

    private func effect(_ change: (inout Effect) -> Void) -> Effect {
        var effect = Effect()
        change(&effect)
        return effect
    }

    private func pipeline(
        _ effects: [String: [Effect]], service: String? = "vero", destination: String = "vero"
    ) throws -> Pipeline {
        Pipeline(
            destinations: [try Fixtures.destination(destination)],
            sources: [
                SourceRules(
                    name: "vero", kind: "webhook", service: service, title: "Vero",
                    effects: effects)
            ])
    }

    private func event(
        _ name: String, at moment: Timestamp? = nil, trusted: Bool = true,
        properties: String = "{}"
    ) throws -> Event {
        let event = try Fixtures.accepted(
            """
            {"type":"track","event":"\(name)","userId":"1","properties":\(properties),
             "context":{"traits":{"email":"jane@example.com"}}}
            """, source: "vero", trusted: trusted, at: moment ?? now)
        return event.accepted(as: EventID(first: event.receivedAt))
    }

    private var suppressing: [String: [Effect]] {
        [
            "unsubscribed": [effect { $0.suppress = "unsubscribed" }],
            "complained": [effect { $0.suppress = "complained" }],
            "resubscribed": [effect { $0.lift = ["unsubscribed"] }],
        ]
    }

    @Test func `is kept for the user id and the email, with the event that said so`() throws {
        var people = MemoryPeople()
        let event = try event("Unsubscribed")
        let decision = try pipeline(suppressing).decide(event, in: &people)
        #expect(decision.changes == ["suppressed: unsubscribed"])
        for key in [user, email] {
            let suppression = try #require(people.standing(key)?.active.first)
            #expect(suppression.cause == "unsubscribed" && suppression.event == event.id)
            #expect(suppression.at == now && suppression.origin == "Vero")
        }
    }

    @Test func `is said once: the same again changes nothing`() throws {
        var people = MemoryPeople()
        let pipeline = try pipeline(suppressing)
        _ = try pipeline.decide(try event("Unsubscribed"), in: &people)
        #expect(try pipeline.decide(try event("Unsubscribed"), in: &people).changes.isEmpty)
    }

    @Test func `lets the event that said so pass to others, and nothing after it`() throws {
        var people = MemoryPeople()
        let pipeline = try pipeline(suppressing, service: "another")
        func reason(_ name: String, _ seconds: Int64) throws -> Reason? {
            let event = try event(name, at: now + .milliseconds(seconds) * 1000)
            return try pipeline.decide(event, in: &people).deliveries[0].reason
        }
        #expect(try reason("Complained", 0) == .noMapping)
        #expect(try reason("Product Viewed", 1) == .suppressed)
        let complaint = try event("Complained", at: now + .milliseconds(2_000))
        let pass = Pipeline(
            destinations: [
                try Fixtures.destination(
                    "crm",
                    blueprint: try Blueprint.read(
                        file: "webhook.json", bytes: Fixtures.bytes("Blueprints/webhook.json")))
            ], sources: pipeline.sources)
        // Others have to hear of it, even of somebody who is suppressed already.
        _ = try pipeline.decide(
            try event("Unsubscribed", at: now + .milliseconds(1_500)), in: &people)
        #expect(try pass.decide(complaint, in: &people).deliveries[0].reason == nil)
    }

    @Test func `is lifted for the person when one of the two identifiers says so`() throws {
        var people = MemoryPeople()
        let pipeline = try pipeline(suppressing, service: "another")
        _ = try pipeline.decide(try event("Unsubscribed"), in: &people)
        let lifting = try Fixtures.accepted(
            """
            {"type":"track","event":"Resubscribed","context":{"traits":{"email":"jane@example.com"}}}
            """, source: "vero", at: now + .milliseconds(1_000))
        _ = try pipeline.decide(lifting, in: &people)
        let next = try event("Product Viewed", at: now + .milliseconds(2_000))
        #expect(try pipeline.decide(next, in: &people).deliveries[0].reason == nil)
    }

    @Test(arguments: [
        (["Unsubscribed 0", "Resubscribed 0", "Unsubscribed 0"], true),
        (["Resubscribed 9", "Unsubscribed 5"], false),
        (["Unsubscribed 0", "Resubscribed 2", "Resubscribed 9", "Unsubscribed 5"], false),
        (["Resubscribed 5", "Unsubscribed 9"], true),
    ])
    func `follows the times that were said, and on a tie the denial that came last`(
        said: [String], holds: Bool
    ) throws {
        var people = MemoryPeople()
        let pipeline = try pipeline(suppressing)
        for text in said {
            let parts = text.split(separator: " ")
            let moment = now + .seconds(Int64(parts[1]) ?? 0)
            _ = try pipeline.decide(try event(String(parts[0]), at: moment), in: &people)
        }
        #expect(people.standing(user)?.active.isEmpty != holds)
    }

    @Test func `ends what it names and nothing else`() throws {
        var people = MemoryPeople()
        let pipeline = try pipeline(suppressing)
        for (index, name) in ["Unsubscribed", "Complained", "Resubscribed"].enumerated() {
            _ = try pipeline.decide(
                try event(name, at: now + .seconds(index)), in: &people)
        }
        let standing = try #require(people.standing(user))
        #expect(standing.active.map(\.cause) == ["complained"])
        #expect(standing.suppressions.count == 2, "the lifted one can still be seen")
    }

    @Test func `does not come back with an older webhook that arrives late`() throws {
        var people = MemoryPeople()
        let pipeline = try pipeline(suppressing)
        _ = try pipeline.decide(try event("Unsubscribed"), in: &people)
        _ = try pipeline.decide(
            try event("Resubscribed", at: now + .milliseconds(9_000)), in: &people)
        _ = try pipeline.decide(
            try event("Unsubscribed", at: now + .milliseconds(5_000)), in: &people)
        #expect(people.standing(user)?.active.isEmpty == true)
        _ = try pipeline.decide(
            try event("Unsubscribed", at: now + .milliseconds(10_000)), in: &people)
        #expect(people.standing(user)?.active.count == 1)
    }

    @Test func `depends on the condition, such as that a bounce was hard`() throws {
        let when = try ConfigurationFile(
            name: "when.json",
            bytes: Array("{\"source\":\"properties.bounce_type\",\"is\":\"hard\"}".utf8))
        let effects = [
            "emailbounced": [
                effect {
                    $0.suppress = "hard_bounce"
                    $0.condition = Condition(when.root)
                }
            ]
        ]
        for (kind, count) in [("soft", 0), ("hard", 1)] {
            var people = MemoryPeople()
            let event = try event("Email Bounced", properties: "{\"bounce_type\":\"\(kind)\"}")
            _ = try pipeline(effects).decide(event, in: &people)
            #expect((people.standing(user)?.active.count ?? 0) == count)
        }
    }

    @Test func `can be an answer to a consent category`() throws {
        var people = MemoryPeople()
        let effects = [
            "unsubscribed": [effect { $0.deny = ["marketing"] }],
            "resubscribed": [effect { $0.grant = ["marketing"] }],
        ]
        for (index, name) in ["Unsubscribed", "Resubscribed"].enumerated() {
            _ = try pipeline(effects).decide(
                try event(name, at: now + .seconds(index)), in: &people)
            let answer = try #require(people.standing(email)?.answers.first)
            #expect(answer.granted == (index == 1) && answer.origin == "Vero")
        }
    }

    @Test func `can teach who belongs together, only when that is asked`() throws {
        for teaches in [false, true] {
            var people = MemoryPeople()
            let effects = ["userupdated": [effect { $0.teachesIdentity = teaches }]]
            _ = try pipeline(effects).decide(try event("User Updated"), in: &people)
            #expect((people.identity(user)?.email == "jane@example.com") == teaches)
        }
    }

    @Test func `is nothing without a rule, and nothing when the source is not trusted`() throws {
        for (effects, trusted) in [([:], true), (suppressing, false)] {
            var people = MemoryPeople()
            people.save(
                Standing(suppressions: [Suppression(cause: "x", at: now, origin: "us")]), for: user)
            for name in ["Unsubscribed", "Resubscribed"] {
                _ = try pipeline(effects).decide(
                    try event(name, at: now + .milliseconds(1_000), trusted: trusted), in: &people)
            }
            #expect(people.standing(user)?.active.map(\.cause) == ["x"])
        }
    }
}
