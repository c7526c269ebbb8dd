import Accept
import Events
import JSON
import Map
import SluiceTesting
import Testing

@testable import Webhooks

/// The names of the sample webhooks, without the ending.
private let samples = [
    "sendpulse-flow", "sendpulse-spam", "sendpulse-unsubscribe", "vero-0-bounced",
    "vero-0-clicked", "vero-0-delivered", "vero-0-opened", "vero-0-sent", "vero-0-unsubscribed",
    "vero-0-user_updated", "vero-1-bounced", "vero-1-clicked", "vero-1-delivered",
    "vero-1-opened", "vero-1-sent", "vero-1-unsubscribed", "vero-1-user_created",
    "vero-1-user_updated", "vero-2-bounced", "vero-2-clicked", "vero-2-complained",
    "vero-2-converted", "vero-2-delivered", "vero-2-failed", "vero-2-opened",
    "vero-2-resubscribed", "vero-2-sent", "vero-2-unsubscribed", "vero-2-user_created",
    "vero-2-user_updated",
]

@Suite struct `A webhook that comes in` {
    private let now = ManualClock().now

    @Test(arguments: samples)
    func `becomes the event its documents promise, and loses no field`(name: String) throws {
        let sample = try Fixtures.json(Fixtures.text("Fixtures/webhooks/\(name).json"))
        let source = try Fixtures.webhookSource(sample["source"]?.string ?? "")
        let body = try #require(sample["body"])
        let reading = reader.read(Array(body.raw), headers: [:], from: source, at: now)
        let expected = try #require(sample["expect"]).elements
        #expect(reading.problem == nil && reading.envelope.rejections.isEmpty)
        #expect(reading.envelope.events.count == expected.count)
        for ((_, event), expected) in zip(reading.envelope.events, expected) {
            let document = event.document.root
            #expect(
                document.equals(expected), "\(String(decoding: document.raw, as: UTF8.self))")
            let moment = expected["timestamp"].flatMap { Timestamp(reading: $0) } ?? now
            #expect(event.timestamp == moment)
            #expect(event.trusted && event.source == source.name && event.messageID.isEmpty)
        }
        let items = body.kind == .array ? body.elements : [body]
        for (item, (_, event)) in zip(items, reading.envelope.events) {
            for member in item.members where member.key.string != "variables" {
                let key = JSONKey(member.key.string ?? "")
                let kept = event.document.root["properties"]?[key]
                #expect(kept?.equals(member.value) == true)
            }
        }
    }

    @Test func `keeps ids that no double can hold, and texts in the place of numbers`() throws {
        let event = try #require(
            read(
                """
                {"type":"sent","sent_at":"1435016238","user":{"id":"12345"},
                 "campaign":{"id":1235666234572456789012}}
                """
            ).envelope.events.first?.event)
        #expect(event.userID == "12345")
        #expect(event.timestamp == Timestamp(milliseconds: 1_435_016_238_000))
        #expect(
            event.document.root["properties"]?["campaign_id"]?.numberText
                == "1235666234572456789012")
    }

    @Test(
        arguments: [
            ("\"2026-06-05 09:00:00 +0000\"", "2026-06-05T09:00:00.000Z", nil),
            ("\"2026-06-05 09:00:00 UTC\"", "2026-06-05T09:00:00.000Z", nil),
            ("\"Fri, 05 Jun 2026 09:00:00 GMT\"", "2026-06-05T09:00:00.000Z", nil),
            ("\"yesterday\"", nil, Event.Mark(.unreadableTimestamp, value: "yesterday")),
            ("5", nil, Event.Mark(.unlikelyTimestamp, value: "1970-01-01T00:00:05.000Z")),
            ("null", nil, nil),
        ] as [(String, String?, Event.Mark?)])
    func `has its time read in any spelling, and is never lost for one`(
        time: String, expected: String?, mark: Event.Mark?
    ) throws {
        let event = try #require(
            read("{\"type\":\"sent\",\"sent_at\":\(time),\"user\":{\"id\":\"1\"}}")
                .envelope.events.first?.event)
        #expect(event.timestamp.iso8601 == expected ?? now.iso8601)
        #expect(event.marks == (mark.map { [$0] } ?? []))
    }

    @Test func `names nobody by a placeholder`() throws {
        let reading = read("{\"type\":\"sent\",\"user\":{\"id\":\"undefined\"}}")
        #expect(reading.envelope.rejections.first?.problem.hint.contains("undefined") == true)
    }

    @Test func `of a list is kept apart alone when it is nested too deeply`() throws {
        let deep = String(repeating: "[", count: 99) + String(repeating: "]", count: 99)
        let good = "{\"type\":\"sent\",\"user\":{\"id\":\"1\"}}"
        let reading = read("[\(good),{\"type\":\"sent\",\"x\":\(deep)},\(good)]")
        #expect(reading.envelope.events.map(\.index) == [0, 2] && reading.problem == nil)
        #expect(reading.envelope.rejections.map(\.problem.code) == ["too_deep"])
    }

    @Test(arguments: ["{", "", "[1,", "{\"type\":\"sent\",\"type\":\"opened\"}", "\u{FEFF}x"])
    func `is kept whole when it cannot be read`(body: String) throws {
        let reading = read(body)
        #expect(reading.problem != nil && reading.envelope.events.isEmpty)
        #expect(reading.envelope.rejections.map(\.body) == [Array(body.utf8)])
    }

    @Test func `may be a list, whose good elements are taken and whose others are kept`() throws {
        let reading = read(
            """
            [{"type":"sent","user":{"id":1}}, {"type":"sent"}, 7, {"type":"opened","user":{"id":2}}]
            """)
        #expect(reading.envelope.events.map(\.event.userID) == ["1", "2"])
        #expect(reading.envelope.rejections.map(\.index) == [1, 2])
        #expect(reading.envelope.rejections[0].body == Array("{\"type\":\"sent\"}".utf8))
        #expect(reading.problem == nil)
    }

    @Test(arguments: [
        "a@x.co, b@y.co", "nobody", "a\u{200B}@x.co", "5d41402abc4b2a76b9719d911017c592",
    ])
    func `is kept with a code when its person cannot be read`(email: String) throws {
        let source = try Fixtures.webhookSource("custom")
        let reading = reader.read(
            Array("[{\"email\":\"\(email)\"},{\"email\":\"<c@x.co>\\n\"}]".utf8),
            headers: [:], from: source, at: now)
        #expect(reading.envelope.rejections.map(\.problem.code) == ["unreadable_person"])
        #expect(reading.envelope.events.map(\.index) == [1])
    }

    @Test func `is refused as a list of more elements than a batch may have`() throws {
        let items = Array(repeating: "{\"type\":\"sent\",\"user\":{\"id\":1}}", count: 5_000)
        let reading = read("[\(items.joined(separator: ","))]")
        #expect(reading.problem?.code == "too_many_events" && reading.envelope.events.isEmpty)
        #expect(reading.envelope.rejections.count == 1)
    }

    @Test func `in a list counts as one of its own, though a header's id is the same for all`()
        throws
    {
        let source = try Fixtures.webhookSource("custom")
        let reading = reader.read(
            Array("[{\"email\":\"a@x.co\"},{\"email\":\"b@x.co\"}]".utf8),
            headers: ["webhook-id": "abc"], from: source, at: now)
        #expect(reading.envelope.events.map(\.event.messageID) == ["abc", "abc_1"])
    }

    @Test func `is no new one for an id in a header that is not signed`() throws {
        let source = try Fixtures.webhookSource(
            "custom",
            verification: """
                {"scheme":"hmac","header":"X-Sign","signed":"{timestamp}.{body}",
                 "timestamp":{"header":"X-Time"}}
                """)
        let reading = reader.read(
            Array("{\"email\":\"a@x.co\"}".utf8), headers: ["webhook-id": "zz1"], from: source,
            repeatable: "sig_1", at: now)
        #expect(reading.envelope.events.map(\.event.messageID) == ["sig_1"])
    }

    @Test func `that is nested too deeply is kept with that reason`() throws {
        let deep = String(repeating: "[", count: 63) + String(repeating: "]", count: 63)
        let reading = read("{\"type\":\"sent\",\"user\":{\"id\":9},\"x\":\(deep)}")
        #expect(reading.envelope.rejections.map(\.problem.code) == ["too_deep"])
    }

    @Test func `keeps a field whose name a derived property would take`() throws {
        let source = try Fixtures.webhookSource("sendpulse")
        let reading = reader.read(
            Array(
                """
                [{"automation_id":"1","email":"v@x.co","task_id":5,"campaign_id":6,
                  "variables":[{"name1":"a"},{"name1":"b"}]}]
                """.utf8), headers: [:], from: source, at: now)
        let properties = try #require(
            reading.envelope.events.first?.event.document.root["properties"])
        #expect(properties["campaign_id"]?.integer == 6)
        #expect(properties["variables"]?.elements.count == 2)
    }

    @Test func `is marked when a value in it had to be repaired`() throws {
        let event = try #require(
            read("{\"type\":\"sent\",\"user\":{\"id\":1},\"x\":NaN}").envelope.events.first?.event)
        #expect(event.marks == [Event.Mark(.nonFiniteNumber)])
        #expect(event.document.root["properties"]?["x"]?.isNull == true)
    }

    @Test func `remembers only the headers its blueprint reads, beside what is kept`() throws {
        let source = try Fixtures.webhookSource("custom")
        #expect(source.blueprint.headers.contains("x-shopify-topic"))
        #expect(!source.blueprint.headers.contains("authorization"))
        let reading = reader.read(
            Array("{\"x\":1}".utf8), headers: ["x-shopify-topic": "orders/create"], from: source,
            at: now)
        let kept = try #require(reading.envelope.rejections.first)
        #expect(WebhookReader.headers(kept.headers) == ["x-shopify-topic": "orders/create"])
    }

    private var reader: WebhookReader { WebhookReader(acceptor: Acceptor()) }

    private func read(_ body: String) -> WebhookReader.Reading {
        guard let source = try? Fixtures.webhookSource("vero") else {
            return WebhookReader.Reading(envelope: Envelope())
        }
        return reader.read(Array(body.utf8), headers: [:], from: source, at: now)
    }
}

