import Accept
import Events
import JSON
import SluiceTesting
import Testing

private let backend = EventSource(name: "backend", trusted: true)
private let now = ManualClock().now

private func single(_ text: String) throws -> Envelope {
    let acceptor = Acceptor()
    return try acceptor.single(
        try acceptor.read(Array(text.utf8)), type: nil, from: backend, at: now)
}

private func batch(_ text: String) throws -> Envelope {
    let acceptor = Acceptor()
    return try acceptor.batch(try acceptor.read(Array(text.utf8)), from: backend, at: now)
}

@Suite struct `A single event` {
    @Test func `is read in camelCase and in snake_case`() throws {
        for text in [
            "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"messageId\":\"m\",\"anonymousId\":null}",
            "{\"type\":\"track\",\"event\":\"E\",\"user_id\":\"u\",\"message_id\":\"m\"}",
        ] {
            let event = try single(text).events[0].event
            #expect(event.userID == "u" && event.messageID == "m" && event.anonymousID == nil)
        }
    }

    @Test func `is read from its other spelling when one is null`() throws {
        let text = "{\"type\":\"track\",\"event\":\"E\",\"userId\":null,\"user_id\":\"u\"}"
        #expect(try single(text).events[0].event.userID == "u")
    }

    @Test func `is stored without the key it came with`() throws {
        for text in [
            "{\"writeKey\":\"s3cret\",\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\"}",
            "{\"type\":\"track\",\"userId\":\"u\",\"write_key\":\"s3cret\"}",
        ] {
            let envelope = try single(text)
            let kept =
                envelope.events.map(\.event.document.bytes) + envelope.rejections.map(\.body)
            #expect(kept.count == 1)
            #expect(!String(decoding: kept[0], as: UTF8.self).contains("s3cret"))
        }
    }

    @Test func `takes the text of a number as an id`() throws {
        let event = try single("{\"type\":\"track\",\"event\":\"E\",\"userId\":1235666234572456}")
        #expect(event.events[0].event.userID == "1235666234572456")
    }

