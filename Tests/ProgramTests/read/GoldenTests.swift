import Deliver
import Events
import Foundation
import JSON
import Log
import Pipeline
import SQLiteStore
import SluiceTesting
import Store
import Testing

@testable import sluice

/// The JSON of every command that reads, compared with files that were recorded once.
///
/// Programs read this JSON, so a member may be added but never changed or removed. To record a new
/// shape, run this suite with `SLUICE_GOLDEN=record` in the environment and look at the difference.
@Suite struct `The JSON of commands` {
    @Test func `only ever gains members`() async throws {
        try await Running.with(rules: ["400@SKU-REFUSED", "500:1@SKU-RETRIED"]) { running in
            let story = Story(running: running)
            try await story.tell()
            let config = ["--config", "pipeline.example.json"]
            try await story.check(
                [
                    ("why-event", ["why", try story.id("refused")]),
                    ("why-delivery", ["why", try story.delivery("refused")]),
                    ("why-person", ["why", "jane@example.com"]),
                    ("why-message", ["why", "seed-identify"]),
                    ("deliveries", ["deliveries"]),
                    ("deliveries-held", ["deliveries", "--state", "held"]),
                    ("delivery-failed", ["delivery", try story.delivery("refused")]),
                    ("delivery-retried", ["delivery", try story.delivery("retried")]),
                    ("delivery-filtered", ["delivery", try story.delivery("no-consent")]),
                    ("rejected", ["rejected"]),
                    ("explain-stored", ["explain", try story.id("viewed")] + config),
                    ("status", ["status"]),
                    ("destination-list", ["destination", "list"]),
                    ("source-list", ["source", "list"]),
                    ("consent-show", ["consent", "show", "1000"]),
                    ("consent-show-suppressed", ["consent", "show", "2000"]),
                    ("export", ["export", "1000"]),
                    (
                        "source-test",
                        ["source", "test", "backend", "--to", running.url] + config
                    ),
                    (
                        "source-test-webhook",
                        ["source", "test", "vero", "--to", running.url] + config
                    ),
                    (
                        "send",
                        ["send", "Fixtures/events/order-completed.json", "--to", running.url]
                    ),
                ])
        }
    }

    @Test func `only ever gains members where no server is asked`() async throws {
        let receiver = try RawServer.answering(
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n{}")
        let folder = try TemporaryFolder()
        let crm = try folder.write(
            """
            {"allow_private": "127.0.0.1/32", "sources": {}, "destinations": {
              "crm": {"blueprint": "\(Fixtures.root)/Blueprints/webhook.json",
                "parameters": {"url": "\(receiver.url)canary"}}}}
            """, to: "pipeline.json")
        let body = try folder.write(webhook("unsubscribed", of: 1000), to: "webhook.json")
        let config = ["--config", "pipeline.example.json"]
        let data = ["--data", folder.path + "/data"]
        for (name, command) in [
            ("check", ["check", "pipeline.example.json"]),
            ("explain-sent", ["explain", "Fixtures/events/unmapped.json"] + config + data),
            ("explain-filtered", ["explain", "Fixtures/events/anonymous.json"] + config + data),
            (
                "explain-webhook",
                ["explain", body, "--source", "vero"]
                    + config + data
            ),
            ("destination-test", ["destination", "test", "crm", "--config", crm] + data),
        ] {
            try await Golden.check(name, command)
        }
        withExtendedLifetime((receiver, folder)) {}
    }
}

/// A webhook as Vero sends it.
private func webhook(_ kind: String, of user: Int) -> String {
    let id = "{\"id\":\(user),\"email\":\"person-\(user)@example.com\"}"
    return "{\"\(kind)_at\":1435016238,\"type\":\"\(kind)\",\"user\":\(id)}"
}

/// A fixed story with every kind of end, told to a running server.
private final class Story: Sendable {
    let running: Running
    private let ids = Locked<[String: EventID]>([:])

    init(running: Running) { self.running = running }

    func id(_ name: String) throws -> String {
        try #require(ids.withLock { $0[name] }, "\(name)").text
    }

    func delivery(_ name: String) throws -> String {
        let id = try #require(ids.withLock { $0[name] }, "\(name)")
        return DeliveryID(event: id, destination: "vero").text
    }

