import Consent
import Events
import Pipeline
import SluiceTesting
import Testing

private let reader = ConsentReader(codes: ["C0004": "marketing"])
private let gate = ConsentGate(
    rule: ConsentRule(require: ["marketing"], missing: .deny), names: ["vero", "Vero"])

private func event(_ context: String, integrations: String = "{}", trusted: Bool = true) throws
    -> Event
{
    try Fixtures.accepted(
        """
        {"type":"track","event":"E","userId":"1","context":\(context),"integrations":\(integrations),
         "timestamp":"2026-06-06T09:00:00Z"}
        """, trusted: trusted)
}

private func decide(
    _ event: Event, stored: Standing = Standing(), gate: ConsentGate = gate, reduces: Bool = false
) -> ConsentGate.Verdict {
    gate.decide(
        event, own: reader.reading(of: event), stored: StoredConsent(user: stored),
        belief: event.trusted ? .person : .denials, reduces: reduces)
}

private func answer(_ granted: Bool, at text: String) -> ConsentAnswer {
    ConsentAnswer(
        category: "marketing", granted: granted, at: Timestamp(reading: text) ?? ManualClock().now,
        origin: "consent set")
}

private func standing(_ answers: ConsentAnswer...) -> Standing {
    var standing = Standing()
    for answer in answers { standing.merge(answer) }
    return standing
}

@Suite struct `Consent in an event` {
    @Test(arguments: [
        "{\"consent\":{\"canonical\":{\"marketing\":true}}}",
        "{\"consent\":{\"categories\":{\"C0004\":true}}}",
        "{\"consent\":{\"categoryPreferences\":{\"C0004\":true}}}",
        "{\"consent\":{\"marketing\":true}}",
        "{\"consentManagement\":{\"allowedConsentIds\":[\"C0004\"]}}",
    ])
    func `is understood in every shape consent tools write`(context: String) throws {
        #expect(decide(try event(context)).reason == nil)
    }

    @Test(arguments: [
        "{\"consent\":{\"canonical\":{\"marketing\":false}}}",
        "{\"consentManagement\":{\"deniedConsentIds\":[\"C0004\"]}}", "{\"consent\":{}}", "{}",
    ])
    func `stops the delivery when it is denied or missing`(context: String) throws {
        let verdict = decide(try event(context))
        #expect(verdict.reason == .consent)
        #expect(verdict.record?.category == "marketing")
    }

    @Test func `that is missing passes only where the pipeline says so`() throws {
        let open = ConsentGate(
            rule: ConsentRule(require: ["marketing"], missing: .allow), names: ["vero"])
        #expect(decide(try event("{}"), gate: open).reason == nil)
    }

    @Test func `has to grant every category that is required`() throws {
        let both = ConsentGate(
            rule: ConsentRule(require: ["marketing", "analytics", "essential"], missing: .deny),
            names: [])
        let one = "{\"consent\":{\"marketing\":true}}"
        #expect(decide(try event(one), gate: both).reason == .consent)
        let two = "{\"consent\":{\"marketing\":true,\"analytics\":true}}"
        #expect(decide(try event(two), gate: both).reason == nil)
    }

    @Test func `is not asked for by a destination without the block`() throws {
        let free = ConsentGate(rule: nil, names: [])
        #expect(decide(try event("{\"consent\":{\"marketing\":false}}"), gate: free).reason == nil)
    }

    @Test func `is decided by the answers as this pipeline reads them, not as one before`() throws {
        let destination = try Fixtures.destination(
            consent: ConsentRule(require: ["marketing"], missing: .deny))
        let before = Pipeline(destinations: [destination])
        let after = Pipeline(
            destinations: [destination], consentCodes: ["C0004": "marketing"])
        let event = try Fixtures.accepted(
            """
            {"type":"track","event":"Product Viewed","userId":"1",
             "context":{"consent":{"C0004":true}}}
            """)
        var people = MemoryPeople()
        let (now, then) = (
            try after.decide(event, before.read(event), in: &people),
            try before.decide(event, after.read(event), in: &people)
        )
        #expect(now.deliveries[0].consent?.answer == "granted")
        #expect(then.deliveries[0].reason == .consent)
    }
}

@Suite struct `Stored consent` {
    private let granting = "{\"consent\":{\"marketing\":true}}"

    @Test func `wins when it is newer than the event's`() throws {
        let denial = standing(answer(false, at: "2026-06-06T09:00:01Z"))
        let verdict = decide(try event(granting), stored: denial)
        #expect(verdict.reason == .consent)
        #expect(verdict.record?.origin == "consent set")
    }

    @Test func `loses when it is older`() throws {
        let denial = standing(answer(false, at: "2026-06-06T08:59:59Z"))
        #expect(decide(try event(granting), stored: denial).reason == nil)
    }

    @Test func `denies when both are of the same time`() throws {
        let denial = standing(answer(false, at: "2026-06-06T09:00:00Z"))
        #expect(decide(try event(granting), stored: denial).reason == .consent)
    }

    @Test func `keeps the newest answer of a category, in whatever order they come`() {
        let newer = answer(false, at: "2026-06-06T09:00:02Z")
        let older = answer(true, at: "2026-06-06T09:00:01Z")
        #expect(standing(newer, older) == standing(older, newer))
    }
}

@Suite struct `A suppression` {
    private let suppressed = Standing(
        suppressions: [
            Suppression(cause: "unsubscribed", at: ManualClock().now, origin: "Vero")
        ])
    private let granting = "{\"consent\":{\"marketing\":true}}"

    @Test func `beats the event's own consent`() throws {
        let verdict = decide(try event(granting), stored: suppressed)
        #expect(verdict.reason == .suppressed)
        #expect(verdict.detail == "unsubscribed in Vero on 2026-06-06T10:00:00.000Z")
    }