    @Test(arguments: [
        ("{\"event\":\"E\",\"userId\":\"u\"}", "no_type"),
        ("{\"type\":\"x\",\"userId\":\"u\"}", "unknown_type"),
        ("{\"type\":\"track\",\"userId\":\"u\"}", "event_not_defined"),
        ("{\"type\":\"track\",\"event\":7,\"userId\":\"u\"}", "event_not_string"),
        ("{\"type\":\"track\",\"event\":\"E\"}", "no_user_anon_id"),
        ("{\"type\":\"track\",\"event\":\"E\",\"userId\":{}}", "id_not_string"),
        (
            "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":[1]}",
            "properties_not_object"
        ),
        ("{\"type\":\"identify\",\"userId\":\"u\",\"traits\":\"t\"}", "traits_not_object"),
    ])
    func `is rejected with a code and a hint when it cannot be used`(text: String, code: String)
        throws
    {
        let problem = try #require(try single(text).rejections.first?.problem)
        #expect(problem.code == code)
        #expect(!problem.hint.isEmpty)
    }

    @Test func `has an empty object where PHP writes an empty array`() throws {
        let event = try single(
            """
            {"type":"identify","userId":"u","properties":[ ],"traits":[],"integrations":[],
             "context":{"traits":[],"list":[]},"other":[]}
            """
        ).events[0].event
        let expected = """
            {"type":"identify","userId":"u","properties":{ },"traits":{},"integrations":{},
             "context":{"traits":{},"list":[]},"other":[]}
            """
        #expect(String(decoding: event.document.bytes, as: UTF8.self) == expected)
        for part in [event.properties, event.traits, event.integrations] {
            #expect(part?.kind == .object && part?.isEmpty == true)
        }
        #expect(event.context?["traits"]?.kind == .object && event.marks.isEmpty)
        let empty = try single("{\"type\":\"page\",\"userId\":\"u\",\"context\":[]}")
        #expect(empty.events[0].event.context?.kind == .object)
    }

    @Test(
        arguments: [
            ("page", "\"name\":\"Home\",\"properties\":{\"name\":\"Other\"}", "Home"),
            ("page", "\"properties\":{\"name\":\"Home\"}", "Home"),
            ("page", "\"name\":\"\",\"properties\":{\"name\":\"Home\"}", "Home"),
            ("page", "\"event\":\"Home\"", nil), ("page", "\"properties\":{\"name\":7}", nil),
            ("screen", "\"event\":\"Home\"", "Home"),
            ("screen", "\"event\":\"Other\",\"name\":\"Home\"", "Home"),
            ("screen", "\"properties\":{\"name\":\"Home\"}", "Home"),
            ("identify", "\"name\":\"Home\"", nil),
        ] as [(String, String, String?)])
    func `has the name of a page or screen wherever it stands`(
        type: String, fields: String, name: String?
    ) throws {
        let event = try single("{\"type\":\"\(type)\",\"userId\":\"u\",\(fields)}").events[0].event
        #expect(event.name == name)
    }

    @Test func `is accepted with an email alone`() throws {
        let text = "{\"type\":\"identify\",\"context\":{\"traits\":{\"email\":\"a@b.co\"}}}"
        #expect(try single(text).events.count == 1)
    }

    @Test func `has ids shorter than their limits`() throws {
        let text = { (count: Int) in
            "{\"type\":\"identify\",\"userId\":\"\(String(repeating: "u", count: count))\"}"
        }
        #expect(try single(text(254)).events.count == 1)
        #expect(try single(text(255)).rejections[0].problem.code == "id_too_long")
    }

    @Test func `has no message id that looks like the one of an emptied event`() throws {
        for mark in ["\\u0000", "\\u0001", "\\u0002"] {
            let id = mark + String(repeating: "a", count: 32)
            let text = "{\"type\":\"identify\",\"userId\":\"u\",\"messageId\":\"\(id)\"}"
            let code = try single(text).rejections.first?.problem.code
            #expect(code == (mark == "\\u0000" ? "id_too_long" : "id_not_text"))
        }
    }

    @Test func `is marked when it is large and refused when it is huge`() throws {
        let text = { (count: Int) in
            "{\"type\":\"identify\",\"userId\":\"u\",\"traits\":{\"t\":\"\(String(repeating: "x", count: count))\"}}"
        }
        #expect(try single(text(40_000)).events[0].event.marks == [Event.Mark(.large)])
        #expect(try single(text(600_000)).rejections[0].problem.code == "event_too_large")
    }

    @Test func `has its time corrected for the sender's clock`() throws {
        let text = """
            {"type":"track","event":"E","userId":"u","originalTimestamp":"2026-06-01T00:00:00.000Z",
             "sentAt":"2026-06-01T00:00:10.000Z"}
            """
        #expect(try single(text).events[0].event.timestamp == now + .milliseconds(-10_000))
    }

    @Test func `keeps its own time when nothing says when it was sent`() throws {
        let text =
            "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"timestamp\":\"2026-06-06T10:15:30Z\"}"
        #expect(try single(text).events[0].event.timestamp.iso8601 == "2026-06-06T10:15:30.000Z")
    }

    @Test func `is marked when its time is no date`() throws {
        let text = "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"timestamp\":\"soon\"}"
        let event = try single(text).events[0].event
        #expect(
            event.timestamp == now
                && event.marks == [Event.Mark(.unreadableTimestamp, value: "soon")])
    }
}

@Suite struct `A batch` {
    @Test func `keeps the good neighbours of an event that cannot be used`() throws {
        let envelope = try batch(
            """
            {"batch":[{"type":"track","event":"A","userId":"u"},{"type":"track","userId":"u"},7,
             {"type":"track","event":"B","userId":"u"}]}
            """)
        #expect(envelope.events.map(\.index) == [0, 3])
        #expect(Set(envelope.rejections.map(\.index)) == [1, 2])
    }

    @Test func `merges its context, integrations and time into each event`() throws {
        let envelope = try batch(
            """
            {"context":{"ip":"1.2.3.4","locale":"de"},"integrations":{"Vero":false},
             "sentAt":"2026-06-06T10:00:00.000Z","batch":[{"type":"track","event":"A","userId":"u",
              "context":{"locale":"en"},"originalTimestamp":"2026-06-06T09:59:00.000Z"}]}
            """)
        let event = envelope.events[0].event
        #expect(event.document.root["context"]?["ip"]?.string == "1.2.3.4")
        #expect(event.document.root["context"]?["locale"]?.string == "en")
        #expect(event.document.root["integrations"]?["Vero"]?.bool == false)
        #expect(event.timestamp == now + .milliseconds(-60_000))
    }

