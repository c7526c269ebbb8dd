import Deliver
import Events
import JSON
import Log
import SluiceTesting
import Testing

@testable import sluice

private let environment = ["SLUICE_WRITE_KEY": "k", "VERO_AUTH_TOKEN": "t"]

@Suite struct `A configuration that is wrong` {
    /// The example with one text replaced, checked by the program.
    private func check(
        _ old: String, _ new: String, environment: [String: String] = environment
    ) async throws -> Program.Result {
        let folder = try TemporaryFolder()
        let example = try Fixtures.text("pipeline.example.json")
            .replacing("\"Blueprints/", with: "\"\(Fixtures.root)/Blueprints/")
        let text = example.replacing(old, with: new)
        try #require(text != example || old.isEmpty)
        let path = try folder.write(text, to: "pipeline.json")
        return try await Program.run(["check", path], environment: environment)
    }

    @Test(arguments: [
        ("\"listen\":", "\"listen\"", "pipeline.json:3:", "Expected ':' after the key."),
        (
            "\"enabled\": true", "\"enabeld\": true", "pipeline.json:39:7",
            "Did you mean \"enabled\"?"
        ),
        (
            "\"kind\": \"browser\"", "\"kind\": \"browsr\"", "pipeline.json:10:22",
            "Did you mean \"browser\"?"
        ),
        (
            "/Blueprints/vero.json", "/Blueprints/nothing.json", "pipeline.json:37:20",
            "cannot be read"
        ),
        (
            "\"preset\": \"default\"", "\"preset\": \"defalt\"", "pipeline.json:38:17",
            "Did you mean \"default\"?"
        ),
        (
            "\"auth_token\": \"${VERO_AUTH_TOKEN}\",", "", "pipeline.json:36:13",
            "The parameter \"auth_token\" has no value."
        ),
        (
            "\"missing\": \"deny\"", "\"missing\": \"maybe\"", "pipeline.json:45:56",
            "Known: \"allow\", \"deny\""
        ),
        (
            "${SLUICE_LISTEN:-127.0.0.1:8080}", "nowhere", "pipeline.json:3:13",
            "\"nowhere\" is no address."
        ),
        ("${SLUICE_ALLOW_PRIVATE:-}", "home", "pipeline.json:5:20", "\"home\" is no network."),
        (
            "\"in_flight\": 64", "\"in_flight\": 0", "pipeline.json:46:31",
            "whole number from 1 to 1024"
        ),
    ])
    func `is refused with file, line, column and what to do`(
        old: String, new: String, place: String, sentence: String
    ) async throws {
        let result = try await check(old, new)
        #expect(result.code == 1)
        #expect(result.errors.contains(place), "\(result.errors)")
        #expect(result.errors.contains(sentence), "\(result.errors)")
    }

    @Test func `names a data directory that leaves no room for the socket`() async throws {
        let folder = try TemporaryFolder()
        let long = folder.path + "/" + String(repeating: "d", count: 110)
        let result = try await Program.run(
            ["serve", "--mock-vero", "--config", "pipeline.example.json", "--data", long],
            environment: ["SLUICE_WRITE_KEY": "k", "SLUICE_LISTEN": "127.0.0.1:0"])
        #expect(result.code == 1 && result.errors.contains("bytes too long"), "\(result.errors)")
    }

    @Test func `names a variable that is not set`() async throws {
        let result = try await check("", "", environment: ["VERO_AUTH_TOKEN": "t"])
        #expect(result.code == 1 && result.errors.contains("SLUICE_WRITE_KEY is not set"))
    }

    @Test func `is refused when a blueprint would hash the email`() async throws {
        let folder = try TemporaryFolder()
        let blueprint = try Fixtures.text("Blueprints/vero.json").replacing(
            "\"identity.email\": \"identity.email\"",
            with: "\"identity.email\": {\"source\": \"identity.email\", \"transform\": \"sha256\"}")
        _ = try folder.write(blueprint, to: "vero.json")
        let pipeline = try Fixtures.text("pipeline.example.json")
            .replacing("\"Blueprints/vero.json", with: "\"vero.json").replacing(
                "\"Blueprints/", with: "\"\(Fixtures.root)/Blueprints/")
        let path = try folder.write(pipeline, to: "pipeline.json")
        let result = try await Program.run(["check", path], environment: environment)
        #expect(result.code == 1)
        #expect(
            result.errors.contains("vero.json:24:27: \"identity.email\" changes an email"),
            "\(result.errors)")
    }

    @Test func `is good when nothing is wrong`() async throws {
        let result = try await check("", "")
        #expect(result.code == 0 && result.output.contains("is good."))
    }

    @Test func `keeps the server from starting, and names the token and the stand-in`() async throws
    {
        let result = try await Program.run(
            ["serve", "--config", "pipeline.example.json"], environment: ["SLUICE_WRITE_KEY": "k"])
        #expect(result.code == 1)
        #expect(
            result.errors.contains("VERO_AUTH_TOKEN is not set")
                && result.errors.contains("--mock-vero"))
    }
}

