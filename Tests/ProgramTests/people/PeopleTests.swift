import Consent
import Deliver
import Events
import JSON
import Log
import SQLiteStore
import SluiceTesting
import Store
import Testing

@testable import sluice

private func event(_ user: String, _ more: String = "") -> String {
    """
    {"type":"track","event":"Product Viewed","userId":"\(user)"\(more),
     "context":{"traits":{"email":"canary@example.com"},"consent":{"canonical":{"marketing":true}}},
     "properties":{"product_id":"p","note":"canary-user"}}
    """
}

@Suite struct `A person's consent` {
    @Test func `withdrawn while events wait keeps all of them back`() async throws {
        try await Running.with { running in
            try await running.server.store.hold("vero", because: "a test")
            var ids: [EventID] = []
            for number in 1...100 {
                let answer = try await running.post(
                    "/v1/track", event("canary-user", ",\"messageId\":\"m\(number)\""))
                ids.append(try #require(answer["id"]?.string.flatMap { EventID($0) }))
            }
            let set = try await Program.run([
                "consent", "set", "canary-user", "marketing=no", "--data", running.data,
            ])
            #expect(set.code == 0 && set.output.contains("Stored for 2 identifier(s)"))
            let show = try await Program.run([
                "consent", "show", "canary@example.com", "--data", running.data,
            ])
            #expect(show.output.contains("marketing denied"))
            _ = try await running.server.store.release("vero")
            for id in ids {
                let delivery = try await running.delivery(of: id)
                #expect(delivery.row.reason == .consent)
            }
            #expect(running.ledger.isEmpty)
        }
    }

    @Test func `can be given back, suppressions included`() async throws {
        try await Running.with { running in
            _ = try await running.hook(
                "{\"type\":\"unsubscribed\",\"user\":{\"id\":\"canary-user\"}}")
            let set = try await Program.run([
                "consent", "set", "canary-user", "marketing=yes", "--lift", "--data", running.data,
            ])
            #expect(set.code == 0, "\(set.errors)")
            let answer = try await running.post("/v1/track", event("canary-user"))
            let id = try #require(answer["id"]?.string.flatMap { EventID($0) })
            #expect(try await running.delivery(of: id).row.state == .delivered)
        }
    }
}

@Suite struct `A person who is forgotten` {
    /// True when a text stands anywhere in the data directory.
    private func isFound(_ text: String, in folder: String) async throws -> Bool {
        let result = try await Program.run(
            ["-rqia", text, folder], program: "/bin/grep")
        return result.code == 0
    }

    @Test func `is in no file any more, is deleted at Vero, and does not come back`() async throws {
        try await Running.with { running in
            _ = try await running.post(
                "/v1/identify",
                """
                {"userId":"canary-user","anonymousId":"canary-anon",
                 "traits":{"email":"canary@example.com"}}
                """)
            for number in 1...30 {
                _ = try await running.post(
                    "/v1/track", event("canary-user", ",\"messageId\":\"canary-m\(number)\""))
            }
            _ = try await running.post(
                "/v1/page", "{\"anonymousId\":\"canary-anon\",\"properties\":{\"a\":\"canary\"}}")
            _ = try await running.post(
                "/v1/track", "{\"userId\":\"canary-user\",\"note\":\"rejected: no name\"}")
            _ = try await eventually("everything to be delivered") {
                try running.log.destinations()[0].waiting == 0 ? true : nil
            }
            #expect(try await isFound("canary", in: running.data))

            let asked = try await Program.run(["forget", "canary-user", "--data", running.data])
            #expect(asked.output.contains("Remove them with --yes"))
            let done = try await Program.run([
                "forget", "canary-user", "--yes", "--data", running.data,
            ])
            #expect(done.code == 0, "\(done.output) \(done.errors)")
            #expect(done.output.contains("Deleted at vero."))
            #expect(done.output.contains("Done: the files are clean."))
            #expect(try await !isFound("canary", in: running.data))
            let last = try #require(running.ledger.last)
            #expect(last["path"]?.string?.hasSuffix("/users/delete") == true)

            let answer = try await running.post("/v1/track", event("canary-user"))
            let id = try #require(answer["id"]?.string.flatMap { EventID($0) })
            #expect(try await running.delivery(of: id).row.reason == .erased)
        }
    }

    @Test func `while events wait gets none of them`() async throws {
        try await Running.with { running in
            try await running.server.store.hold("vero", because: "a test")
            for number in 1...20 {
                _ = try await running.post(
                    "/v1/track", event("canary-user", ",\"messageId\":\"canary-m\(number)\""))
            }
            _ = try await running.server.store.beginForgetting("canary@example.com")
            _ = try await running.server.store.release("vero")
            _ = try await eventually("nothing to wait") {
                try running.log.destinations()[0].waiting == 0 ? true : nil
            }
            #expect(running.ledger.isEmpty)
        }
    }

    @Test func `does not take others along who share an email, nor stop their events`()
        async throws
    {
        try await Running.with { running in
            try await running.server.store.hold("vero", because: "a test")
            for user in ["canary-one", "canary-two"] {
                _ = try await running.post(
                    "/v1/track", event(user, ",\"messageId\":\"m-\(user)\""))
            }
            // The new id goes on in the lane of the one that is forgotten.
            _ = try await running.post(
                "/v1/alias", "{\"userId\":\"canary-three\",\"previousId\":\"canary-one\"}")
            let last = try await running.post(
                "/v1/track", event("canary-three", ",\"messageId\":\"m-3\""))
            _ = try await running.server.store.beginForgetting("canary-one")
            _ = try await running.server.store.setConsent(of: "canary-three", to: [], lifting: true)
            _ = try await running.server.store.release("vero")
            let id = try #require(last["id"]?.string.flatMap { EventID($0) })
            #expect(try await running.delivery(of: id).row.state.isFinal, "the lane goes on")
            let other = try #require(try running.events(of: "canary-two").first)
            #expect(!other.event.document.root.isEmpty)
        }
    }

    @Test func `has the deletion sent later when the destination is held`() async throws {
        try await Running.with { running in
            _ = try await running.post("/v1/track", event("canary-user"))
            try await running.server.store.hold("vero", because: "a test")
            let forgetting = Forgetting(
                store: running.server.store, log: running.log,
                pipeline: running.server.live.now.pipeline, clock: .system, isServing: false)
            let report = try await forgetting.run("canary-user")
            #expect(!report.isClean)
            _ = try await running.server.store.release("vero")
            _ = try await eventually("the deletion to arrive") {
                running.ledger.contains { $0["path"]?.string?.hasSuffix("/users/delete") == true }
                    ? true : nil
            }
            #expect(try await forgetting.run("canary-user").unforwarded.count <= 1)
        }
    }

    @Test func `can have all that is kept before that`() async throws {
        try await Running.with { running in
            let id = try await running.send("product-viewed")
            _ = try await running.delivery(of: id)
            let export = try await Program.run(["export", "1000", "--data", running.data])
            let root = try JSONReader.read(text: export.output).root
            let event = try #require(root["events"]?.elements.first)
            #expect(event["body"]?["properties"]?["product_id"]?.string == "SKU-123")
            #expect(event["log"]?["deliveries"]?.elements.count == 1)
        }
    }
}