    @Test func `hides nothing that it gives behind an empty array of PHP`() throws {
        let envelope = try batch(
            """
            {"context":{"ip":"1.2.3.4"},"integrations":{"Vero":false},"batch":[
             {"type":"track","event":"A","userId":"u","context":[],"integrations":[ ]}]}
            """)
        let event = envelope.events[0].event
        #expect(event.context?["ip"]?.string == "1.2.3.4")
        #expect(event.integrations?["Vero"]?.bool == false)
        let none = try batch(
            "{\"context\":[],\"integrations\":[],\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}]}")
        #expect(none.events.count == 1)
    }

    @Test func `names a repair on the event that needed it, and on no other`() throws {
        let envelope = try batch(
            """
            {"batch":[{"type":"track","event":"A","userId":"u","properties":{"x":null}},
             {"type":"track","event":"B","userId":"u","properties":{"x":NaN}},
             {"type":"track","event":"\\ud83d","userId":"u"}]}
            """)
        let marks = envelope.events.map(\.event.marks)
        #expect(marks == [[], [Event.Mark(.nonFiniteNumber)], [Event.Mark(.loneSurrogate)]])
    }

    @Test func `rejects one event for a key that stands twice, and keeps the others`() throws {
        let envelope = try batch(
            """
            {"batch":[{"type":"track","event":"A","userId":"u","a":1,"a":2},
             {"type":"track","event":"B","userId":"u"}]}
            """)
        #expect(envelope.events.map(\.index) == [1])
        #expect(envelope.rejections.map(\.problem.code) == ["duplicate_key"])
        let problem = #expect(throws: Problem.self) {
            try batch("{\"a\":1,\"a\":2,\"batch\":[]}")
        }
        #expect(problem?.code == "duplicate_key")
    }

    @Test func `rejects one event that is nested too deeply, and keeps the others`() throws {
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        let envelope = try batch(
            """
            {"batch":[{"type":"track","event":"A","userId":"u"},
             {"type":"track","event":"B","userId":"u","messageId":"m","properties":{"x":\(deep)}},
             {"type":"track","event":"C","userId":"u"}]}
            """)
        #expect(envelope.events.map(\.index) == [0, 2])
        #expect(envelope.rejections.map(\.problem.code) == ["too_deep"])
        #expect(envelope.rejections[0].index == 1 && envelope.rejections[0].messageID == "m")
        #expect(throws: Problem.self) { try batch("{\"context\":{\"x\":\(deep)},\"batch\":[]}") }
    }

    @Test func `repairs bytes that are not UTF-8, and marks the event that held them`() throws {
        let acceptor = Acceptor()
        let bytes =
            Array("{\"batch\":[{\"type\":\"track\",\"event\":\"A\",\"userId\":\"u\"},".utf8)
            + Array("{\"type\":\"track\",\"event\":\"K".utf8) + [0xE4]
            + Array("se\",\"userId\":\"u\"}]}".utf8)
        let envelope = try acceptor.batch(try acceptor.read(bytes), from: backend, at: now)
        #expect(envelope.events.map(\.event.name) == ["A", "K\u{FFFD}se"])
        #expect(envelope.events.map(\.event.marks) == [[], [Event.Mark(.invalidUTF8)]])
    }

    @Test func `refuses a context that would make every event too large, before copying it`() throws
    {
        let context = (0..<30_000).map { "\"key\($0)\":\"value\"" }.joined(separator: ",")
        let many = Array(repeating: "{}", count: 2_000).joined(separator: ",")
        let problem = #expect(throws: Problem.self) {
            try batch("{\"context\":{\(context)},\"batch\":[\(many)]}")
        }
        #expect(problem?.code == "body_too_large")
        let envelope = try batch("{\"context\":{\(context)},\"batch\":[{},{}]}")
        #expect(envelope.rejections.count == 2)
        #expect(envelope.rejections[0].problem.code == "event_too_large")
        #expect(envelope.rejections.allSatisfy { $0.body.count < 10 })
    }

    @Test func `is refused whole when it is none`() {
        for (text, code) in [
            ("[]", "not_an_object"), ("{}", "no_batch"), ("{\"batch\":[", "invalid_json"),
            ("", "empty_body"),
        ] {
            let problem = #expect(throws: Problem.self) { try batch(text) }
            #expect(problem?.code == code)
        }
    }

    @Test func `is refused when it has too many events`() {
        let items = Array(repeating: "{}", count: 2_501).joined(separator: ",")
        let problem = #expect(throws: Problem.self) { try batch("{\"batch\":[\(items)]}") }
        #expect(problem?.code == "too_many_events")
    }
}
