import Deliver
import Events
import JSON
import Log
import SluiceTesting
import Testing

@testable import sluice

@Suite struct `The command line` {
    @Test(arguments: [
        ["--help"], ["serve", "--help"], ["mock", "vero", "--help"], ["deliveries", "--help"],
        ["destination", "release", "--help"], ["delivery", "cancel", "--help"], ["--version"],
        ["--generate-completion-script", "bash"],
    ])
    func `explains itself with exit code 0`(arguments: [String]) async throws {
        let result = try await Program.run(arguments)
        #expect(result.code == 0 && !result.output.isEmpty)
    }

    @Test(arguments: [
        ["nonsense"], ["deliveries", "--state", "lost"], ["deliveries", "--limit", "0"], ["why"],
        ["delivery", "evt_1"], ["delivery", "cancel", "evt_1"],
        ["mock", "vero", "--fail", "often"],
        ["mock", "vero", "--fail", "slow:inf"],
        ["serve", "--listen", "8080"], ["why", "x", "--limit=-1"],
        ["deliveries", "--since", "soon"],
    ])
    func `exits 2 when it is used wrongly, and says how it is used`(arguments: [String])
        async throws
    {
        let result = try await Program.run(arguments)
        #expect(result.code == 2 && result.output.isEmpty && !result.errors.isEmpty)
    }

    @Test func `refuses a pipeline file that was named and is not there`() async throws {
        let result = try await Program.run(["status", "--config", "/tmp/no-such-file.json"])
        #expect(result.code == 1 && result.errors.contains("cannot be read"))
    }

    @Test func `shows a held destination, exits 1, and releases it`() async throws {
        try await Running.with(rules: ["401"]) { running in
            let id = try await running.send("product-viewed")
            _ = try await running.delivery(of: id) { $0.hold != nil && $0.state == .queued }
            let data = ["--data", running.data]
            let status = try await Program.run(["status"] + data)
            #expect(status.code == 1 && status.output.contains("held"))
            #expect(status.output.contains("sluice destination release vero"))
            running.vero.set([])
            let release = try await Program.run(["destination", "release", "vero"] + data)
            #expect(release.code == 0 && release.output.contains("Released vero"))
            #expect(try await running.delivery(of: id).row.state == .delivered)
            #expect(try await Program.run(["status"] + data).code == 0)
            let unknown = try await Program.run(["destination", "release", "vera"] + data)
            #expect(unknown.code == 1 && unknown.errors.contains("Did you mean \"vero\"?"))
        }
    }

    @Test func `sends events from files`() async throws {
        try await Running.with { running in
            let files = ["Fixtures/events/identify.json", "Fixtures/events/page.json"]
            let result = try await Program.run(
                ["send", "--to", running.url] + files,
                environment: ["SLUICE_WRITE_KEY": "write-key"])
            #expect(result.code == 0 && result.output.contains("accepted as evt_"))
            let refused = try await Program.run(
                ["send", "--to", running.url, "--key", "wrong"] + files)
            #expect(refused.code == 1 && refused.output.contains("refused with 401"))
            let keyless = try await Program.run(["send", "--to", running.url] + files)
            #expect(keyless.code == 1 && keyless.errors.contains("SLUICE_WRITE_KEY"))
        }
    }

    @Test func `runs the demo to its end`() async throws {
        let result = try await Program.run(["demo"])
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.output.contains("The verdicts: 8 delivered, 1 failed, 4 filtered."))
    }

    @Test func `runs every blueprint's own tests`() async throws {
        let result = try await Program.run(["blueprint", "test", "Blueprints/vero.json"])
        #expect(result.code == 0 && result.output.contains("passed, 0 failed"))
    }
}
