import Events
import JSON
import Log
import SluiceTesting
import Testing

@testable import sluice

/// Runs a server whose source "vero" is a service that asks before it sends.
private func withAskingService(
    _ body: @escaping @Sendable (Running, _ address: String) async throws -> Void
) async throws {
    try await Running.with(
        editing: {
            $0.replacing(
                "\"blueprint\": \"Blueprints/vero-webhooks.json\"",
                with: "\"blueprint\": \"\(Fixtures.root)/Fixtures/blueprints/asking-webhooks.json\""
            )
        }
    ) { try await body($0, "/hooks/vero/\(Running.hookToken)") }
}

@Suite struct `A service that asks whether an address wants its webhooks` {
    @Test func `is answered with its own text, as text and never as a page`() async throws {
        try await withAskingService { running, address in
            let port = Int(running.url.split(separator: ":").last ?? "") ?? 0
            let query = "hub.mode=subscribe&hub.challenge=%3Cb%3E1%3C/b%3E"
            let get = try await offPool {
                try RawClient.all(
                    port: port,
                    "GET \(address)?\(query)&hub.verify_token=\(Running.hookToken) HTTP/1.1\r\n"
                        + "Host: x\r\nConnection: close\r\n\r\n")
            }
            #expect(get.hasPrefix("HTTP/1.1 200 "), "\(get)")
            #expect(get.hasSuffix("\r\n\r\n<b>1</b>"))
            let head = get.lowercased()
            #expect(head.contains("content-type: text/plain; charset=utf-8\r\n"))
            #expect(head.contains("x-content-type-options: nosniff\r\n"))
            let wrong = try await running.request(
                "GET", "\(address)?\(query)&hub.verify_token=another", headers: [])
            #expect(wrong.status == 401 && wrong["code"]?.string == "verification_failed")
            let post = try await running.request(
                "POST", address,
                body: Array("{\"type\":\"url_verification\",\"challenge\":\"3eZb\"}".utf8),
                headers: [])
            #expect(post.status == 200 && post.body == Array("3eZb".utf8))
            for method in ["GET", "HEAD"] {
                let answer = try await running.request(method, address, headers: [])
                #expect(answer.status == 200 && answer.body.isEmpty)
                let elsewhere = try await running.request(
                    method, "/hooks/vero/0123456789abcdef0123456789abcdeg", headers: [])
                #expect(elsewhere.status == 404)
            }
            let long = String(repeating: "x", count: 1_025)
            let refused = try await running.request(
                "POST", address,
                body: Array("{\"type\":\"url_verification\",\"challenge\":\"\(long)\"}".utf8),
                headers: [])
            #expect(refused.status == 400 && refused["code"]?.string == "bad_handshake")
            #expect(try running.log.rejected(limit: 9).isEmpty, "nothing of it is stored")
            let sources = try running.log.sources()
            #expect(sources.allSatisfy { $0.lastEvent == nil })
        }
    }

    @Test func `is told that there is nothing where no handshake is described`() async throws {
        try await Running.with { running in
            for method in ["GET", "HEAD"] {
                let answer = try await running.request(
                    method, "/hooks/vero/\(Running.hookToken)", headers: [])
                #expect(answer.status == 404)
            }
        }
    }

    @Test func `may send its JSON in a form, and the same id counts once`() async throws {
        try await withAskingService { running, address in
            let json = "{\"id\":\"evt_7\",\"type\":\"invoice.paid\",\"customer\":\"cus_7\"}"
            let form = Array(("payload=" + percentEncoded(json)).utf8)
            let type = "Content-Type: application/x-www-form-urlencoded"
            for (body, duplicates) in [(form, 0), (form, 1), (Array(json.utf8), 1)] {
                let answer = try await running.request(
                    "POST", address, body: body, headers: [type])
                #expect(answer.status == 200 && answer["duplicates"]?.integer == duplicates)
            }
            #expect(try running.events(of: "cus_7").map(\.event.messageID) == ["evt_7"])
            let other = try await running.request(
                "POST", address, body: Array("other=1".utf8), headers: [type])
            #expect(other.status == 400 && other["code"]?.string == "no_form_field")
            let kept = try running.log.rejected(limit: 9)
            #expect(kept.map(\.body) == [Array("other=1".utf8)])
        }
    }
}
