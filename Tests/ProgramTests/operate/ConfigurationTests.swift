import SluiceTesting
import Testing

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

    private static let baseURL = "${VERO_BASE_URL:-https://api.getvero.com/api/v2}"

    @Test(arguments: [
        ("https://api.example .com", "a blank"), ("https://api.example.com\\n", "a line break"),
        ("https://api.example.com:99999", "its port is none"),
        ("ftp://api.example.com", "it begins with ftp://"), ("api.example.com", "does not begin"),
        ("http://127.0.0.1:8080", "private or local"),
        ("http://localhost:8080", "private or local"),
        ("https://10.0.0.1", "private or local"), ("http://api.example.com", "over plain http"),
        ("https://a\u{2060}pi.example.com", "invisible"), ("https://a..example.com", "its host"),
        ("https://api.example.com/v2?x=", "a ? or a # before its path"),
    ])
    func `has an address that nothing can be sent to`(url: String, words: String) async throws {
        let result = try await check(Self.baseURL, url)
        #expect(result.code == 1)
        #expect(result.errors.contains("pipeline.json:42:21"), "\(result.errors)")
        #expect(result.errors.contains(words), "\(result.errors)")
    }

    @Test(arguments: ["https://api.example.com/v2", "https://bücher.example", "https://8.8.8.8"])
    func `is no address in public`(url: String) async throws {
        let result = try await check(Self.baseURL, url)
        #expect(result.code == 0, "\(result.errors)")
    }

    @Test func `has an address for alerts that nothing can be sent to`() async throws {
        let result = try await check("${SLUICE_ALERTS_URL:-}", "http://127.0.0.1:9/alerts")
        #expect(result.code == 1)
        #expect(result.errors.contains("pipeline.json:7:21"), "\(result.errors)")
    }

    @Test func `has an address of one event that nothing can be sent to`() async throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(
            """
            {"sources": {}, "destinations": {
              "mail": {"blueprint": "\(Fixtures.root)/Blueprints/sendpulse.json",
                "parameters": {"client_id": "i", "client_secret": "s", "event_url": {
                  "Order Completed": "https://events.example/a",
                  "Signed Up": "https://events.example/a b"}}}}}
            """, to: "pipeline.json")
        let result = try await Program.run(["check", path])
        #expect(result.code == 1)
        #expect(result.errors.contains("pipeline.json:5:20"), "\(result.errors)")
        #expect(!result.errors.contains("pipeline.json:4"), "\(result.errors)")
        #expect(!result.errors.contains("events.example"), "an address may be a secret")
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
