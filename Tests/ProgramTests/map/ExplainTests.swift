import Deliver
import Events
import JSON
import Log
import Map
import Pipeline
import SluiceTesting
import Testing

@testable import sluice

private let environment = ["SLUICE_WRITE_KEY": "k"]

/// Twelve properties; Vero's default preset maps five of them for a product view.
private let event = """
    {"type":"track","event":"Product Viewed","userId":"1000","timestamp":"2026-06-06T10:15:30Z",
     "context":{"consent":{"marketing":true}},"properties":{"product_id":"SKU","name":"Shirt",
     "price":1.10,"currency":"GBP","url":"https://x.co","p1":1,"p2":"two","p3":true,"p4":null,
     "p5":[5],"p6":{"six":6},"p7":7.70}}
    """

@Suite struct `Explaining an event` {
    private func explain(_ text: String, blueprint: String? = nil) async throws -> JSONValue {
        let folder = try TemporaryFolder()
        var path = Fixtures.root + "/Blueprints/vero.json"
        if let blueprint { path = try folder.write(blueprint, to: "vero.json") }
        let pipeline = try Fixtures.text("pipeline.example.json")
            .replacing("Blueprints/vero.json", with: path).replacing(
                "\"Blueprints/", with: "\"\(Fixtures.root)/Blueprints/")
        let config = try folder.write(pipeline, to: "pipeline.json")
        let file = try folder.write(text, to: "event.json")
        let result = try await Program.run(
            ["explain", file, "--config", config, "--json"], environment: environment)
        #expect(result.code == 0, "\(result.errors)")
        return try #require(try Fixtures.json(result.output)["destinations"]?.elements.first)
    }

    @Test func `shows the way of each property, and the line that would map each other`()
        async throws
    {
        let outcome = try await explain(event)
        let mapped = (outcome["mapped"]?.elements ?? []).filter {
            $0["source"]?.string?.hasPrefix("properties.") == true
        }
        #expect(mapped.count == 5)
        #expect(mapped.contains { $0["target"]?.string == "data.product_url" })
        let lines = (outcome["unmapped"]?.elements ?? []).compactMap { $0["line"]?.string }
        #expect(lines.count == 7 && lines[0] == "\"data.p1\": \"properties.p1\"")

        // Pasted in, the blueprint is still good, and all twelve arrive.
        let old = "\"data.product_id\": \"properties.product_id\","
        var pasted = try Fixtures.text("Blueprints/vero.json")
        let plan = try #require(pasted.firstRange(of: "\"Product Viewed\": {"))
        let place = try #require(pasted[plan.upperBound...].firstRange(of: old))
        pasted.replaceSubrange(place, with: old + lines.joined(separator: ",\n") + ",")
        let again = try await explain(event, blueprint: pasted)
        #expect(again["unmapped"]?.elements.isEmpty == true)
        let data = again["requests"]?.elements.first?["body"]?["data"]
        #expect(data?.members.count == 12)
        #expect(data?["p7"]?.numberText == "7.70" && data?["p4"]?.isNull == true)
        #expect(Blueprint.lint(file: "vero.json", bytes: Array(pasted.utf8)).isEmpty)
        let changed = try Blueprint.read(file: "vero.json", bytes: Array(pasted.utf8))
        let failures = changed.tests.compactMap { BlueprintTestRun.failure(of: $0, in: changed) }
        #expect(failures.isEmpty)
    }

    @Test func `shows the verdict and what to do when it would not be sent`() async throws {
        let outcome = try await explain(try Fixtures.text("Fixtures/events/hashed-email.json"))
        #expect(outcome["verdict"]?.string == "filtered")
        #expect(outcome["reason"]?.string == "hashed_email" && outcome["hint"] != nil)
    }

    @Test func `shows no secret, and needs none`() async throws {
        let result = try await Program.run(
            [
                "explain", "Fixtures/events/product-viewed.json", "--config",
                "pipeline.example.json",
            ], environment: ["VERO_AUTH_TOKEN": "s3cret-token"])
        #expect(result.code == 0 && result.output.contains("\"auth_token\": \"***\""))
        #expect(!result.output.contains("s3cret"))
    }

    @Test func `knows what is stored about the person by now`() async throws {
        try await Running.with { running in
            let id = try await running.send("product-viewed")
            _ = try await running.delivery(of: id)
            let denial = """
                {"userId":"1000","context":{"consent":{"marketing":false}}}
                """
            _ = try await running.post("/v1/identify", denial)
            let result = try await Program.run(
                [
                    "explain", id.text, "--config", "pipeline.example.json", "--data", running.data,
                    "--json",
                ], environment: environment)
            let outcome = try Fixtures.json(result.output)["destinations"]?.elements.first
            #expect(outcome?["reason"]?.string == "consent")
        }
    }

    @Test func `takes a stored event by its id`() async throws {
        try await Running.with { running in
            let id = try await running.send("product-viewed")
            let result = try await Program.run(
                [
                    "explain", id.text, "--config", "pipeline.example.json", "--data", running.data,
                ], environment: environment)
            #expect(result.code == 0 && result.output.contains("properties.url → data.product_url"))
        }
    }
}

@Suite struct `Linting a blueprint` {
    private func lint(_ old: String, _ new: String) throws -> String {
        let text = try Fixtures.text("Blueprints/vero.json")
        let changed = text.replacing(old, with: new, maxReplacements: 1)
        try #require(changed != text)
        return Blueprint.lint(file: "vero.json", bytes: Array(changed.utf8)).map(\.description)
            .joined(separator: "\n")
    }

    @Test(arguments: [
        (
            "\"identity.email\": \"identity.email\"",
            "\"identity.email\": {\"source\": \"identity.email\", \"transform\": \"sha256\"}",
            "changes an email"
        ),
        (
            "\"identity.id\": \"identity.user_id\"",
            "\"identity.id\": [\"identity.user_id\", \"anonymous_id\"]",
            "would send an anonymous id as an id"
        ),
        (
            "\"require\": {\"any\": [\"identity.id\", \"identity.email\"]},", "",
            "maps an identity and does not require it"
        ),
        (
            "\"vendor_event_name\": \"Viewed product\"", "\"vendor_evnt_name\": \"Viewed product\"",
            "Did you mean \"vendor_event_name\"?"
        ),
        ("\"transform\": \"date\"", "\"transform\": \"dat\"", "Did you mean \"date\"?"),
        (
            "\"event_name\": \"vendor_event_name\"",
            "\"event_name\": \"vendor_event_name\", \"event_name\": \"event\"",
            "\"event_name\" stands twice"
        ),
        (
            "{\"data.name\": \"name\", \"data.category\": [\"properties.category\", \"category\"]}",
            "{}",
            "are empty"
        ),
        (
            "{\"data.name\": \"name\", \"data.category\": [\"properties.category\", \"category\"]}",
            "{\"data.name\": {\"value\": {}}}", "always an empty object"
        ),
    ])
    func `finds`(old: String, new: String, message: String) throws {
        let said = try lint(old, new)
        #expect(said.contains(message), "\(said)")
        let place = /vero\.json:[0-9]+:[0-9]+:/
        #expect(said.contains(place))
    }

    @Test func `has nothing to say about what is shipped`() async throws {
        let result = try await Program.run(["blueprint", "lint", "Blueprints/vero.json"])
        #expect(result.code == 0 && result.output == "Nothing to complain about.\n")
        let show = try await Program.run(
            ["blueprint", "show", "Blueprints/vero.json", "--preset", "retail"])
        #expect(show.code == 0 && show.output.contains("Viewed product list"))
    }
}
