import Events
import JSON
import Map
import Request
import SluiceTesting
import Testing

/// A blueprint with one request, whose parts stand on the sixth line.
private func blueprint(_ parts: String, parameters: String = "") throws -> Blueprint {
    try Blueprint.read(
        file: "test.json",
        bytes: Array(
            """
            {"blueprint": "b", "version": 1,
             "parameters": {"secret": {"secret": true, "default": ""}, "plain": {"default": "p"}\(parameters)},
             "tokens": {"access": {"url": "https://a/token", "mappings": {"id": {"parameter": "secret"}}}},
             "requests": {"r": {
             "require": {},
             \(parts)
             }},
             "presets": {"default": {"defaults": {"action": "pass", "request": "r"}}}}
            """.utf8))
}

private func builder(of blueprint: Blueprint, _ parameters: [String: String]) throws
    -> RequestBuilder
{
    RequestBuilder(
        destination: "d", blueprint: blueprint,
        preset: try #require(blueprint.presets["default"]), parameters: parameters)
}

@Suite struct `The parts of a request` {
    private let now = Timestamp(milliseconds: 1_614_265_330_000)

    private func outgoing(
        _ parts: String, parameters: String = "", values: [String: String] = [:]
    ) throws -> [String] {
        let blueprint = try blueprint(parts, parameters: parameters)
        let builder = try builder(of: blueprint, values)
        let event = try Fixtures.track("Order Completed", user: "1")
        let request = try builder.requests(for: event, of: .nobody)[0]
        let outgoing = builder.outgoing(request, for: event, at: now)
        return [outgoing.url] + outgoing.headers
    }

    @Test func `can be headers with parameters, the event's id and the time`() throws {
        let headers = try outgoing(
            """
            "url": "https://a/", "headers": {"X-A": "{plain}-{secret}", "x-b": "{event_id}.{timestamp}",
             "accept": "text/plain", "X-Empty": "{secret2}"}
            """, parameters: ", \"secret2\": {\"secret\": true, \"default\": \"\"}",
            values: ["secret": "s\r\nX-Evil: 1"])
        #expect(
            headers == [
                "https://a/", "Content-Type: application/json", "X-A: p-sX-Evil: 1",
                "x-b: evt_0000000000000.1614265330", "accept: text/plain",
            ])
    }

    @Test func `can name the event in the address, encoded`() throws {
        #expect(
            try outgoing("\"url\": \"https://a/{event_name}?x={plain}\"")[0]
                == "https://a/Order%20Completed?x=p")
    }

    @Test(arguments: [
        (["urls:ordercompleted": "https://a/1"], "https://a/1"),
        (["urls:ordercompleted": "https://a/1", "urls:*": "https://a/2"], "https://a/1"),
        (["urls:*": "https://a/2"], "https://a/2"), ([:], ""),
    ])
    func `can differ by event`(values: [String: String], url: String) throws {
        for secret in ["true", "false"] {
            let found = try outgoing(
                "\"url\": \"{urls}\"",
                parameters: ", \"urls\": {\"per_event\": true, \"secret\": \(secret)}",
                values: values)
            #expect(found[0] == url)
        }
    }

    @Test func `can be the whole body, laid under what is mapped by name`() throws {
        let blueprint = try blueprint(
            """
            "url": "https://a/", "mappings": {"*": {"object": "properties", "exclude": ["b"]}, "c": {"value": 9}}
            """)
        let builder = try builder(of: blueprint, [:])
        let event = try Fixtures.accepted(
            "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"1\",\"properties\":{\"a\":1.10,\"b\":2,\"c\":3}}"
        )
        let body = try builder.requests(for: event, of: .nobody)[0].body.text
        #expect(body == "{\"a\":1.10,\"c\":9}")
    }

    @Test(arguments: [
        ("\"url\": \"{nothing}\"", "There is no parameter \"nothing\"."),
        ("\"url\": \"x\", \"headers\": {\"A b\": \"x\"}", "\"A b\" cannot be set as a header."),
        ("\"url\": \"x\", \"headers\": {\"Host\": \"x\"}", "\"Host\" cannot be set as a header."),
        (
            "\"url\": \"x\", \"headers\": {\"A\": \"{signature}\"}",
            "There is no parameter \"signature\"."
        ),
        ("\"url\": \"x\", \"headers\": {\"A\": \"{access_token}\"}", "There is no parameter"),
        (
            "\"url\": \"x\", \"sign\": {\"parameter\": \"plain\"}",
            "There is no secret parameter \"plain\"."
        ),
        ("\"url\": \"x\", \"sign\": {}", "\"sign\" does not say which parameter holds the secret."),
        ("\"url\": \"x\", \"token\": \"acess\"", "There is no token \"acess\"."),
        ("\"url\": \"x\", \"encoding\": \"xml\"", "\"encoding\" cannot be \"xml\"."),
        (
            "\"url\": \"x\", \"encoding\": \"form\", \"mappings\": {\"a.b\": {\"parameter\": \"secret\"}}",
            "The secret at \"a.b\" would stand inside a form's field."
        ),
        (
            "\"url\": \"x\", \"mappings\": {\"*\": \"properties\"}",
            "does not fit the mappings beside it."
        ),
    ])
    func `are refused with the place when they are wrong`(parts: String, message: String) throws {
        let faults = #expect(throws: Diagnostics.self) { try blueprint(parts) }
        let fault = try #require(faults?.all.first)
        #expect(fault.message.contains(message) && (4...8).contains(fault.line), "\(fault)")
    }

    @Test func `keep their secrets out of what is stored, form or JSON`() throws {
        for encoding in ["json", "form"] {
            let blueprint = try blueprint(
                """
                "url": "https://a/?k={secret}", "encoding": "\(encoding)",
                 "mappings": {"a": {"parameter": "secret"}, "b": {"value": "x&y"}}
                """)
            let builder = try builder(of: blueprint, ["secret": "s&c/r=t"])
            let event = try Fixtures.track(user: "1")
            let request = try builder.requests(for: event, of: .nobody)[0]
            #expect(!request.url.text.contains("s&c") && !request.body.text.contains("s&c"))
            let outgoing = builder.outgoing(request, for: event, at: now)
            let body = String(decoding: outgoing.body, as: UTF8.self)
            #expect(
                body
                    == (encoding == "form"
                        ? "a=s%26c%2Fr%3Dt&b=x%26y" : "{\"a\":\"s&c/r=t\",\"b\":\"x&y\"}"))
            #expect(outgoing.url == "https://a/?k=s&c/r=t")
        }
    }
}
