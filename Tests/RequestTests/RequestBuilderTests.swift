import Events
import Map
import Request
import SluiceTesting
import Testing

@Suite struct `A builder of requests` {
    private let person = Identity(
        userID: "7", email: nil, anonymousID: nil, emailState: .fine, lane: LaneKey(number: 7))

    @Test func `uses the plan that it made and gives up another's`() throws {
        let (one, other) = (try Fixtures.builder("r1"), try Fixtures.builder("r2"))
        let event = try Fixtures.track(user: "7")
        let plan = try #require(one.plan(for: event, of: person))
        #expect(one.plan(for: event, of: .nobody, carried: plan)?.input === plan.input)
        let anew = try #require(other.plan(for: event, of: .nobody, carried: plan))
        #expect(anew.input !== plan.input && anew.input.identity == .nobody)
        for builder in [one, other] {
            let carried = try builder.requests(for: event, of: person, carried: plan)
            #expect(carried == (try builder.requests(for: event, of: person)))
        }
    }

    @Test func `says why an event becomes no request`() throws {
        let fault = #expect(throws: RequestFault.self) {
            try Fixtures.builder("r1").requests(for: try Fixtures.track(user: "x"), of: person)
        }
        #expect(fault == RequestFault(reason: .mapping, detail: "data.n: \"x\" is no number."))
        let missing = #expect(throws: RequestFault.self) {
            try Fixtures.builder("r1").requests(
                for: try Fixtures.accepted(
                    "{\"type\":\"group\",\"userId\":\"1\",\"groupId\":\"g\"}"),
                of: person)
        }
        #expect(missing?.reason == .noMapping)
    }

    @Test func `reads answers by the request's rules before the blueprint's`() throws {
        let text = """
            {"blueprint": "b", "version": 1,
             "requests": {"r": {"url": "https://x", "mappings": {},
               "answers": [{"when": {"status": 404}, "class": "invalid", "hint": "own"}]}},
             "answers": [{"when": {"status": 404}, "class": "setup", "hint": "shared"}],
             "presets": {"default": {"defaults": {"action": "pass", "request": "r"}}}}
            """
        let blueprint = try Blueprint.read(file: "b.json", bytes: Array(text.utf8))
        let builder = RequestBuilder(
            destination: "d", blueprint: blueprint,
            preset: try #require(blueprint.presets["default"]), parameters: [:])
        #expect(builder.answerRules(for: "r").map(\.hint) == ["own", "shared"])
        #expect(builder.answerRules(for: "gone").map(\.hint) == ["shared"])
    }

    @Test func `sends a stored request whole, and knows when it would go elsewhere now`() throws {
        let event = try Fixtures.track(user: "7")
        let old = try Fixtures.builder("https://old/")
        let new = try Fixtures.builder("https://new/")
        let stored = try old.requests(for: event, of: person)[0]
        let sent = new.outgoing(stored, for: event, at: ManualClock().now)
        #expect(sent.url == "https://old/" && sent.body == stored.body.bytes)
        #expect(new.hasMoved(stored, for: event) && !old.hasMoved(stored, for: event))
        let unknown = MappedRequest(
            name: "renamed", method: "POST", url: stored.url, body: stored.body)
        #expect(!new.hasMoved(unknown, for: event))
        let put = MappedRequest(
            name: stored.name, method: "PUT", url: stored.url, body: stored.body)
        #expect(old.hasMoved(put, for: event))
    }
}