@Suite struct `The command line` {
    @Test(arguments: [
        ["--help"], ["serve", "--help"], ["mock", "vero", "--help"], ["deliveries", "--help"],
        ["destination", "release", "--help"], ["--version"],
        ["--generate-completion-script", "bash"],
    ])
    func `explains itself with exit code 0`(arguments: [String]) async throws {
        let result = try await Program.run(arguments)
        #expect(result.code == 0 && !result.output.isEmpty)
    }

    @Test(arguments: [
        ["nonsense"], ["deliveries", "--state", "lost"], ["deliveries", "--limit", "0"], ["why"],
        ["delivery", "evt_1"], ["mock", "vero", "--fail", "often"],
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

    @Test func `shows no line that an event made up`() async throws {
        try await Running.with { running in
            let event = "{\"event\":\"x\\n2026 fake \\u001b[31m\",\"userId\":\"u\"}"
            let id = try #require(try await running.post("/v1/track", event)["id"]?.string)
            for command in [["deliveries"], ["why", id]] {
                let output = try await Program.run(command + ["--data", running.data]).output
                #expect(output.contains("x\\u{a}2026 fake \\u{1b}[31m"))
                #expect(!output.contains("\n2026 fake") && !output.contains("\u{1B}"))
            }
        }
    }

    @Test func `says that there is no store yet`() async throws {
        let result = try await Program.run(["status", "--data", "/tmp/sluice-no-such-folder"])
        #expect(result.code == 1 && result.errors.contains("There is no store"))
    }

    @Test func `reads the log in words and as JSON, beside the running server`() async throws {
        try await Running.with { running in
            let good = try await running.send("product-viewed")
            let bad = try await running.send("anonymous")
            _ = try await running.delivery(of: good)
            _ = try await running.delivery(of: bad)
            _ = try await running.post("/v1/track", "{\"userId\":\"u\"}")
            let data = ["--data", running.data]

            for id in [
                good.text, "dlv_\(good.code)_vero", "seed-product-viewed", "1000",
                "jane@example.com",
            ] {
                let why = try await Program.run(["why", id] + data)
                #expect(
                    why.code == 0 && why.output.contains("Delivered to vero"),
                    "\(id): \(why.errors)")
                #expect(
                    why.output.contains("not to Vero")
                        && why.output.contains("Consent: marketing was granted"))
            }
            let anonymous = try await Program.run(["why", bad.text] + data).output
            #expect(
                anonymous.contains("names no user")
                    && anonymous.contains("What to do: Send a user id"))
            #expect(try await Program.run(["why", "nobody"] + data).code == 1)

            let delivery = try await Program.run(["delivery", "dlv_\(good.code)_vero"] + data)
                .output
            #expect(delivery.contains("\"auth_token\": \"***\"") && delivery.contains("Attempt 1"))
            #expect(!delivery.contains("your_vero_auth_token") && !delivery.contains("\u{1B}["))
            let list = try await Program.run(["deliveries", "--reason", "anonymous"] + data).output
            #expect(list.contains("dlv_\(bad.code)_vero") && !list.contains(good.code))
            #expect(try await Program.run(["rejected"] + data).output.contains("event_not_defined"))

            for command in [
                ["why", good.text], ["deliveries"], ["delivery", "dlv_\(good.code)_vero"],
                ["rejected"],
                ["status"], ["destination", "list"], ["deliveries", "--state", "held"],
            ] {
                let result = try await Program.run(command + ["--json"] + data)
                #expect(result.code == 0)
                for line in result.output.split(separator: "\n") {
                    #expect(throws: Never.self) { try JSONReader.read(text: String(line)) }
                }
            }
        }
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
