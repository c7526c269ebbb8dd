import Consent
import Deliver
import Events
import JSON
import Log
import Pipeline
import SQLiteStore
import SluiceTesting
import Store
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@testable import sluice

/// A pipeline and its blueprint in a folder of their own, so that a test can change them.
private final class Files: Sendable {
    let folder: TemporaryFolder
    let pipeline: String

    init() throws {
        folder = try TemporaryFolder()
        _ = try folder.write(try Fixtures.text("Blueprints/vero.json"), to: "vero.json")
        pipeline = try folder.write(
            try Fixtures.text("pipeline.example.json")
                .replacing("\"Blueprints/vero.json", with: "\"vero.json")
                .replacing("\"Blueprints/", with: "\"\(Fixtures.root)/Blueprints/"),
            to: "pipeline.json")
    }

    /// Changes a file as an editor does: a new one takes its place.
    func edit(_ name: String, _ old: String, to new: String) throws {
        let text = try Fixtures.text("\(folder.path)/\(name)")
        #expect(text.contains(old))
        let next = try folder.write(text.replacing(old, with: new), to: name + ".new")
        rename(next, "\(folder.path)/\(name)")
    }
}

/// A server process with a pipeline of its own and the built-in stand-in.
private func withServer(
    _ body:
        @Sendable (Files, ServerProcess, _ data: String, _ environment: [String: String])
        async throws -> Void
) async throws {
    let files = try Files()
    let environment = ["SLUICE_WRITE_KEY": "write-key", "VERO_AUTH_TOKEN": "t"]
    let data = files.folder.path + "/data"
    let server = try await ServerProcess(
        data: data, environment: environment, config: files.pipeline, more: ["--mock-vero"])
    try await body(files, server, data, environment)
    #expect(try await server.terminate() == 0)
}

private func send(
    _ event: String, to url: String, key: String = "write-key"
) async throws -> Sender.Answer {
    let sender = Sender(server: url, key: key)
    defer { sender.close() }
    return try await sender.send(Array(event.utf8), name: "event")
}

private func post(_ url: String, key: String = "write-key", user: String = "1000") async throws
    -> EventID?
{
    let event = """
        {"event":"Product Viewed","userId":"\(user)","properties":{"product_id":"p","shade":"red"},
         "context":{"consent":{"canonical":{"marketing":true}}}}
        """
    let answer = try await send(event, to: url, key: key)
    return try JSONReader.read(answer.body).root["id"]?.string.flatMap { EventID($0) }
}

@Suite struct `A pipeline that changes while the server runs` {
    @Test func `is taken whole, keys and mappings, and each delivery keeps its revision`()
        async throws
    {
        try await withServer { files, server, data, _ in
            let log = try SQLiteLog(directory: data)
            let first = try #require(try await post(server.url))
            try files.edit(
                "vero.json", "\"data.product_id\": \"properties.product_id\"",
                to:
                    "\"data.shade\": \"properties.shade\", \"data.product_id\": \"properties.product_id\""
            )
            try files.edit("pipeline.json", "${SLUICE_WRITE_KEY}", to: "new-key")
            let second = try await eventually("the new key to be taken") {
                try await post(server.url, key: "new-key")
            }
            #expect(try await post(server.url, key: "write-key") == nil)
            var revisions: Set<String> = []
            for (id, hasShade) in [(first, false), (second, true)] {
                let delivery = DeliveryID(event: id, destination: "vero")
                let detail = try await eventually("the delivery") {
                    try log.detail(delivery).flatMap { $0.row.state.isFinal ? $0 : nil }
                }
                #expect(detail.row.state == .delivered)
                #expect(detail.requests[0].body.text.contains("\"shade\"") == hasShade)
                revisions.insert(detail.row.revision)
            }
            #expect(revisions.count == 2)
        }
    }

    @Test func `that is wrong is not taken, and the status says where`() async throws {
        try await withServer { files, server, data, _ in
            try files.edit("pipeline.json", "\"missing\": \"deny\"", to: "\"missing\": \"maybe\"")
            let log = try SQLiteLog(directory: data)
            let fault = try await eventually("the fault to be noted") { try log.reloadFault() }
            #expect(fault.contains("pipeline.json:45:56"))
            let status = try await Program.run(["status", "--data", data])
            #expect(status.code == 1 && status.output.contains("the last good one runs"))
            let pipeline = try log.server()
            let running = try #require(pipeline.running?.revision)
            let refused = try #require(pipeline.refused?.revision)
            #expect(running.count == 12 && refused.count == 12 && running != refused)
            #expect(status.output.contains("Pipeline \(running) runs since"))
            #expect(status.output.contains("The changed pipeline \(refused) was not taken"))
            #expect(try await post(server.url) != nil)
            try files.edit("pipeline.json", "\"missing\": \"maybe\"", to: "\"missing\": \"deny\"")
            _ = try await eventually("the fault to be gone") {
                try log.reloadFault() == nil ? true : nil
            }
            #expect(try log.server().running?.revision == running, "the same bytes again")
        }
    }

