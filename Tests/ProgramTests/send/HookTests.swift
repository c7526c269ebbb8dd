import Consent
import Deliver
import Events
import JSON
import Log
import Map
import SQLiteStore
import SluiceTesting
import Store
import Testing
import Webhooks

@testable import sluice

private let unsubscribed = """
    {"unsubscribed_at":1435016238,"type":"unsubscribed","user":{"id":"1000","email":"jane@example.com"}}
    """
private let marketing = """
    {"type":"track","event":"Product Viewed","userId":"1000","properties":{"product_id":"p"},
     "context":{"consent":{"canonical":{"marketing":true}}}}
    """

@Suite struct `Webhooks on the way back` {
    @Test func `are answered after the commit, equal bodies each as an event of its own`()
        async throws
    {
        try await Running.with { running in
            for _ in 1...2 {
                let answer = try await running.hook(
                    "{\"type\":\"opened\",\"user\":{\"id\":1000}}")
                #expect(answer.status == 200 && answer["accepted"]?.integer == 1)
                #expect(answer["duplicates"]?.integer == 0)
            }
            let events = try running.events(of: "1000")
            #expect(events.map(\.event.name) == ["Email Opened", "Email Opened"])
        }
    }

    @Test func `never go back to the service they came from`() async throws {
        try await Running.with { running in
            _ = try await running.hook(unsubscribed)
            let event = try #require(try running.events(of: "1000").first?.event)
            let delivery = try await running.delivery(of: event.id)
            #expect(delivery.row.state == .filtered && delivery.row.reason == .loop)
            #expect(running.ledger.isEmpty)
        }
    }

    @Test func `that say a person unsubscribed keep later events back, and why says so`()
        async throws
    {
        try await Running.with { running in
            _ = try await running.hook(unsubscribed)
            let cause = try #require(try running.events(of: "1000").first?.event.id)
            let id = try #require(
                try await running.post("/v1/track", marketing)["id"]?.string)
            let delivery = try await running.delivery(of: try #require(EventID(id)))
            #expect(delivery.row.reason == .suppressed)
            #expect(
                delivery.row.detail
                    == "unsubscribed in Vero on 2015-06-22T23:37:18.000Z, said event \(cause.text)")
            #expect(running.ledger.isEmpty)
            let why = try await Program.run(["why", "1000", "--data", running.data])
            #expect(why.output.contains("unsubscribed in Vero on 2015-06-22T23:37:18.000Z"))
            #expect(why.output.contains("(unsubscribed in Vero on 2015-06-22T23:37:18.000Z"))

            let lifted = try await running.hook(
                "{\"type\":\"resubscribed\",\"user\":{\"id\":1000,\"email\":\"jane@example.com\"}}")
            #expect(lifted.status == 200)
            let next = try #require(try await running.post("/v1/track", marketing)["id"]?.string)
            let sent = try await running.delivery(of: try #require(EventID(next)))
            #expect(sent.row.state == .delivered)
        }
    }

    @Test func `cannot be told apart from a path that does not exist by a wrong token`()
        async throws
    {
        try await Running.with { running in
            let wrong = try await running.hook(unsubscribed, token: "fedcba9876543210fedcba98")
            let none = try await running.request(
                "POST", "/hooks/nobody/fedcba9876543210fedcba98", body: Array(unsubscribed.utf8))
            let path = try await running.request(
                "POST", "/nothing/here", body: Array(unsubscribed.utf8))
            for answer in [wrong, none, path] {
                #expect(answer.status == 404 && answer["code"]?.string == "no_such_path")
            }
            #expect(try running.events(of: "1000").isEmpty)
            // A source without a token is off.
            let off = try await running.hook("[]", source: "sendpulse")
            #expect(off.status == 404)
        }
    }

