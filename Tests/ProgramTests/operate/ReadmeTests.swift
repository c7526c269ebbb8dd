import Events
import JSON
import SluiceTesting
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@testable import sluice

@Suite struct `The README` {
    private func blocks(_ tag: String) throws -> [String] {
        try Fixtures.text("README.md").split(separator: "```").compactMap { block in
            block.hasPrefix(tag + "\n") ? String(block.dropFirst(tag.count + 1)) : nil
        }
    }

    @Test func `says what it is in its first line, and two commands do the set-up`() throws {
        let text = try Fixtures.text("README.md")
        #expect(text.hasPrefix("# Sluice receives your events once and forwards them"))
        let setup = try blocks("sh setup")
        #expect(setup.count == 2)
        #expect(setup[0].hasSuffix("swift run sluice demo\n") && setup[1] == "swift test\n")
        let ci = try Fixtures.text(".ci/run")
        for package in ["libcurl4-openssl-dev", "libsqlite3-dev", "zlib1g-dev", "curl", "openssl"] {
            #expect(setup[0].contains(package) && ci.contains(package))
        }
        #expect(ci.contains("\nswift test\n"))
    }

    @Test func `shows commands that do what it says`() async throws {
        let folder = try TemporaryFolder()
        for name in ["Blueprints", "Fixtures", "pipeline.example.json"] {
            symlink("\(Fixtures.root)/\(name)", "\(folder.path)/\(name)")
        }
        let port = try { try RawServer { _ in }.port }()
        let commands = try blocks("sh").joined()
            .replacing("127.0.0.1:8080", with: "127.0.0.1:\(port)")
            .replacing("$PWD/.build/debug", with: Program.path.dropLast("/sluice".count))
        let script =
            "set -eu\ntrap 'kill -TERM %1 || true' ERR\nexport SLUICE_LISTEN=127.0.0.1:\(port)\n"
            + commands
            .replacing("sluice send ", with: "sluice send --to http://127.0.0.1:\(port) ")
            .replacing(
                "sluice source test ", with: "sluice source test --to http://127.0.0.1:\(port) ")
            + "\nkill -TERM %1\nwait %1\necho stopped with $?\n"
        let path = try folder.write(script, to: "readme.sh")
        let result = try await Program.run(
            ["-m", path], program: "/bin/bash", folder: folder.path)
        #expect(result.code == 0, "\(result.output)\n\(result.errors)")
        for sentence in [
            "{\"status\":\"ready\"}", "\"messageId\":\"seed-product-viewed\",\"duplicate\":false",
            "Fixtures/events/anonymous.json: accepted as evt_", "\"event_name\":\"Viewed product\"",
            "passed, 0 failed", "\"messageId\":\"sig_", "properties.url → data.product_url",
            "Nothing to complain about.", "Viewed product list", "Delivered to vero",
            "What to do: Send a user id", "stopped with 0", "Stored: unsubscribed in Vero on",
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

    @Test func `names every state and every reason that can be met`() throws {
        let text = try Fixtures.text("README.md")
        for state in [
            "queued", "sending", "retrying", "delivered", "filtered", "failed", "expired",
        ] {
            #expect(text.contains("`\(state)`"))
        }
    }

    @Test func `documents every variable of the example pipeline`() throws {
        let text = try Fixtures.text("README.md")
        for match in try Fixtures.text("pipeline.example.json").matches(of: /\$\{([A-Z_]+)/) {
            #expect(text.contains("`\(match.1)`"), "\(match.1)")
        }
    }
}
