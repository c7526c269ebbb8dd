import Deliver
import Events
import JSON
import Log
import Map
import Request
import SluiceTesting
import Testing

@testable import sluice

@Suite struct `A destination that is tested` {
    /// Runs `destination test` against a receiver that answers so; nil when nothing listens.
    private func run(
        _ answer: String?, allow: String = "127.0.0.1/32"
    ) async throws -> Program.Result {
        let server = try answer.map { try RawServer.answering($0) }
        let folder = try TemporaryFolder()
        let path = try folder.write(
            """
            {"allow_private": "\(allow)", "sources": {}, "destinations": {
              "crm": {"blueprint": "\(Fixtures.root)/Blueprints/webhook.json",
                "limits": {"total_timeout": 1},
                "parameters": {"url": "\(server?.url ?? "http://127.0.0.1:1/")canary"}}}}
            """, to: "pipeline.json")
        let result = try await Program.run(
            ["destination", "test", "crm", "--config", path, "--data", folder.path + "/data"])
        withExtendedLifetime((server, folder)) {}
        return result
    }

    private static func answer(_ status: String, _ body: String = "{}") -> String {
        "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static let cases: [(String?, TestOutcome, Int32)] = [
        (answer("200 OK"), .ok, 0), (answer("200 OK", "fine"), .notJSON, 0),
        (answer("204 No Content", ""), .notJSON, 0),
        (answer("302 Found\r\nLocation: https://elsewhere.example/"), .redirected, 1),
        (answer("401 Unauthorized"), .verificationFailed, 1),
        (answer("500 Oh"), .wrongStatus, 1), (nil, .noConnection, 1),
        ("HTTP/1.1 200 OK\r\nX-", .timedOut, 1), ("", .timedOut, 1),
    ]

    @Test(arguments: cases) func `shows request, answer and what they mean`(
        answer: String?, outcome: TestOutcome, code: Int32
    ) async throws {
        let result = try await run(answer)
        #expect(result.code == code, "\(result.errors)")
        #expect(result.output.contains("\n\(outcome.rawValue): "), "\(result.output)")
        #expect(result.output.contains("\"event\": \"Product Viewed\""))
        #expect(!result.output.contains("canary"), "the address is a secret")
    }

    @Test func `is not said to be tried again by itself`() async throws {
        let result = try await run(Self.answer("500 Oh"))
        #expect(result.output.contains("This was a single test: run it again later."))
        #expect(!result.output.contains("on schedule"))
    }

    @Test func `is not reached at a private address that the pipeline does not allow`()
        async throws
    {
        let result = try await run(Self.answer("200 OK"), allow: "")
        #expect(result.code == 1 && result.errors.contains("pipeline.json:4:"))
        #expect(result.errors.contains("private or local") && !result.output.contains("canary"))
        #expect(result.errors.contains("allow_private"))
    }
}

@Suite struct `A destination that redirects` {
    @Test func `shows no secret of the pipeline in the place it leads to`() async throws {
        let server = try RawServer.answering(
            "HTTP/1.1 302 Found\r\nLocation: https://u:p@open-sesame.example/x\r\nContent-Length: 0\r\n\r\n"
        )
        let folder = try TemporaryFolder()
        let path = try folder.write(
            """
            {"allow_private": "127.0.0.1/32", "sources": {}, "destinations": {
              "crm": {"blueprint": "\(Fixtures.root)/Blueprints/webhook.json",
                "parameters": {"url": "\(server.url)", "authorization": "Bearer open-sesame"}}}}
            """, to: "pipeline.json")
        let result = try await Program.run(
            ["destination", "test", "crm", "--config", path, "--data", folder.path + "/data"])
        #expect(result.output.contains("redirects to ***.example;"), "\(result.output)")
        #expect(!result.output.contains("open-sesame"))
    }
}

@Suite struct `The advice of a blueprint` {
    @Test(arguments: ["vero", "webhook", "sendpulse"])
    func `does not speak of the release, which the log adds`(name: String) throws {
        let path = "Blueprints/\(name).json"
        let blueprint = try Blueprint.read(file: path, bytes: try Fixtures.bytes(path))
        let fixes = blueprint.answers.map(\.fix)
        #expect(!fixes.isEmpty && fixes.allSatisfy { !$0.contains("release") }, "\(fixes)")
        let general = (300...599).map { status in
            Classifier().judge(
                .answer(.init(status: status)), rules: [],
                missingBefore: Classifier.missingInARow
            ).fix
        }
        #expect(general.allSatisfy { $0?.contains("release") != true })
    }
}

@Suite struct `A source that is tested` {
    @Test func `gets a sample as the service would send it`() async throws {
        try await Running.with { running in
            func test(_ name: String, _ environment: [String: String]) async throws
                -> Program.Result
            {
                try await Program.run(
                    [
                        "source", "test", name, "--to", running.url, "--config",
                        "pipeline.example.json",
                    ], environment: environment)
            }
            let good = try await test("vero", ["SLUICE_VERO_HOOK_TOKEN": Running.hookToken])
            #expect(good.code == 0 && good.output.contains("It works."), "\(good.errors)")
            #expect(!good.output.contains(Running.hookToken))
            #expect(try running.events(of: "123").first?.event.name == "Email Delivered")
            let other = try await test(
                "vero", ["SLUICE_VERO_HOOK_TOKEN": "fedcba9876543210fedcba9876543210"])
            #expect(other.code == 1 && other.output.contains("another token"))
            let off = try await test("vero", [:])
            #expect(off.code == 1 && off.errors.contains("no token is set"))
            let backend = try await test("backend", ["SLUICE_WRITE_KEY": "write-key"])
            #expect(backend.code == 0 && backend.output.contains("It works."))
        }
    }
}
