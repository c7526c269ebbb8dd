import Events
import SluiceTesting
import Testing

@testable import sluice

@Suite struct `A connection` {
    private func event(_ id: String, path: String = "/v1/track", extra: String = "") -> String {
        let body = "{\"event\":\"Product Viewed\",\"userId\":\"1\",\"messageId\":\"\(id)\"}"
        return "POST \(path) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer write-key\r\n"
            + "\(extra)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private func all(_ running: Running, _ text: String) async throws -> String {
        let port = Int(running.url.split(separator: ":").last ?? "") ?? 0
        return try await offPool { try RawClient.all(port: port, text) }
    }

    @Test func `answers what comes at once in its order, whoever answers it`() async throws {
        try await Running.with { running in
            let other = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
            let said = try await all(
                running,
                event("m1") + other + event("m2", extra: "Connection: keep-alive\r\n")
                    + event("m3", path: "/v1/track?x=1") + event("m4")
                    + other)
            let marks = ["\"m1\"", "\"ok\"", "\"m2\"", "\"m3\"", "\"m4\"", "\"ok\""]
            var rest = said[...]
            for mark in marks {
                let found = rest.firstRange(of: mark)
                #expect(found != nil, "\(mark) in \(said)")
                rest = rest[(found?.upperBound ?? rest.startIndex)...]
            }
            #expect(said.components("HTTP/1.1 200 OK") == 6)
        }
    }

    @Test func `asks for a body that waits, whoever reads it`() async throws {
        try await Running.with { running in
            for path in ["/v1/track", "/v1/track?x=1"] {
                let said = try await all(
                    running, event("w", path: path, extra: "Expect: 100-continue\r\n"))
                #expect(
                    said.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"), "\(path)")
            }
        }
    }

    @Test func `answers HEAD where it answers GET, with the same headers and no body`() async throws
    {
        try await Running.with { running in
            let pixel = "/v1/pixel/track?wk=write-key&e=Seen&uid=head"
            for path in ["/healthz", "/readyz", "/v1/projects/write-key/settings", pixel, "/none"] {
                let rest = " \(path) HTTP/1.1\r\nHost: x\r\n\r\n"
                let head = try await all(running, "HEAD" + rest + event("after"))
                #expect(!head.contains("{\"status\"") && head.contains("\"messageId\":\"after\""))
                let get = try await all(running, "GET" + rest)
                func fields(_ text: String) -> Set<Substring> {
                    let head = text.prefix(
                        upTo: text.firstRange(of: "\r\n\r\n")?.lowerBound ?? text.endIndex)
                    return Set(
                        head.split(separator: "\r\n").filter {
                            !$0.hasPrefix("Date:") && !$0.hasPrefix("date:")
                        })
                }
                if path != "/none" { #expect(fields(head) == fields(get), "\(path)") }
                #expect(status(head) == status(get), "\(path)")
            }
            #expect(try running.events(of: "head").count == 1, "only the picture that was seen")
        }
    }

    @Test func `has each request answered by the key it carries`() async throws {
        try await Running.with { running in
            let other = event("other").replacing("Bearer write-key", with: "Bearer other")
            let said = try await all(
                running, event("k1") + event("k2") + other + event("k3") + other)
            #expect(said.components("HTTP/1.1 200 OK") == 3)
            #expect(said.components("HTTP/1.1 401 Unauthorized") == 2)
        }
    }

    @Test func `gets its answer though the client has nothing more to send`() async throws {
        try await Running.with { running in
            let said = try await all(running, event("half"))
            #expect(said.hasPrefix("HTTP/1.1 200 OK") && said.contains("\"messageId\":\"half\""))
            #expect(said.contains("\r\nDate: ") && said.contains(" GMT\r\n"))
        }
    }

    @Test func `answers what was right before it refuses what is not HTTP`() async throws {
        try await Running.with { running in
            let said = try await all(running, event("right") + "no request at all\r\n\r\n")
            let good = said.firstRange(of: "200 OK")
            let bad = said.firstRange(of: "400 Bad Request")
            #expect(good != nil && bad != nil, "\(said)")
            if let good, let bad { #expect(good.lowerBound < bad.lowerBound) }
        }
    }

    @Test func `is served the same by both ways for what the two may differ in`() async throws {
        try await Running.with { running in
            for (name, request) in [
                ("no key", event("a").replacing("Authorization: Bearer write-key\r\n", with: "")),
                ("bad JSON", event("a").replacing("{\"event\"", with: "{,event\"")),
                ("no body", "POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
                ("repeat", event("twice")),
                ("no name", event("b").replacing("\"event\":", with: "\"other\":")),
            ] {
                let short = try await all(running, request)
                // Whoever sends an Expect field is served by the router.
                let long = try await all(
                    running, request.replacing("Host: x\r\n", with: "Host: x\r\nExpect: \r\n"))
                #expect(status(short) == status(long) && !status(short).isEmpty, "\(name)")
                #expect(body(short).prefix(40) == body(long).prefix(40), "\(name)")
            }
        }
    }

    private func status(_ answer: String) -> Substring { answer.prefix { $0 != "\r\n" } }

    private func body(_ answer: String) -> Substring {
        answer.firstRange(of: "\r\n\r\n").map { answer[$0.upperBound...] } ?? ""
    }
}

extension String {
    fileprivate func components(_ text: String) -> Int { ranges(of: text).count }
}
