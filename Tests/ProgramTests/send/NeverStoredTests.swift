import Crypto
import Events
import Foundation
import JSON
import Log
import SluiceTesting
import Store
import Testing
import Webhooks

@testable import sluice

/// A secret that stands nowhere else; it looks like a token and like a password.
private let secret = "hush-4f9d2c7b1a8e6d50"

private func withNeverStore(_ text: String) -> String {
    text.replacing(
        "\"kind\": \"server\", \"keys\"",
        with: """
            "kind": "server", "never_store": {"paths": ["traits.ssn", "context.*.pin"],
             "query": ["sid"]}, "keys"
            """
    ).replacing(
        "\"kind\": \"webhook\",\n      \"blueprint\": \"Blueprints/vero",
        with: """
            "kind": "webhook", "never_store": {"paths": ["body.user.phone"]},
            "blueprint": "Blueprints/vero
            """)
}

/// The files below a folder in which a text stands somewhere among the bytes.
///
/// Another process reads them: when this one closed a file of the store, SQLite's locks on it would
/// be gone.
private func files(below folder: String, with text: String) async throws -> [String] {
    let found = try await Program.run(["-rlaF", text, folder], program: "/bin/grep")
    return found.output.split(separator: "\n").map(String.init)
}

@Suite struct `What is never stored` {
    @Test(arguments: [
        (
            "/v1/track",
            "{\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"password\":\"\(secret)\"}}",
            "removed=properties.password"
        ),
        (
            "/v1/identify", "{\"userId\":\"u\",\"traits\":{\"ssn\":\"\(secret)\"}}",
            "removed=traits.ssn"
        ),
        (
            "/v1/batch",
            "{\"context\":{\"a\":{\"pin\":\"\(secret)\"}},\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}]}",
            "removed=context.a.pin"
        ),
        (
            "/v1/import",
            "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"properties\":{\"url\":\"https://x/?sid=\(secret)\"}}]}",
            "removed=properties.url?sid"
        ),
        (
            "/v1/events",
            "{\"type\":\"page\",\"userId\":\"u\",\"context\":{\"a b\":{\"accessToken\":\"\(secret)\"}}}",
            "removed=context.a b.accessToken"
        ),
    ])
    func `is in no file of the store, and the log tells where it stood`(
        path: String, body: String, mark: String
    ) async throws {
        try await Running.with(editing: withNeverStore) { running in
            let answer = try await running.post(path, body)
            #expect(answer.status == 200)
            let event = try #require(try running.events(of: "u").first?.event)
            #expect(event.marks.map(\.text) == [mark])
            #expect(try await files(below: running.data, with: secret).isEmpty)
            let explained = try await Program.run([
                "explain", event.id.text, "--data", running.data, "--config",
                "\(Fixtures.root)/pipeline.example.json",
            ])
            #expect(explained.output.contains("never stored was removed from it (\(mark))"))
        }
    }