    @Test func `holds without a consent block too`() throws {
        let free = ConsentGate(rule: nil, names: [])
        #expect(decide(try event("{}"), stored: suppressed, gate: free).reason == .suppressed)
    }

    @Test func `lets a withdrawal through`() throws {
        #expect(decide(try event("{}"), stored: suppressed, reduces: true).reason == nil)
    }

    @Test func `is not lifted by an identify, but by an event that says consent was given`() throws
    {
        for (type, lifted) in [
            ("\"identify\"", false), ("\"track\",\"event\":\"Consent Updated\"", true),
        ] {
            var people = MemoryPeople()
            people.save(suppressed, for: IdentityKey(.user, "1"))
            let text = """
                {"type":\(type),"userId":"1","context":{"consent":{"marketing":true}}}
                """
            let event = try Fixtures.accepted(text, at: ManualClock().now + .milliseconds(1_000))
            _ = try Pipeline(destinations: []).decide(event, in: &people)
            let standing = people.standing(IdentityKey(.user, "1"))
            #expect((standing?.active.isEmpty ?? true) == lifted)
        }
    }

    @Test func `holds for an address that an earlier version kept with what stood around it`()
        throws
    {
        var people = MemoryPeople()
        people.save(suppressed, for: IdentityKey(.email, "Jane <a@b.co>"))
        for email in ["Jane <a@b.co>", "a@b.co"] {
            let event = try Fixtures.accepted(
                "{\"type\":\"identify\",\"traits\":{\"email\":\"\(email)\"}}")
            _ = try Pipeline(destinations: []).decide(event, in: &people)
            let standing = people.standing(IdentityKey(.email, "a@b.co"))
            #expect(standing?.active.isEmpty == false, "as \(email)")
        }
    }

    @Test func `is lifted by a resubscribe from a server, not from a browser`() throws {
        for (trusted, lifted) in [(true, true), (false, false)] {
            var people = MemoryPeople()
            let event = try Fixtures.accepted(
                "{\"type\":\"track\",\"event\":\"Resubscribed\",\"userId\":\"1\"}",
                trusted: trusted,
                at: ManualClock().now + .milliseconds(1_000))
            people.save(suppressed, for: IdentityKey(.user, "1"))
            _ = try Pipeline(destinations: []).decide(event, in: &people)
            #expect((people.standing(IdentityKey(.user, "1"))?.active.isEmpty ?? true) == lifted)
        }
    }
}

@Suite struct `Categories` {
    @Test func `that nobody asks for are not read`() throws {
        let many = (0..<1_000).map { "\"invented\($0)\":false" }.joined(separator: ",")
        let text = "{\"consent\":{\(many),\"marketing\":true,\"own\":true}}"
        let own = ConsentReader(codes: [:], required: ["own"])
        #expect(Set(own.answers(in: try event(text)).map(\.category)) == ["marketing", "own"])
    }
}

@Suite struct `The integrations object` {
    private let granting = "{\"consent\":{\"marketing\":true}}"

    @Test(arguments: [
        "{\"Vero\":false}", "{\"vero\":false}", "{\"All\":false}", "{\"VERO\":false,\"All\":true}",
        "{\"All\":false,\"Vero\":null}", "{\"vero\":true,\"Vero\":false}",
    ])
    func `can exclude a destination`(integrations: String) throws {
        #expect(decide(try event(granting, integrations: integrations)).reason == .integrations)
    }

    @Test(arguments: [
        "{\"Vero\":true,\"All\":false}", "{\"Other\":false}",
        "{\"Vero\":{\"tags\":{}},\"All\":false}", "{\"Vero\":null}",
    ])
    func `lets it pass otherwise`(integrations: String) throws {
        #expect(decide(try event(granting, integrations: integrations)).reason == nil)
    }

    @Test func `never opens what consent closes`() throws {
        #expect(decide(try event("{}", integrations: "{\"Vero\":true}")).reason == .consent)
    }
}

@Suite struct `An answer of the future` {
    @Test func `counts from when it was received, so that it can be withdrawn`() throws {
        let text = """
            {"type":"identify","userId":"1","timestamp":"2030-01-01T00:00:00Z",
             "context":{"consent":{"marketing":true}}}
            """
        let event = try Fixtures.accepted(text)
        #expect(reader.answers(in: event).map(\.at) == [event.receivedAt])
    }
}

@Suite struct `Consent from a browser key` {
    @Test func `is stored when it denies, even with an event that is refused`() throws {
        let pipeline = Pipeline(destinations: [], consentCodes: [:])
        var people = MemoryPeople()
        let text = """
            {"type":"identify","userId":"1","anonymousId":"d","traits":{"email":"new@x.co"},
             "context":{"consent":{"marketing":false}}}
            """
        _ = try pipeline.decide(try Fixtures.accepted(text, trusted: false), in: &people)
        #expect(people.standing(IdentityKey(.user, "1")) == nil, "anybody could silence anybody")
        let device = people.standing(IdentityKey(.anonymous, "d"))
        #expect(device?.answers.map(\.granted) == [false])
    }

    @Test func `counts when it denies and not when it grants`() throws {
        let grant = try event("{\"consent\":{\"marketing\":true}}", trusted: false)
        #expect(decide(grant).reason == .untrustedIdentity)
        let denial = try event("{\"consent\":{\"marketing\":false}}", trusted: false)
        let stored = standing(answer(true, at: "2026-06-06T08:00:00Z"))
        #expect(decide(denial, stored: stored).reason == .consent)
        #expect(decide(grant, stored: stored).reason == nil)
    }
}
