import Events
import Foundation
import JSON
import SluiceTesting
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@testable import sluice

/// The README and the articles of the manual.
private enum Manual {
    static let folder = "Sources/sluice/Documentation.docc"

    /// The articles whose commands build on one another, in the order of a reader.
    static let course = [
        "GettingStarted", "Sending", "Mapping", "Webhooks", "ReadingTheLog", "People", "Operating",
    ]

    static let pages =
        ["README.md", ".github/CONTRIBUTING.md", ".github/SECURITY.md"]
        + (["Sluice", "Guarantees", "Speed", "Reference", "Architecture"] + course).map(article)

    static func article(_ name: String) -> String { "\(folder)/\(name).md" }

    /// All that the README and the manual say.
    static func text() throws -> String { try pages.map(Fixtures.text).joined(separator: "\n") }

    /// The code blocks of a page whose fence says `tag`.
    static func blocks(_ tag: String, of page: String) throws -> [String] {
        try Fixtures.text(page).split(separator: "```").compactMap { block in
            block.hasPrefix(tag + "\n") ? String(block.dropFirst(tag.count + 1)) : nil
        }
    }
}

@Suite struct `The README and the manual` {
    @Test func `say what it is in the first line, and two commands do the set-up`() throws {
        let text = try Fixtures.text("README.md")
        #expect(text.hasPrefix("# Sluice receives your events once and forwards them"))
        #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 160)
        let setup = try Manual.blocks("sh setup", of: "README.md")
        #expect(setup.count == 2)
        #expect(setup[0].hasSuffix("swift run sluice demo\n") && setup[1] == "swift test\n")
        #expect(
            try Manual.blocks("sh setup", of: Manual.article("GettingStarted")) == setup)
        let ci = try Fixtures.text(".ci/run")
        for package in ["libcurl4-openssl-dev", "libsqlite3-dev", "zlib1g-dev", "curl", "openssl"] {
            #expect(setup[0].contains(package) && ci.contains(package))
        }
        #expect(ci.contains("\nswift test\n"))
    }

    @Test func `show commands that do what the README says`() async throws {
        let result = try await run(try Manual.blocks("sh", of: "README.md"))
        for sentence in [
            "{\"status\":\"ready\"}", "\"messageId\":\"seed-product-viewed\",\"duplicate\":false",
            "properties.url → data.product_url", "Delivered to vero", "stopped with 0",
        ] {
            #expect(result.output.contains(sentence), "\(sentence) in \(result.output)")
        }
    }

    @Test func `show commands that do what the manual says`() async throws {
        let result = try await run(
            try Manual.course.flatMap { try Manual.blocks("sh", of: Manual.article($0)) })
        for sentence in [
            "{\"status\":\"ready\"}", "\"messageId\":\"seed-product-viewed\",\"duplicate\":false",
            "Fixtures/events/anonymous.json: accepted as evt_", "\"event_name\":\"Viewed product\"",
            "passed, 0 failed", "\"messageId\":\"sig_", "properties.url → data.product_url",
            "Nothing to complain about.", "Viewed product list", "Delivered to vero",
            "What to do: Send a user id", "stopped with 0",
            "Stored for user 7000: unsubscribed in Vero on",
            "Not sent to vero: this person must not be sent to (unsubscribed in Vero on",
            "It works. See what became of it", "0 kept: 0 became events",
            "body.user.id → user_id",
        ] {
            #expect(result.output.contains(sentence), "\(sentence) in \(result.output)")
        }
        #expect(
            result.errors.contains(
                "pipeline.example.json:41:23: The environment variable VERO_AUTH_TOKEN"))
    }

    /// Runs shell blocks in one session, on a port of their own, and stops the server they start.
    private func run(_ blocks: [String]) async throws -> Program.Result {
        let folder = try TemporaryFolder()
        for name in ["Blueprints", "Fixtures", "pipeline.example.json"] {
            symlink("\(Fixtures.root)/\(name)", "\(folder.path)/\(name)")
        }
        let port = try { try RawServer { _ in }.port }()
        let commands = blocks.joined()
            .replacing("127.0.0.1:8080", with: "127.0.0.1:\(port)")
            .replacing("$PWD/.build/debug", with: Program.path.dropLast("/sluice".count))
        let script =
            "set -eu\ntrap 'kill -TERM %1 || true' ERR\nexport SLUICE_LISTEN=127.0.0.1:\(port)\n"
            + commands
            .replacing("sluice send ", with: "sluice send --to http://127.0.0.1:\(port) ")
            .replacing(
                "sluice source test ", with: "sluice source test --to http://127.0.0.1:\(port) ")
            + "\nkill -TERM %1\nwait %1\necho stopped with $?\n"
        let path = try folder.write(script, to: "commands.sh")
        let result = try await Program.run(
            ["-m", path], program: "/bin/bash", folder: folder.path)
        #expect(result.code == 0, "\(result.output)\n\(result.errors)")
        return result
    }

    @Test func `name every state and every reason that can be met`() throws {
        let text = try Manual.text()
        for state in DeliveryState.allCases.map(\.rawValue) + ["held"] {
            #expect(text.contains("`\(state)`"), "\(state)")
        }
        for reason in Reason.allCases {
            #expect(text.contains("`\(reason.rawValue)`"), "\(reason)")
        }
    }

    @Test func `document every variable of the example pipeline`() throws {
        let text = try Manual.text()
        for match in try Fixtures.text("pipeline.example.json").matches(of: /\$\{([A-Z_]+)/) {
            #expect(text.contains("`\(match.1)`"), "\(match.1)")
        }
    }

    @Test func `document every key of a pipeline and every metric`() throws {
        let text = try Manual.text()
        let schema = try Fixtures.json(try Fixtures.text("Blueprints/pipeline.schema.json"))
        let shapes = [schema] + (schema[JSONKey("$defs")]?.members.map(\.value) ?? [])
        let properties = JSONKey("properties")
        let keys = shapes.flatMap { $0[properties]?.members.compactMap(\.key.string) ?? [] }
        // The keys of signatures are described by the schema, which names a service for each.
        let described =
            ["$schema", "scheme", "header", "prefix", "signed", "encoding", "separator"]
            + ["secret_encoding", "secret_prefix", "timestamp", "source", "is"]
        #expect(keys.count > 40)
        for key in keys where !described.contains(key) {
            #expect(text.contains("`\(key)`"), "\(key)")
        }
        let program = sourceFiles().filter { $0.hasPrefix("Sources/") && $0.hasSuffix(".swift") }
        let metrics = try program.flatMap {
            try Fixtures.text($0).matches(of: /"(sluice_[a-z_]+)"/).map { String($0.1) }
        }
        #expect(metrics.count > 10)
        for metric in metrics { #expect(text.contains("`\(metric)`"), "\(metric)") }
    }

    @Test func `have links that lead somewhere, and name files that are there`() throws {
        let names = Set(
            sourceFiles().map { $0.split(separator: "/").last.map(String.init) ?? "" }
                + ["Package.swift"])
        for page in Manual.pages {
            let folder = page.split(separator: "/").dropLast().joined(separator: "/")
            let text = try Fixtures.text(page)
            for match in text.matches(of: /\]\(([^):#]+)(?:#[^)]*)?\)/) {
                let path = "\(Fixtures.root)/\(folder)/\(match.1)"
                #expect(access(path, R_OK) == 0, "\(page): \(match.1)")
            }
            for match in text.matches(of: /`([A-Za-z+]+\.swift)`/) {
                let isThere = names.contains(String(match.1))
                #expect(isThere, "\(page): \(match.1)")
            }
            for match in text.matches(
                of: /`((?:Sources|Tests|Blueprints|Fixtures|\.ci)\/[A-Za-z.\/-]+)/)
            {
                #expect(access("\(Fixtures.root)/\(match.1)", R_OK) == 0, "\(page): \(match.1)")
            }
        }
    }

    /// The paths of all that lies in the folders of the sources and the tests.
    private func sourceFiles() -> [String] {
        ["Sources", "Tests"].flatMap { folder in
            let all = FileManager.default.enumerator(atPath: "\(Fixtures.root)/\(folder)")
            return all?.compactMap { $0 as? String }.map { "\(folder)/\($0)" } ?? []
        }
    }
}
