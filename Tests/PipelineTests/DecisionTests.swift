import Consent
import Events
import Identify
import JSON
import Map
import Pipeline
import Request
import SluiceTesting
import Testing

/// A blueprint with one event that needs an id or an email, one that needs nobody, and one that is
/// switched off.
private func blueprint(rawEmail: Bool = false) throws -> Blueprint {
    let text = """
        {"blueprint": "shop", "version": 1, "title": "The Shop",
         \(rawEmail ? "\"email\": \"raw\"," : "")
         "parameters": {"list": {"per_event": true}},
         "requests": {
           "known": {"url": "https://x/{list}", "require": {"any": ["id", "email"]},
                     "mappings": {"id": "identity.user_id", "email": "identity.email"}},
           "open": {"url": "https://x/{event_name}", "require": {}, "mappings": {"n": "event"}}},
         "presets": {"default": {"events": {
           "Bought": {"request": "known", "vendor_event_name": "Sale"},
           "Seen": {"request": "open"},
           "Off": {"request": "open", "enabled": false}}}}}
        """
    return try Blueprint.read(file: "shop.json", bytes: Array(text.utf8))
}

private func destination(
    isEnabled: Bool = true, blueprint: Blueprint? = nil,
    parameters: [String: String] = ["list:*": "1"]
) throws -> Destination {
    try Fixtures.destination(
        "shop", isEnabled: isEnabled, blueprint: try blueprint ?? PipelineTests.blueprint(),
        parameters: parameters)
}

private func event(_ name: String, _ who: String = "\"userId\":\"1\"") throws -> Event {
    try Fixtures.accepted("{\"type\":\"track\",\"event\":\"\(name)\",\(who)}")
}

private func decide(
    _ event: Event, at destination: Destination, sources: [SourceRules] = []
) throws -> Pipeline.Planned {
    var people = MemoryPeople()
    let pipeline = Pipeline(destinations: [destination], sources: sources)
    return try pipeline.decide(event, in: &people).deliveries[0]
}

@Suite struct `The decision about an event` {
    @Test func `carries the plan by which its requests are built`() throws {
        let destination = try destination()
        let event = try event("Bought")
        let planned = try decide(event, at: destination)
        let plan = try #require(planned.plan)
        #expect(planned.reason == nil && plan.event.name == "Bought")
        #expect(plan.input.vendorName == "Sale" && plan.input.identity.userID == "1")
        // The identity comes with the plan, not from the argument.
        let built = try destination.builder.requests(for: event, of: .nobody, carried: plan)
        #expect(built.map(\.body.text) == ["{\"id\":\"1\"}"])
        #expect(planned.revision == destination.blueprint.revision)
    }

    @Test(arguments: [
        ("Bought", "\"anonymousId\":\"a\"", Reason.anonymous),
        ("Bought", "\"anonymousId\":\"a\",\"traits\":{\"email\":\"no address\"}", .invalidEmail),
        ("Off", "\"userId\":\"1\"", .eventDisabled), ("Other", "\"userId\":\"1\"", .noMapping),
    ])
    func `gives the reason and no plan when the destination gets nothing`(
        name: String, who: String, reason: Reason
    ) throws {
        let planned = try decide(try event(name, who), at: try destination())
        #expect(planned.reason == reason && planned.plan == nil)
        #expect(planned.detail?.isEmpty == false)
    }

    @Test func `asks for nobody where the request does not`() throws {
        let planned = try decide(
            try event("Seen", "\"anonymousId\":\"a\""), at: try destination())
        #expect(planned.reason == nil)
    }

    @Test func `refuses an address that looks hashed where the raw one is needed`() throws {
        let hash = String(repeating: "0a", count: 32)
        let event = try event(
            "Seen", "\"userId\":\"1\",\"context\":{\"traits\":{\"email\":\"\(hash)\"}}")
        let raw = try destination(blueprint: try blueprint(rawEmail: true))
        #expect(try decide(event, at: raw).reason == .hashedEmail)
        #expect(try decide(event, at: try destination()).reason == nil)
    }

    @Test func `names the parameter that has no value for the event`() throws {
        let planned = try decide(try event("Bought"), at: try destination(parameters: [:]))
        #expect(planned.reason == .noMapping && planned.detail?.contains("\"list\"") == true)
    }

