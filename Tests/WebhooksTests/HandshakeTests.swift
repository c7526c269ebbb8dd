import Accept
import Events
import JSON
import SluiceTesting
import Testing

@testable import Webhooks

/// A source whose blueprint has these members besides the required ones.
private func source(_ members: String) throws -> WebhookSource {
    let text = """
        {"source": "s", "version": 1, "event_type": "body.type",
        \(members),
        "mappings": {"properties": {"object": "body"}, "user_id": "body.user",
          "message_id": "body.id"}}
        """
    return WebhookSource(
        name: "s", tokens: ["0123456789abcdef0123456789abcdef"],
        blueprint: try SourceBlueprint.read(file: "s.json", bytes: Array(text.utf8)))
}

/// The faults of a blueprint with this value as its `handshakes`.
private func faults(_ handshakes: String) -> [String] {
    do {
        _ = try source("\"handshakes\": \(handshakes)")
        return []
    } catch {
        return (error as? Diagnostics)?.all.map { "\($0.line):\($0.column) \($0.message)" } ?? []
    }
}

@Suite struct `A handshake` {
    private func answer(
        _ source: WebhookSource, _ method: Handshake.Method = .get,
        query: [String: String] = [:], body: String = ""
    ) throws -> String? {
        let request = Handshake.Request(
            method, query: { query[$0] }, header: { _ in nil }, body: Array(body.utf8))
        return try source.answer(to: request).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `gives the service's text back when the token fits`() throws {
        let source = try source(
            """
            "handshakes": [{"method": "GET", "when": {"query": "mode", "is": "subscribe"},
              "token": {"query": "verify"}, "echo": {"query": "challenge"}}]
            """)
        var query = ["mode": "subscribe", "challenge": "1158201444", "verify": source.tokens[0]]
        #expect(try answer(source, query: query) == "1158201444")
        #expect(try answer(source, .post, query: query) == nil)
        query["verify"] = "another"
        let problem = #expect(throws: Problem.self) { try answer(source, query: query) }
        #expect(problem?.code == "verification_failed")
        query["mode"] = "unsubscribe"
        #expect(try answer(source, query: query) == nil)
    }

    @Test func `is looked for in a small body that is JSON`() throws {
        let source = try source(
            """
            "handshakes": [{"method": "POST", "when": {"body": "type", "is": "check"},
              "echo": {"body": "data.challenge"}}]
            """)
        let body = "{\"type\":\"check\",\"data\":{\"challenge\":\"<b>3e</b>\"}}"
        #expect(try answer(source, .post, body: body) == "<b>3e</b>")
        #expect(try answer(source, .post, body: "{\"type\":\"check\"}") == nil)
        #expect(try answer(source, .post, body: "type=check") == nil)
        let large = String(repeating: " ", count: Handshake.bodyBytes) + body
        #expect(try answer(source, .post, body: large) == nil)
    }

    @Test func `gives back no long text and no control characters`() throws {
        let source = try source(
            """
            "handshakes": [{"method": "GET", "echo": {"query": "c"}}]
            """)
        let longest = String(repeating: "x", count: Handshake.echoBytes)
        #expect(try answer(source, query: ["c": longest]) == longest)
        for text in [longest + "x", "a\r\nb", "\u{7F}"] {
            let problem = #expect(throws: Problem.self) {
                try answer(source, query: ["c": text])
            }
            #expect(problem?.code == "bad_handshake")
        }
    }

    @Test(arguments: [
        ("7", "2:15 \"handshakes\" must be an array, not a number."),
        ("[{}]", "2:16 A handshake needs a \"method\"."),
        ("[{\"method\": \"PUT\"}]", "2:27 \"method\" cannot be \"PUT\"."),
        ("[{\"method\": \"GET\", \"reply\": 1}]", "2:34 A handshake has no key \"reply\"."),
        (
            "[{\"method\": \"POST\"}]",
            "2:16 A handshake by POST without \"when\" would answer every webhook."
        ),
        (
            "[{\"method\": \"HEAD\", \"echo\": {\"query\": \"a\"}}]",
            "2:43 The answer to HEAD has no body."
        ),
        (
            "[{\"method\": \"GET\", \"echo\": {\"query\": \"a\", \"header\": \"b\"}}]",
            "2:42 \"echo\" has to name one place."
        ),
        ("[{\"method\": \"GET\", \"echo\": {\"body\": \"a\"}}]", "2:51 GET has no body."),
        (
            "[{\"method\": \"POST\", \"when\": {\"body\": \"a..b\"}}]",
            "2:52 \"a..b\" names no place."
        ),
    ]) func `is refused with its place when it is written wrong`(text: String, fault: String) {
        #expect(faults(text).first == fault)
    }

    @Test func `is one of sixteen at the most`() {
        let one = "{\"method\": \"HEAD\"}"
        let many = Array(repeating: one, count: Handshake.limit + 1).joined(separator: ",")
        #expect(faults("[\(many)]").first == "2:15 There are 17 handshakes; 16 are allowed.")
    }
}

@Suite struct `A webhook in a form` {
    private func code(_ body: String, form: String = "payload") throws -> String? {
        let source = try source("\"form\": \"\(form)\"")
        let reading = WebhookReader(acceptor: Acceptor()).read(
            Array(body.utf8), headers: [:], from: source, at: ManualClock().now)
        if let problem = reading.problem { return problem.code }
        let root = reading.envelope.events.first?.event.document.root
        let properties = root?["properties"]
        return properties?["n"]?.string
    }

    @Test func `is the JSON in its field, and JSON stays what it is`() throws {
        let json = "%7B%22user%22%3A%221%22%2C%22n%22%3A%22a+b%25%26%C3%BC%22%7D"
        #expect(try code("x=1&payload=\(json)&y") == "a b%&ü")
        #expect(try code("{\"user\":\"1\",\"n\":\"plain\"}") == "plain")
        #expect(try code("p%61yload=\(json)") == "a b%&ü")
    }

    @Test(arguments: [
        ("other=1", "no_form_field"), ("payload=1&payload=2", "no_form_field"),
        ("payload", "empty_body"), ("payload=%7", "invalid_json"), ("", "no_form_field"),
    ]) func `is refused without its field, or with something else in it`(
        body: String, code: String
    ) throws {
        #expect(try self.code(body) == code)
    }

    @Test func `that has an id of its own is recognised when it comes again`() throws {
        let source = try source("\"form\": \"payload\"")
        let reading = WebhookReader(acceptor: Acceptor()).read(
            Array("{\"id\":\"evt_1\",\"user\":\"1\"}".utf8), headers: [:], from: source,
            repeatable: "sig_1", at: ManualClock().now)
        #expect(reading.envelope.events.first?.event.messageID == "evt_1")
    }
}