@Suite struct `A source blueprint` {
    @Test(arguments: ["vero", "sendpulse", "custom"])
    func `that is shipped passes its own tests`(name: String) throws {
        let blueprint = try Fixtures.webhookSource(name).blueprint
        #expect(blueprint.tests.count >= 3)
        for test in blueprint.tests {
            #expect(SourceTestRun.failure(of: test, in: blueprint) == nil, "\(test.name)")
        }
    }

    @Test func `says of a test what came out instead`() throws {
        let blueprint = try SourceBlueprint.read(
            file: "s.json",
            bytes: Array(
                """
                {"source":"s","version":1,"event_type":"body.type","mappings":{"user_id":"body.id"},
                 "tests":[{"name":"t","given":{"type":"x","id":"1"},"expect":{"type":"track"}}]}
                """.utf8))
        let failure = try #require(
            SourceTestRun.failure(of: blueprint.tests[0], in: blueprint))
        #expect(failure.contains("\"event\":\"x\"") && failure.contains("\"user_id\":\"1\""))
    }

    @Test(arguments: [
        (
            "\"mappings\":{\"user_id\":\"properties.id\"}",
            "There is no \"properties\" in a webhook."
        ),
        ("\"mappings\":{\"userr\":\"body.id\"}", "An event has no \"userr\"."),
        ("\"mappings\":{},\"verify\":{\"scheme\":\"magic\"}", "\"verify\" needs a \"scheme\"."),
        ("\"mappings\":{},\"verify\":{\"scheme\":\"hmac\"}", "\"verify\" names no \"header\"."),
        (
            "\"mappings\":{},\"verify\":{\"scheme\":\"hmac\",\"header\":\"X\",\"signed\":\"{time}{body}\"}",
            "\"{time}\" cannot be signed."
        ),
        (
            "\"mappings\":{},\"verify\":{\"scheme\":\"hmac\",\"header\":\"X\",\"signed\":\"{header:a}\"}",
            "\"signed\" leaves the body out."
        ),
        ("\"mappings\":{},\"evnts\":{}", "A source blueprint has no key \"evnts\"."),
        (
            "\"mappings\":{},\"events\":{\"a\":{\"aliases\":[\"b\"]},\"B\":{}}",
            "\"B\" stands for \"a\" already."
        ),
    ])
    func `is refused with line, column and what to do`(members: String, message: String) throws {
        let text = "{\"source\":\"s\",\"version\":1,\"event_type\":\"body.type\",\n\(members)}"
        let faults = SourceBlueprint.faults(file: "s.json", bytes: Array(text.utf8))
        let fault = try #require(faults.first)
        #expect(fault.message == message && fault.line == 2 && !fault.fix.isEmpty)
    }
}