    @Test func `is not kept of a picture, nor of a signed request, which stays a repeat`()
        async throws
    {
        try await Running.with(editing: withNeverStore) { running in
            let picture = try await running.request(
                "GET",
                "/v1/pixel/track?wk=write-key&e=E&uid=u&p.api_key=\(secret)&t.ssn=\(secret)")
            #expect(picture.status == 200)
            let body =
                "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"pwd\":\"\(secret)\"}}"
            let stamp = WorldClock.system.now().milliseconds
            let code = HMAC<SHA256>.authenticationCode(
                for: Array("\(stamp).\(body)".utf8),
                using: SymmetricKey(data: Array("signing-secret".utf8)))
            for isRepeat in [false, true] {
                let signed = try await running.request(
                    "POST", "/v1/events", body: Array(body.utf8),
                    headers: ["X-Timestamp: \(stamp)", "X-Signature: sha256=\(hexadecimal(code))"])
                #expect(signed.status == 200 && signed["duplicate"]?.bool == isRepeat)
            }
            let marks = try running.events(of: "u").map { $0.event.marks.map(\.text) }
            #expect(
                Set(marks) == [
                    ["removed=properties.pwd"],
                    ["removed=traits.ssn", "removed=properties.api_key"],
                ])
            #expect(try await files(below: running.data, with: secret).isEmpty)
        }
    }

    @Test func `is not kept in bodies that are rejected`() async throws {
        try await Running.with(editing: withNeverStore) { running in
            let bodies = [
                ("/v1/track", "{\"userId\":\"u\",\"traits\":{\"ssn\":\"\(secret)\"}}"),
                ("/v1/track", "{\"userId\":\"u\",\"password\":\"\(secret)\""),
                ("/v1/track", "{\"token\":\"\(secret)\",\"token\":\"\(secret)\"}"),
                ("/v1/track", "password=\(secret)&user=u"),
                ("/v1/batch", "{\"batch\":[{\"secret\":\"\(secret)\"},[\"?sid=\(secret)\"]]}"),
            ]
            for (path, body) in bodies { _ = try await running.post(path, body) }
            let kept = try running.log.rejected(limit: 99)
            #expect(kept.count == 6)
            #expect(try await files(below: running.data, with: secret).isEmpty)
        }
    }

    @Test func `is not kept of webhooks, used or not, and neither when they are read again`()
        async throws
    {
        try await Running.with(editing: withNeverStore) { running in
            let user = "\"user\":{\"id\":1000,\"phone\":\"\(secret)\"}"
            let good = try await running.hook(
                "{\"type\":\"opened\",\(user),\"apiKey\":\"\(secret)\"}")
            #expect(good.status == 200 && good["accepted"]?.integer == 1)
            let event = try #require(try running.events(of: "1000").first?.event)
            #expect(
                event.marks.map(\.text) == ["removed=body.user.phone", "removed=body.apiKey"])

            let unusable = try await running.hook(
                "[{\"type\":\"sent\",\"user\":{\"phone\":\"\(secret)\"},\"password\":\"\(secret)\"}]"
            )
            #expect(unusable["rejected"]?.integer == 1)
            let deep =
                String(repeating: "[", count: 80) + "{\"password\":\"\(secret)\"}"
                + String(repeating: "]", count: 80)
            #expect(try await running.hook("{\"type\":\"sent\",\"a\":\(deep)}").status == 400)
            for broken in ["{\"type\":\"sent\",\(user)", "{\"token\":\"\(secret)\",\"token\":7}"] {
                #expect(try await running.hook(broken).status == 400)
            }
            let kept = try running.log.rejected(limit: 9)
            #expect(kept.count == 4)
            #expect(try await files(below: running.data, with: secret).isEmpty)

            // Read again by a blueprint that can use it.
            let text = try Fixtures.text("Blueprints/vero-webhooks.json").replacing(
                "\"user_id\": {", with: "\"anonymous_id\": {\"value\": \"n\"}, \"user_id\": {")
            let mended = WebhookSourceFixture.make(
                try SourceBlueprint.read(file: "v.json", bytes: Array(text.utf8)))
            let report = try await KeptBodies(
                store: running.server.store, log: running.log, sources: [mended]
            ).reprocess("vero", number: nil)
            #expect(report.events >= 1)
            #expect(try await files(below: running.data, with: secret).isEmpty)
        }
    }

    @Test func `is unknown to identity: a person's removed email is stored nowhere`() async throws {
        let edit = { (text: String) in
            withNeverStore(text).replacing("\"traits.ssn\"", with: "\"traits.email\"")
        }
        try await Running.with(editing: edit) { running in
            let answer = try await running.post(
                "/v1/identify",
                "{\"userId\":\"u\",\"traits\":{\"email\":\"\(secret)@example.com\"}}")
            #expect(answer.status == 200)
            #expect(try running.events(of: "u").first?.identity.email == nil)
            #expect(try await files(below: running.data, with: secret).isEmpty)
        }
    }

    @Test func `is refused by check, with a place and what to do, when a setting is wrong`()
        async throws
    {
        let folder = try TemporaryFolder()
        let cases = [
            ("{\"paths\": [\"user_id\"]}", "has to be stored", 17),
            ("{\"paths\": [\"properties..a\"]}", "is no path", 17),
            ("{\"path\": []}", "Did you mean \"paths\"?", 7),
            ("{\"query\": [\"a b\"]}", "is no name of a parameter", 17),
            ("{\"mask\": 1}", "must be true or false", 15),
        ]
        for (setting, words, column) in cases {
            let path = try folder.write(
                """
                {"destinations": {}, "sources": {"a": {"kind": "server", "never_store":
                     \(setting)}}}
                """, to: "pipeline.json")
            let result = try await Program.run(["check", path])
            #expect(result.code != 0)
            #expect(result.errors.contains(words), "\(result.errors)")
            #expect(result.errors.contains(":2:\(column):"), "\(setting): \(result.errors)")
        }
        let hook = try folder.write(
            """
            {"destinations": {}, "sources": {"a": {"kind": "webhook",
             "blueprint": "\(Fixtures.root)/Blueprints/vero-webhooks.json",
             "never_store": {"paths": ["body.*.id", "traits.a"]}}}}
            """, to: "hook.json")
        let result = try await Program.run(["check", hook])
        #expect(result.errors.contains("The blueprint reads \"user_id\" from body.user.id"))
        #expect(result.errors.contains("is no place in a webhook"), "\(result.errors)")
    }

    @Test func `is listed by check`() async throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(
            """
            {"destinations": {}, "sources": {"a": {"kind": "server",
             "never_store": {"paths": ["traits.ssn"], "query": ["sid"]}}, "b": {"kind": "server"}}}
            """, to: "pipeline.json")
        let text = try await Program.run(["check", path])
        #expect(text.output.contains("never stored: traits.ssn, ?sid"), "\(text.errors)")
        let json = try Fixtures.json(try await Program.run(["check", path, "--json"]).output)
        let sources = json["sources"]?.elements ?? []
        #expect(sources.first?["neverStore"]?.elements.map(\.string) == ["traits.ssn", "?sid"])
        #expect(sources.last?["neverStore"] == nil)
    }

    @Test func `is shown by explain as the source would remove it`() async throws {
        let folder = try TemporaryFolder()
        let config = try folder.write(
            withNeverStore(try Fixtures.text("pipeline.example.json")).replacing(
                "\"Blueprints/", with: "\"\(Fixtures.root)/Blueprints/"), to: "pipeline.json")
        let event = try folder.write(
            "{\"type\":\"identify\",\"userId\":\"u\",\"traits\":{\"ssn\":\"\(secret)\",\"password\":\"\(secret)\"}}",
            to: "event.json")
        let arguments = ["explain", event, "--config", config, "--data", folder.path + "/none"]
        let plain = try await Program.run(arguments)
        #expect(plain.output.contains("(removed=traits.password)"), "\(plain.errors)")
        #expect(!plain.output.contains("(removed=traits.ssn)"))
        let asSource = try await Program.run(arguments + ["--source", "backend"])
        #expect(asSource.output.contains("(removed=traits.ssn)"), "\(asSource.errors)")
        #expect(!asSource.output.contains(secret))
    }
}
