import Deliver
import Events
import JSON
import Log
import SluiceTesting
import Testing

@testable import sluice

private let event = "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"messageId\":\"m\"}"

@Suite struct `The ingest API` {
    @Test func `answers exactly 200 with a JSON object, and tells repeats`() async throws {
        try await Running.with { running in
            let first = try await running.post("/v1/track", event)
            #expect(first.status == 200 && first["success"]?.bool == true)
            #expect(
                first["id"]?.string?.hasPrefix("evt_") == true && first["messageId"]?.string == "m")
            #expect(first["duplicate"]?.bool == false)
            let second = try await running.post("/v1/track", event)
            #expect(
                second.status == 200 && second["duplicate"]?.bool == true
                    && second["id"]?.string == first["id"]?.string)
        }
    }

    @Test(arguments: [
        ("/v1/track", ["Authorization: Basic d3JpdGUta2V5Og=="], ""),
        ("/v1/track", ["Authorization: Basic d3JpdGUta2V5"], ""),
        ("/v1/track", ["Authorization: Bearer write-key"], ""),
        ("/v1/track", ["Authorization: Bearer an-oauth-token"], "\"writeKey\":\"write-key\","),
        ("/v1/track", [], "\"writeKey\":\"write-key\","),
        ("/v1/track?writeKey=write-key", [], ""),
    ])
    func `knows a key in each place real clients put it`(
        path: String, headers: [String], field: String
    ) async throws {
        try await Running.with { running in
            let body = "{\(field)\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\"}"
            let answer = try await running.request(
                "POST", path, body: Array(body.utf8), headers: headers)
            #expect(answer.status == 200)
        }
    }

    @Test(arguments: [
        [], ["Authorization: Bearer wrong"], ["Authorization: Basic d3Jvbmc6"],
        ["Authorization: Bearer "],
    ])
    func `refuses a request without a known key the same way each time`(headers: [String])
        async throws
    {
        try await Running.with { running in
            for body in [event, "{", "{\"writeKey\":\"\"}"] {
                let answer = try await running.request(
                    "POST", "/v1/track", body: Array(body.utf8), headers: headers)
                #expect(answer.status == 401 && answer["code"]?.string == "unknown_key")
                #expect(
                    answer["success"]?.bool == false && answer["message"] != nil
                        && answer["hint"] != nil)
            }
        }
    }

    @Test(arguments: [
        ("{\"type\":\"track\"", "invalid_json"),
        (String(repeating: "[", count: 100_000), "invalid_json"),
        (
            "{\"a\":" + String(repeating: "[", count: 70) + String(repeating: "]", count: 70) + "}",
            "too_deep"
        ),
        ("{\"userId\":\"a\",\"userId\":\"b\"}", "duplicate_key"), ("", "empty_body"),
        ("[]", "not_an_object"),
    ])
    func `refuses a body that cannot be read, with code and hint`(body: String, code: String)
        async throws
    {
        try await Running.with { running in
            let answer = try await running.post("/v1/track", body)
            #expect(answer.status == 400 && answer["code"]?.string == code && answer["hint"] != nil)
        }
    }

    @Test func `refuses UTF-16`() async throws {
        try await Running.with { running in
            let units: [UInt8] = event.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
            let bytes: [UInt8] = [0xFF, 0xFE] + units
            let answer = try await running.request("POST", "/v1/track", body: bytes)
            #expect(answer.status == 400 && answer["code"]?.string == "not_utf8")
        }
    }

    @Test func `repairs NaN and half a surrogate pair, and marks the event`() async throws {
        try await Running.with { running in
            let body =
                "{\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"a\":NaN,\"b\":\"\\ud83d\"}}"
            let answer = try await running.post("/v1/track", body)
            #expect(answer.status == 200)
            let id = try #require(answer["id"]?.string.flatMap { EventID($0) })
            let row = try #require(try running.log.event(id))
            #expect(Set(row.event.marks.map(\.kind)) == [.nonFiniteNumber, .loneSurrogate])
        }
    }

    @Test func `refuses 10 MB by its length, and the same in chunks`() async throws {
        try await Running.with { running in
            let large = [UInt8](repeating: 0x20, count: 10 << 20)
            for header in ["X: y", "Transfer-Encoding: chunked"] {
                let answer = try await running.request(
                    "POST", "/v1/track", body: large,
                    headers: ["Authorization: Bearer write-key", header])
                #expect(answer.status == 413 && answer["code"]?.string == "body_too_large")
            }
        }
    }

    @Test func `refuses 10 MB before a byte of it has come`() async throws {
        try await Running.with { running in
            let port = try #require(Int(running.url.split(separator: ":").last ?? ""))
            let head =
                "POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer write-key\r\n"
                + "Content-Length: 10000000\r\n\r\n"
            let answer = try await offPool { try RawClient.exchange(port: port, head) }
            #expect(answer.hasPrefix("HTTP/1.1 413") && answer.contains("body_too_large"))
        }
    }

    @Test func `keeps the beginning of a body that it refuses whole, without its key`() async throws
    {
        try await Running.with { running in
            let long = String(repeating: "x", count: 40_000)
            for (path, body, code) in [
                ("/v1/batch", "{\"batch\":[\(event)", "invalid_json"),
                ("/v1/batch", "{\"writeKey\":\"write-key\"}", "no_batch"),
                ("/v1/track", "{\"userId\":\"a\",\"userId\":\"b\"}", "duplicate_key"),
                ("/v1/track", "[\"\(long)\"]", "not_an_object"),
            ] {
                let answer = try await running.post(path, body)
                #expect(answer.status == 400 && answer["code"]?.string == code)
                let kept = try #require(try running.log.rejected(limit: 1).first)
                #expect(kept.problem.code == code && kept.source == "backend")
                #expect(kept.problem.message == answer["message"]?.string)
                #expect(kept.problem.hint == answer["hint"]?.string)
                let shown = body.replacing("write-key", with: "***").utf8.prefix(32 << 10)
                #expect(kept.body == Array(shown))
            }
            let stranger = try await running.request(
                "POST", "/v1/track", body: Array("{".utf8), headers: [])
            #expect(stranger.status == 401)
            #expect(try running.log.rejected(limit: 9).count == 4)
        }
    }

    @Test func `accepts a batch in part, and says what was wrong with the rest`() async throws {
        try await Running.with { running in
            let answer = try await running.post(
                "/v1/batch",
                "{\"batch\":[\(event),{\"type\":\"track\",\"userId\":\"u\",\"messageId\":\"bad\"},\(event)]}"
            )
            #expect(
                answer.status == 200 && answer["accepted"]?.integer == 1
                    && answer["duplicates"]?.integer == 1)
            let rejected = try #require(answer["rejected"]?.elements.first)
            #expect(rejected["index"]?.integer == 1 && rejected["messageId"]?.string == "bad")
            #expect(rejected["code"]?.string == "event_not_defined" && rejected["hint"] != nil)
            #expect(try running.log.rejected(limit: 9).count == 1)
            let alone = try await running.post("/v1/track", "{\"userId\":\"u\"}")
            #expect(alone.status == 400 && alone["code"]?.string == "event_not_defined")
        }
    }

    @Test func `takes single events and batches on /v1/events`() async throws {
        try await Running.with { running in
            let single = try await running.post("/v1/events", event)
            #expect(single["duplicate"]?.bool == false)
            let batch = try await running.post("/v1/events", "{\"batch\":[\(event)]}")
            #expect(batch["duplicates"]?.integer == 1)
        }
    }

    @Test func `tells the sender its event's verdict, and nobody else`() async throws {
        try await Running.with { running in
            let id = try await running.send("anonymous")
            _ = try await running.delivery(of: id)
            let answer = try await running.request("GET", "/v1/events/\(id.text)")
            let delivery = try #require(answer["deliveries"]?.elements.first)
            #expect(answer.status == 200 && delivery["state"]?.string == "filtered")
            #expect(delivery["reason"]?.string == "anonymous" && delivery["hint"] != nil)
            for key in ["wrong", "browser-key"] {
                let other = try await running.request(
                    "GET", "/v1/events/\(id.text)", headers: ["Authorization: Bearer \(key)"])
                #expect(other.status == 401)
            }
            #expect(try await running.request("GET", "/v1/events/evt_0000000000000").status == 404)
        }
    }

    @Test func `takes no email from a browser key`() async throws {
        try await Running.with { running in
            let identify = "{\"userId\":\"v\",\"traits\":{\"email\":\"victim@x.co\"}}"
            let answer = try await running.request(
                "POST", "/v1/identify", body: Array(identify.utf8),
                headers: ["Authorization: Bearer browser-key"])
            let id = try #require(answer["id"]?.string.flatMap { EventID($0) })
            #expect(try await running.delivery(of: id).row.reason == .untrustedIdentity)
        }
    }

    @Test func `is healthy and ready, and knows no other path`() async throws {
        try await Running.with { running in
            #expect(try await running.request("GET", "/healthz", headers: []).status == 200)
            #expect(try await running.request("GET", "/readyz", headers: []).status == 200)
            let other = try await running.request("POST", "/v1/nothing", headers: [])
            #expect(other.status == 404 && other["code"]?.string == "no_such_path")
        }
    }

    @Test func `inflates gzip, and no further than it may`() async throws {
        try await Running.with { running in
            let headers = ["Authorization: Bearer write-key", "Content-Encoding: gzip"]
            let good = try Fixtures.bytes("Fixtures/bodies/event.json.gz")
            #expect(
                try await running.request("POST", "/v1/track", body: good, headers: headers).status
                    == 200
            )
            let chunked = try await running.request(
                "POST", "/v1/track", body: good, headers: headers + ["Transfer-Encoding: chunked"])
            #expect(chunked["duplicate"]?.bool == true, "the same event, in chunks")
            let bomb = try Fixtures.bytes("Fixtures/bodies/bomb.gz")
            #expect(
                try await running.request("POST", "/v1/track", body: bomb, headers: headers).status
                    == 413
            )
            let broken = try await running.request(
                "POST", "/v1/track", body: Array("xx".utf8), headers: headers)
            #expect(broken.status == 400 && broken["code"]?.string == "invalid_gzip")
        }
    }
}