    func tell() async throws {
        for (name, fixture) in [
            ("identify", "identify"), ("viewed", "product-viewed"), ("anonymous", "anonymous"),
            ("no-consent", "no-consent"), ("refused", "refused-by-vero"),
            ("hashed", "hashed-email"), ("unmapped", "unmapped"),
        ] {
            try await send(name, String(decoding: try Fixtures.event(fixture), as: UTF8.self))
        }
        _ = try await running.send("repeated")
        try await send("retried", Self.track("SKU-RETRIED"))
        _ = try await running.post("/v1/track", "{\"type\":\"track\",\"userId\":\"1000\"}")
        for (kind, user) in [
            ("unsubscribed", 1000), ("resubscribed", 1000), ("unsubscribed", 2000),
        ] {
            let answer = try await running.hook(webhook(kind, of: user))
            #expect(answer.status == 200)
        }
        _ = try await running.hook("[1]")
        let consent = try await Program.run(
            ["consent", "set", "1000", "analytics=no", "--data", running.data])
        #expect(consent.code == 0, "\(consent.errors)")
        running.vero.set([try #require(FaultRule("401"))])
        let held = try #require(
            try await running.post("/v1/track", Self.track("SKU-HELD"))["id"]?.string)
        _ = try await running.delivery(of: try #require(EventID(held))) { $0.hold != nil }
        try await running.server.store.note(
            PipelineChange(
                revision: "abc", at: running.server.now,
                fault: "pipeline.json:3:1: Something is wrong. Mend it."))
        // What was seen last is written some time later; the recorded status holds these three.
        _ = try await eventually("the last moments to be stored") {
            let row = try running.log.destinations()[0]
            let sources = try running.log.sources().filter { $0.lastEvent != nil }.map(\.name)
            let isLastError = row.lastError?.hasPrefix("401") == true
            return row.lastDelivered != nil && isLastError
                && sources.contains("backend") && sources.contains("vero") ? true : nil
        }
    }

    private func send(_ name: String, _ text: String) async throws {
        let answer = try await running.post("/v1/events", text)
        let id = try #require(answer["id"]?.string.flatMap { EventID($0) }, "\(name)")
        _ = try await running.delivery(of: id)
        ids.withLock { $0[name] = id }
    }

    private static func track(_ product: String) -> String {
        """
        {"type":"track","event":"Product Viewed","messageId":"golden-\(product)","userId":"1000",
         "timestamp":"2026-06-06T10:15:30Z","properties":{"product_id":"\(product)"},
         "context":{"consent":{"canonical":{"marketing":true}}}}
        """
    }

    func check(_ commands: [(name: String, arguments: [String])]) async throws {
        for (name, arguments) in commands {
            let isReading = !["send"].contains(arguments[0])
            let data = isReading ? ["--data", running.data] : []
            try await Golden.check(name, arguments + data)
        }
    }
}

/// One recorded output: what changes from run to run is replaced by placeholders.
private enum Golden {
    private static let environment = [
        "SLUICE_WRITE_KEY": "write-key", "VERO_AUTH_TOKEN": "your_vero_auth_token",
        "SLUICE_VERO_HOOK_TOKEN": Running.hookToken,
    ]
    private static let isRecording =
        ProcessInfo.processInfo.environment["SLUICE_GOLDEN"] == "record"

    /// Runs a command and compares the lines it prints, each a JSON value, with the recorded ones.
    static func check(_ name: String, _ command: [String]) async throws {
        // An export is one value over several lines; everything else is a value for each line.
        let isExport = command[0] == "export"
        let result = try await Program.run(
            command + (isExport ? [] : ["--json"]), environment: environment)
        let lines = result.output.split(separator: "\n").joined(separator: isExport ? "\n" : ",")
        let text = "[\(replacingWhatChanges(lines))]"
        let found = try JSONReader.read(text: text).root
        #expect(!found.elements.isEmpty, "\(name): \(result.errors)")
        let path = "Tests/ProgramTests/Files/golden/\(name).json"
        if isRecording {
            let file = URL(filePath: Fixtures.root + "/" + path)
            try Data((found.pretty() + "\n").utf8).write(to: file)
        }
        let golden = try JSONReader.read(try Fixtures.bytes(path)).root
        for difference in differences(found, golden, at: name) { Issue.record("\(difference)") }
    }

    /// Members that the golden value has are there with equal values; more may be there.
    private static func differences(
        _ found: JSONValue?, _ golden: JSONValue, at path: String
    ) -> [String] {
        guard let found else { return ["\(path) is missing"] }
        guard found.kind == golden.kind else { return ["\(path) is of another kind"] }
        switch golden.kind {
        case .object:
            return golden.members.flatMap { member in
                let key = member.key.string ?? ""
                return differences(found[key], member.value, at: "\(path).\(key)")
            }
        case .array:
            guard found.elements.count == golden.elements.count else {
                return ["\(path) has \(found.elements.count) elements"]
            }
            return zip(found.elements, golden.elements).enumerated().flatMap { index, pair in
                differences(pair.0, pair.1, at: "\(path)[\(index)]")
            }
        default:
            let isEqual = found.raw.elementsEqual(golden.raw)
            return isEqual ? [] : ["\(path): \(found.pretty()), not \(golden.pretty())"]
        }
    }

    private static func replacingWhatChanges(_ text: String) -> String {
        text.replacing(/(evt|dlv)_[0-9A-Za-z]+/) { "\($0.1)_1" }
            .replacing(/20[0-9-]{8}T[0-9:.]+Z/) { match in
                match.0.hasPrefix("2026-06-06T10") || match.0.hasPrefix("2015") ? match.0 : "NOW"
            }
            .replacing(/127\.0\.0\.1:[0-9]+/, with: "127.0.0.1:PORT")
            .replacing(/\((just now|[0-9]+ [a-z]+ ago|in [0-9a-z]+ [a-z]+)\)/, with: "(AGO)")
            .replacing(/"durationMs":[0-9]+/, with: "\"durationMs\":0")
            .replacing(/\ after [0-9]+ ms/, with: " after 0 ms")
            .replacing(/"(blueprintRevision|revision)":"[0-9a-f]+"/) { "\"\($0.1)\":\"REVISION\"" }
    }
}