    @Test func `sends nothing back to the service that told it`() throws {
        let rules = SourceRules(name: "backend", kind: "webhook", service: "shop")
        let planned = try decide(try event("Seen"), at: try destination(), sources: [rules])
        #expect(planned.reason == .loop)
    }

    @Test func `is the same when it is taken again for a replay`() throws {
        let destination = try destination()
        let pipeline = Pipeline(destinations: [destination])
        for name in ["Bought", "Off", "Other"] {
            let event = try event(name)
            var people = MemoryPeople()
            let decision = try pipeline.decide(event, in: &people)
            let again = try pipeline.replan(
                event, decision.identity, destination: destination, in: people)
            #expect(again.reason == decision.deliveries[0].reason, "\(name)")
        }
    }
}

@Suite struct `A destination that is switched off` {
    @Test func `is as good as gone for what is delivered, and still named`() throws {
        let pipeline = Pipeline(destinations: [try destination(isEnabled: false)])
        #expect(pipeline["shop"] != nil && pipeline.open("shop") == nil)
        #expect(pipeline.builder(for: "shop") == nil && pipeline.limits.isEmpty)
        let planned = try decide(try event("Seen"), at: try destination(isEnabled: false))
        #expect(planned.reason == .destinationDisabled && planned.plan == nil)
    }

    @Test func `is not one that is on`() throws {
        let pipeline = Pipeline(destinations: [try destination()])
        #expect(pipeline.open("shop") != nil && pipeline.builder(for: "shop") != nil)
        #expect(pipeline.limits["shop"] == DeliveryLimits() && pipeline.open("other") == nil)
    }
}

@Suite struct `A dry run` {
    @Test func `reads emails as the manual's table says`() throws {
        let table = try Fixtures.json(try Fixtures.text("Fixtures/readings/emails.json"))
        let pipeline = Pipeline(destinations: [try destination()])
        for entry in table["emails"]?.elements ?? [] {
            guard let given = entry["given"] else { continue }
            let email = String(decoding: given.raw, as: UTF8.self)
            let event = try Fixtures.accepted(
                "{\"type\":\"identify\",\"userId\":\"1\",\"traits\":{\"email\":\(email)}}")
            let run = try DryRun(event, pipeline: pipeline, people: MemoryPeople())
            #expect(run.identity.email == entry["read"]?.string, "\(entry.pretty())")
        }
    }

    @Test func `reads consent as the manual's table says`() throws {
        let table = try Fixtures.json(try Fixtures.text("Fixtures/readings/consent.json"))
        var codes: [String: String] = [:]
        for member in table["codes"]?.members ?? .empty {
            codes[member.key.string ?? ""] = member.value.string
        }
        let marketing = try Fixtures.destination(
            consent: ConsentRule(require: ["marketing"], missing: .deny))
        let pipeline = Pipeline(destinations: [marketing], consentCodes: codes)
        for entry in table["consent"]?.elements ?? [] {
            let context = String(decoding: try #require(entry["given"]).raw, as: UTF8.self)
            let event = try Fixtures.accepted(
                "{\"type\":\"track\",\"event\":\"Product Viewed\",\"userId\":\"1\","
                    + "\"context\":\(context)}")
            let run = try DryRun(event, pipeline: pipeline, people: MemoryPeople())
            let isUnreadable = entry["unreadable"]?.bool == true
            let read = entry["read"]?["marketing"]?.bool.map { $0 ? "granted" : "denied" }
            let expected = isUnreadable ? "unreadable" : read ?? "missing"
            #expect(run.outcomes[0].consent?.answer == expected, "\(entry.pretty())")
        }
    }

    @Test func `shows what would be sent, and why it would not be`() throws {
        let pipeline = Pipeline(destinations: [try destination()])
        let sent = try DryRun(try event("Bought"), pipeline: pipeline, people: MemoryPeople())
        #expect(sent.outcomes.map(\.reason) == [nil])
        #expect(sent.outcomes[0].requests.map(\.name) == ["known"])
        #expect(sent.outcomes[0].trace?.rows.map(\.target) == ["id"])
        let stopped = try DryRun(try event("Other"), pipeline: pipeline, people: MemoryPeople())
        #expect(stopped.outcomes.map(\.reason) == [.noMapping])
        #expect(stopped.outcomes[0].trace == nil && stopped.outcomes[0].requests.isEmpty)
    }
}
