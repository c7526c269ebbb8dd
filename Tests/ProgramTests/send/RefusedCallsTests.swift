import Events
import JSON
import Log
import SluiceTesting
import Testing

@testable import sluice

@Suite struct `Calls that are refused` {
    private static let event = "{\"event\":\"E\",\"userId\":\"1\"}"

    /// A call of each kind that is refused, to a running server.
    private static func make(_ running: Running) async throws {
        let agent = "User-Agent: evil\u{202E}agent"
        let body = Array(event.utf8)
        func post(_ path: String, _ headers: [String], body: [UInt8]) async throws {
            let answer = try await running.request(
                "POST", path, body: body, headers: headers + [agent])
            #expect(answer.status >= 400, "\(path) \(headers)")
        }
        try await post("/v1/track", ["Authorization: Bearer wrong-key-wxyz"], body: body)
        try await post("/v1/track", [], body: body)
        try await post(
            "/v1/track?writeKey=browser-key", ["Origin: https://other.example"], body: body)
        try await post("/v1/batch", ["Authorization: Bearer write-key"], body: Array("{".utf8))
        try await post("/v1/events", ["X-Signature: sha256=00", "X-Timestamp: 1"], body: body)
        try await post("/hooks/vero/0123456789abcdef0123456789abcdeg", [], body: body)
        try await post("/hooks/sendpulse/0123456789abcdef0123456789abcdef", [], body: body)
        try await post("/hooks/vero/\(Running.hookToken)", [], body: Array("{".utf8))
        try await post("//hooks//vero/\(Running.hookToken)", [], body: Array("{".utf8))
        let preflight = try await running.request(
            "OPTIONS", "/v1/track", headers: ["Origin: https://other.example", agent])
        #expect(preflight.status == 403)
    }

    private static let kinds: Set<String> = [
        "– unknown_key", "– missing_key", "site origin_not_allowed", "– origin_not_allowed",
        "backend invalid_json", "– bad_signature", "vero wrong_token", "sendpulse source_off",
        "vero invalid_json",
    ]

    private static func rows(_ running: Running) async throws -> [RefusalRow] {
        try await eventually("all kinds to be stored") {
            let rows = try running.log.refusals()
            return rows.count == kinds.count ? rows : nil
        }
    }

    @Test func `are counted for each source and code, with the last one`() async throws {
        try await Running.with { running in
            try await Self.make(running)
            let rows = try await Self.rows(running)
            #expect(Set(rows.map { "\($0.source ?? "–") \($0.code)" }) == Self.kinds)
            let keys = try #require(rows.first { $0.code == "unknown_key" })
            #expect(keys.count == 1 && keys.path == "/v1/track" && keys.keyEnding == "wxyz")
            let token = try #require(rows.first { $0.code == "wrong_token" })
            #expect(token.path == "/hooks/vero/***" && token.keyEnding == "cdeg")
            let origin = try #require(rows.first { $0.source == "site" })
            #expect(origin.origin == "https://other.example" && origin.path == "/v1/track")
            #expect(rows.allSatisfy { $0.userAgent == "evil\\u{202e}agent" })
            #expect(!"\(rows)".contains(Running.hookToken), "no token of ours is kept")
        }
    }

    @Test func `are shown by the status, which exits 1 while they are fresh`() async throws {
        try await Running.with { running in
            let data = ["--data", running.data]
            _ = try await running.send("product-viewed")
            #expect(try await Program.run(["status"] + data).code == 0)
            try await Self.make(running)
            _ = try await Self.rows(running)
            let status = try await Program.run(["status"] + data)
            #expect(status.code == 1)
            #expect(status.output.contains("1 call was refused: no key was given"))
            #expect(
                status.output.contains("to \"site\" was refused: pages of this origin may not"))
            #expect(!status.output.contains("\u{202E}"))
            let json = try await Program.run(["status", "--json"] + data)
            let refused = try JSONReader.read(text: json.output).root["refused"]?.elements ?? []
            #expect(json.code == 1 && refused.count == Self.kinds.count)
            #expect(refused.allSatisfy { $0["fresh"]?.bool == true && $0["fix"] != nil })
        }
    }

    @Test func `are in the metrics, by source and code alone`() async throws {
        try await Running.with { running in
            try await Self.make(running)
            let routes = MetricsRoutes(
                store: running.server.store, log: running.log, clock: .system, data: running.data)
            let text = try routes.text()
            for line in [
                "sluice_calls_refused_total{source=\"\",code=\"missing_key\"} 1",
                "sluice_calls_refused_total{source=\"vero\",code=\"wrong_token\"} 1",
            ] {
                #expect(text.contains(line + "\n"), "\(line) in \(text)")
            }
            #expect(!text.contains("evil"))
        }
    }

    @Test func `are told once when they begin, not for each call`() async throws {
        let told = Locked<[String]>([])
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                told.withLock { $0.append(request) }
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let url = server.url
        try await Running.with(
            editing: { $0.replacing("${SLUICE_ALERTS_URL:-}", with: url) }
        ) { running in
            for number in 1...20 {
                _ = try await running.request(
                    "POST", "/v1/track", body: Array(Self.event.utf8),
                    headers: ["Authorization: Bearer wrong-key-\(number)"])
            }
            _ = try await running.hook("[]", token: "0123456789abcdef0123456789abcdeg")
            _ = try await eventually("both alerts") {
                told.withLock { $0.count >= 2 ? true : nil }
            }
            _ = try await eventually("all calls to be stored") {
                try running.log.refusals().contains { $0.count == 20 } ? true : nil
            }
            let alerts = told.withLock { $0 }
            #expect(alerts.count == 2, "\(alerts)")
            #expect(alerts.allSatisfy { $0.contains("\"alert\":\"calls_refused\"") })
            #expect(alerts.contains { $0.contains("\"source\":\"vero\"") })
        }
    }
}