    @Test func `that cannot be read are kept, seen, and read again when the blueprint is mended`()
        async throws
    {
        try await Running.with { running in
            let bad = try await running.hook("{\"type\":")
            #expect(bad.status == 400 && bad["code"]?.string == "invalid_json")
            let nobody = try await running.hook("[{\"type\":\"sent\"}]")
            #expect(nobody.status == 200 && nobody["rejected"]?.integer == 1)
            let many = try await running.hook(
                "[" + Array(repeating: "{}", count: 5_000).joined(separator: ",") + "]")
            #expect(many.status == 400 && many["code"]?.string == "too_many_events")
            let large = try await running.hook(String(repeating: " ", count: 10 << 20))
            #expect(large.status == 413)

            let kept = try running.log.rejected(limit: 9)
            #expect(
                kept.map(\.problem.code) == ["too_many_events", "no_user_anon_id", "invalid_json"])
            #expect(kept[0].body.count == 15_001)

            // A mended blueprint: the person of the nobody is known by another field.
            let sources = [try Fixtures.webhookSource("vero")]
            let reader = KeptBodies(
                store: running.server.store, log: running.log, sources: sources)
            let before = try await reader.reprocess("vero", number: nil)
            #expect(before.events == 0 && before.kept == 3)
            let text = try Fixtures.text("Blueprints/vero-webhooks.json")
                .replacing(
                    "\"user_id\": {", with: "\"anonymous_id\": {\"value\": \"n\"}, \"user_id\": {")
            let mended = WebhookSourceFixture.make(
                try SourceBlueprint.read(file: "v.json", bytes: Array(text.utf8)))
            let after = try await KeptBodies(
                store: running.server.store, log: running.log, sources: [mended]
            ).reprocess("vero", number: kept[1].number)
            #expect(after.events == 1 && after.bodies == 1)
            #expect(try running.log.rejected(limit: 9).count == 2)
        }
    }

    @Test func `that are signed count once, whatever is sent again`() async throws {
        let edit = { (text: String) in
            text.replacing(
                "\"tokens\": [\"${SLUICE_VERO_HOOK_TOKEN:-}\"],",
                with: """
                    "tokens": ["${SLUICE_VERO_HOOK_TOKEN:-}"], "secrets": ["hush"],
                    "verify": {"scheme": "hmac", "header": "X-Sign", "signed": "{header:X-Id}.{body}"},
                    """)
        }
        try await Running.with(editing: edit) { running in
            let source = try Fixtures.webhookSource(
                "vero",
                verification:
                    "{\"scheme\":\"hmac\",\"header\":\"X-Sign\",\"signed\":\"{header:X-Id}.{body}\"}",
                secrets: ["hush"])
            let body = "{\"type\":\"opened\",\"user\":{\"id\":1000}}"
            let headers = source.headers(
                for: Array(body.utf8), id: "i-1", at: ManualClock().now)
            for duplicates in [0, 1] {
                let answer = try await running.hook(body, headers: headers)
                #expect(answer.status == 200 && answer["duplicates"]?.integer == duplicates)
            }
            for (body, headers) in [(body + " ", headers), (body, []), (body, [headers[0]])] {
                let answer = try await running.hook(body, headers: headers)
                #expect(answer.status == 401 && answer["code"]?.string == "verification_failed")
            }
            #expect(try running.events(of: "1000").count == 1)
            #expect(try running.log.rejected(limit: 9).isEmpty)
        }
    }

    @Test func `are answered with the body the pipeline says`() async throws {
        let edit = { (text: String) in
            text.replacing("${SLUICE_SENDPULSE_HOOK_TOKEN:-}", with: Running.hookToken)
                .replacing(
                    "\"blueprint\": \"Blueprints/sendpulse-webhooks.json\",",
                    with: """
                        "blueprint": "Blueprints/sendpulse-webhooks.json",
                        "answer": [{"key": "${SLUICE_WRITE_KEY}", "n": 1.10}],
                        """)
        }
        try await Running.with(editing: edit) { running in
            let sample = try Fixtures.json(Fixtures.text("Fixtures/webhooks/sendpulse-spam.json"))
            let body = String(decoding: try #require(sample["body"]).raw, as: UTF8.self)
            let answer = try await running.hook(body, source: "sendpulse")
            #expect(answer.status == 200)
            #expect(
                String(decoding: answer.body, as: UTF8.self)
                    == "[{\"key\":\"write-key\",\"n\":1.10}]")
            let known = try running.server.log.person(
                IdentityKey(.email, "john.doe@sendpulse.com"))
            #expect(known.standing?.active.map(\.cause) == ["complained"])
        }
    }
}

/// Vero's webhooks with another blueprint.
enum WebhookSourceFixture {
    static func make(_ blueprint: SourceBlueprint) -> WebhookSource {
        WebhookSource(name: "vero", tokens: [Running.hookToken], blueprint: blueprint)
    }
}