    @Test func `is told in the log with its revision, and what waits at what is gone`()
        async throws
    {
        let said = Locked<[String]>([])
        let lines = LogLines { line in said.signal { $0.append(line) } }
        try await Running.with(rules: ["401"], log: lines) { running in
            let id = try await running.send("product-viewed")
            _ = try await running.delivery(of: id) { $0.hold != nil && $0.state == .queued }
            var next = running.server.live.now
            let first = next.pipeline.revision
            next.pipeline = Pipeline(
                destinations: [], sources: next.pipeline.sources, revision: "second")
            try await running.server.replace(next)
            let text = try await eventually("the lines") {
                let text = said.withLock { $0.joined(separator: "\n") }
                return text.contains("vero (127.0.0.1:") && text.contains("is gone") ? text : nil
            }
            #expect(text.contains("Pipeline \(first) is taken; "))
            #expect(text.contains("Pipeline second is taken; "))
            #expect(text.contains("1 delivery waits; nothing is lost. Put it back"))
            let why = try await Program.run(["why", id.text, "--data", running.data])
            #expect(why.output.contains("Waits: vero (127.0.0.1:"), "\(why.output)")
            #expect(why.output.contains("is gone from the pipeline."))
        }
    }

    @Test func `lets what is switched off wait, and go on when it is on again`() async throws {
        try await withServer { files, server, data, _ in
            let log = try SQLiteLog(directory: data)
            try files.edit("pipeline.json", "\"enabled\": true", to: "\"enabled\": false")
            let id = try await eventually("the destination to be off") {
                let id = try #require(try await post(server.url))
                let row = try log.deliveries(of: id)[0]
                return row.reason == .destinationDisabled ? id : nil
            }
            try files.edit("pipeline.json", "\"enabled\": false", to: "\"enabled\": true")
            _ = try await eventually("the destination to be on") {
                let id = try #require(try await post(server.url))
                return try log.deliveries(of: id)[0].reason == nil ? true : nil
            }
            #expect(try log.deliveries(of: id)[0].state == .filtered)
        }
    }
}

@Suite struct `A replay` {
    @Test func `after a blueprint was mended sends only what comes out differently`() async throws {
        try await withServer { files, server, data, environment in
            let log = try SQLiteLog(directory: data)
            var ids: [EventID] = []
            for user in ["1000", "2000"] {
                ids.append(try #require(try await post(server.url, user: user)))
            }
            let page = """
                {"type":"page","userId":"1000","context":{"consent":{"canonical":{"marketing":true}}}}
                """
            #expect(try await send(page, to: server.url).isGood)
            _ = try await eventually("all to be delivered") {
                try log.destinations()[0].waiting == 0 ? true : nil
            }
            try files.edit(
                "vero.json", "\"data.product_id\": \"properties.product_id\"",
                to:
                    "\"data.shade\": \"properties.shade\", \"data.product_id\": \"properties.product_id\""
            )
            let revision = try await eventually("the blueprint to be taken") {
                let id = try #require(try await post(server.url, user: "3000"))
                let row = try log.deliveries(of: id)[0]
                return try log.deliveries(of: ids[0])[0].revision == row.revision
                    ? nil : row.revision
            }
            func replay(_ more: [String]) async throws -> Program.Result {
                try await Program.run(
                    [
                        "replay", "--destination", "vero", "--since", "1h", "--config",
                        files.pipeline, "--data", data,
                    ] + more,
                    environment: environment.merging([
                        "VERO_BASE_URL": server.veroURL, "SLUICE_ALLOW_PRIVATE": "127.0.0.1/32",
                    ]) { $1 })
            }
            let shown = try await replay(["--only-changed"])
            #expect(shown.code == 0, "\(shown.errors)")
            #expect(shown.output.contains("\n") && shown.output.contains("Send them with --yes"))
            #expect(shown.output.contains("it comes out differently now"))
            #expect(try log.deliveries(of: ids[0])[0].run == 1, "nothing was sent yet")
            let done = try await replay(["--only-changed", "--yes"])
            #expect(done.output.contains("0 filtered, 0 refused."), "\(done.output)")
            for id in ids {
                let detail = try await eventually("the second run to end") {
                    try log.detail(DeliveryID(event: id, destination: "vero"))
                        .flatMap { $0.row.run == 2 && $0.row.state.isFinal ? $0 : nil }
                }
                #expect(detail.row.state == .delivered && detail.row.revision == revision)
                #expect(detail.requests[0].body.text.contains("\"shade\":\"red\""))
                #expect(detail.attempts.map(\.attempt.run) == [1, 2])
            }
            let again = try await replay(["--only-changed"])
            #expect(again.output.hasPrefix("0 deliveries would be sent again."), "\(again.output)")
        }
    }

    @Test func `as it was sends the same bytes, and refuses what never had any`() async throws {
        try await Running.with { running in
            let id = try await running.send("product-viewed")
            let filtered = try await running.send("anonymous")
            let delivery = try await running.delivery(of: id)
            var order = ReplayOrder(
                deliveries: [delivery.row.id, DeliveryID(event: filtered, destination: "vero")],
                asWas: true, perSecond: 100, reason: "a test")
            let result = try await running.server.store.replay(order)
            #expect(result.queued == 1 && result.refused == 1)
            let again = try await running.delivery(of: id) { $0.run == 2 && $0.state.isFinal }
            #expect(again.requests == delivery.requests)
            let bodies = running.ledger.map { $0["body"].map { Array($0.raw) } }
            #expect(bodies.count == 2 && bodies[0] == bodies[1])
            // Consent counts as of now.
            _ = try await running.server.store.setConsent(
                of: "1000",
                to: [
                    .init(
                        category: "marketing", granted: false, at: running.server.now, origin: "t")
                ],
                lifting: false)
            order.deliveries = [delivery.row.id]
            #expect(try await running.server.store.replay(order).filtered == 1)
            #expect(running.ledger.count == 2)
        }
    }
}
