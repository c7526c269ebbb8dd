import Crypto
import Deliver
import Events
import JSON
import Log
import SluiceTesting
import Testing

@testable import sluice

private let event =
    "{\"event\":\"Signed Up\",\"userId\":\"u\",\"context\":{\"consent\":{\"marketing\":true}}}"

@Suite struct `The routes of real clients` {
    @Test(arguments: ["/v1/t", "/v1/i", "/v1/p", "/v1/s", "/v1/g", "/v1/a"])
    func `take single events under short names`(path: String) async throws {
        try await Running.with { running in
            let answer = try await running.post(path, event)
            #expect(answer.status == 200)
        }
    }

    @Test(arguments: [
        "/v1/b", "/v1/import", "/v1/import/", "/sdk/batch", "/beacon/v1/batch?writeKey=write-key",
    ])
    func `take batches under every spelling`(path: String) async throws {
        try await Running.with { running in
            let body = "{\"batch\":[{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\"}]}"
            let answer = try await running.post(path, body)
            #expect(answer["accepted"]?.integer == 1)
        }
    }

    @Test func `answer what SDKs ask before they send, and take their telemetry`() async throws {
        try await Running.with { running in
            let settings = try await running.request(
                "GET", "/v1/projects/browser-key/settings", headers: [])
            #expect(
                settings["integrations"]?["Segment.io"]?["apiKey"]?.string == "browser-key")
            #expect(
                try await running.request("GET", "/v1/projects/x/settings", headers: []).status
                    == 404)
            let source = try await running.request(
                "GET", "/sourceConfig/?writeKey=browser-key", headers: [])
            #expect(source["source"]?["enabled"]?.bool == true)
            #expect(try await running.request("POST", "/m", headers: []).status == 200)
            #expect(try await running.request("POST", "/v1/m", headers: []).status == 200)
        }
    }

    @Test func `make a picture's address an event`() async throws {
        try await Running.with { running in
            let query = "wk=write-key&e=Signed%20Up&uid=7&aid=a&p.plan=free&t.email=x%40y.co&mid=px"
            let answer = try await running.request("GET", "/v1/pixel/track?\(query)", headers: [])
            #expect(answer.status == 200 && answer.body.starts(with: Array("GIF89a".utf8)))
            let id = try #require(try running.log.events(messageID: "px").first)
            let row = try #require(try running.log.event(id))
            #expect(row.event.userID == "7" && row.event.name == "Signed Up")
            #expect(row.event.document.root["properties"]?["plan"]?.string == "free")
            #expect(row.identity.email == "x@y.co")
            let keyless = try await running.request("GET", "/v1/pixel/page?uid=1", headers: [])
            #expect(keyless.status == 401)
        }
    }
}

@Suite struct `A signed request` {
    private func headers(
        _ body: String, secret: String = "signing-secret", off seconds: Int64 = 0
    ) -> [String] {
        let stamp = WorldClock.system.now() + .milliseconds(seconds) * 1000
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("\(stamp.milliseconds).\(body)".utf8),
            using: SymmetricKey(data: Array(secret.utf8)))
        return [
            "X-Timestamp: \(stamp.milliseconds)", "X-Signature: sha256=\(hexadecimal(code))",
        ]
    }

    private let body = "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\"}"

    @Test func `is taken when it is good, and the same bytes again are a repeat`() async throws {
        try await Running.with { [body] running in
            let headers = headers(body)
            let first = try await running.request(
                "POST", "/v1/events", body: Array(body.utf8), headers: headers)
            #expect(first.status == 200 && first["duplicate"]?.bool == false)
            #expect(first["messageId"]?.string?.hasPrefix("sig_") == true)
            let second = try await running.request(
                "POST", "/v1/events", body: Array(body.utf8), headers: headers)
            #expect(second.status == 200 && second["duplicate"]?.bool == true)
        }
    }

    @Test func `is refused when anything about it is wrong`() async throws {
        try await Running.with { [body] running in
            for (text, headers) in [
                (body + " ", headers(body)), (body, headers(body, secret: "other")),
                (body, headers(body, off: 360)), (body, headers(body, off: -360)),
                (body, Array(headers(body).dropFirst())),
                (body, ["X-Timestamp: 1", "X-Signature: sha256=zz"]),
                (body, ["X-Timestamp: \(Int64.min)", "X-Signature: x"]),
                (body, ["X-Timestamp: \(Int64.max)", "X-Signature: x"]),
            ] {
                let answer = try await running.request(
                    "POST", "/v1/events", body: Array(text.utf8), headers: headers)
                #expect(answer.status == 401 && answer["code"]?.string == "bad_signature")
            }
        }
    }
}

@Suite struct `A page in a browser` {
    private let origin = "Origin: https://shop.example"

    private func raw(_ running: Running, _ request: String) async throws -> String {
        let port = try #require(Int(running.url.split(separator: ":").last ?? ""))
        return try await offPool { try RawClient.exchange(port: port, request) }
    }

    @Test func `gets its preflight answered with the headers it asked for`() async throws {
        try await Running.with { [origin] running in
            let answer = try await raw(
                running,
                "OPTIONS /v1/t HTTP/1.1\r\nHost: x\r\n\(origin)\r\n"
                    + "Access-Control-Request-Method: POST\r\n"
                    + "Access-Control-Request-Headers: authorization,x-retry-count\r\n\r\n"
            ).lowercased()
            #expect(answer.hasPrefix("http/1.1 200"))
            #expect(answer.contains("access-control-allow-origin: https://shop.example\r\n"))
            #expect(
                answer.contains("access-control-allow-headers: authorization,x-retry-count\r\n"))
        }
    }

    @Test func `of its source's origin may send, and sees Retry-After`() async throws {
        try await Running.with { [origin] running in
            let body = "{\"writeKey\":\"browser-key\",\"event\":\"E\",\"anonymousId\":\"a\"}"
            let answer = try await raw(
                running,
                "POST /v1/t HTTP/1.1\r\nHost: x\r\n\(origin)\r\nContent-Type: text/plain\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
            ).lowercased()
            #expect(answer.hasPrefix("http/1.1 200"))
            #expect(answer.contains("access-control-allow-origin: https://shop.example\r\n"))
            #expect(answer.contains("access-control-expose-headers: retry-after\r\n"))
        }
    }

    @Test(arguments: [
        "https://evil.example", "null", "https://shop.example.evil", "http://shop.example",
    ])
    func `of any other origin is refused`(origin: String) async throws {
        try await Running.with { running in
            let preflight = try await raw(
                running, "OPTIONS /v1/t HTTP/1.1\r\nHost: x\r\nOrigin: \(origin)\r\n\r\n"
            ).lowercased()
            #expect(preflight.hasPrefix("http/1.1 403"))
            #expect(!preflight.contains("access-control-allow-origin"))
            let answer = try await running.request(
                "POST", "/v1/t", body: Array(event.utf8),
                headers: ["Authorization: Bearer browser-key", "Origin: \(origin)"])
            #expect(answer.status == 403 && answer["code"]?.string == "origin_not_allowed")
        }
    }
}

@Suite struct `A source with a rate` {
    @Test func `is told for how many seconds to wait`() async throws {
        try await Running.with(sourceRate: "0.1") { running in
            #expect(try await running.post("/v1/track", event).status == 200)
            let answer = try await running.post("/v1/track", event)
            #expect(answer.status == 429 && answer["code"]?.string == "too_fast")
            #expect((.seconds(1) ... .seconds(10)).contains(answer.retryAfter ?? .zero))
        }
    }
}
