import Deliver
import Events
import JSON
import Log
import SluiceTesting
import Testing

@testable import sluice

private let environment = ["SLUICE_WRITE_KEY": "k"]

/// A product view with a property that the default preset does not map.
private let event = """
    {"type":"track","event":"Product Viewed","userId":"1000","timestamp":"2026-06-06T10:15:30Z",
     "context":{"consent":{"marketing":true}},"properties":{"product_id":"SKU","p2":"two"}}
    """

/// Each row of the table in Datafly's page on Vero: the symptom, provoked, and the cause and fix told.
@Suite struct `The troubleshooting table` {
    @Test func `400: the event had no identity`() async throws {
        try await Running.with { running in
            let id = try await running.send("anonymous")
            _ = try await running.delivery(of: id)
            let why = try await Program.run(["why", id.text, "--data", running.data]).output
            #expect(why.contains("names no user") && why.contains("Send a user id, or an email"))
        }
    }

    @Test(arguments: [401, 403])
    func `401 and 403: the token is wrong or the project inactive`(status: Int) async throws {
        try await Running.with(rules: ["\(status)"]) { running in
            let id = try await running.send("product-viewed")
            _ = try await running.delivery(of: id) { $0.hold != nil && $0.state == .queued }
            let why = try await Program.run(["why", id.text, "--data", running.data]).output
            #expect(why.contains("The Authentication Token is wrong or the project is inactive."))
            #expect(why.contains("Copy the token again from Vero: Settings → Project"))
        }
    }

    @Test func `event not on the profile: the blueprint maps no such event`() async throws {
        try await Running.with { running in
            let id = try await running.send("unmapped")
            _ = try await running.delivery(of: id)
            let why = try await Program.run(["why", id.text, "--data", running.data]).output
            #expect(
                why.contains("maps no event of this name") && why.contains("Add the event under"))
        }
    }

    @Test func `properties missing: they are not mapped, and the line to add is shown`()
        async throws
    {
        let folder = try TemporaryFolder()
        let file = try folder.write(event, to: "event.json")
        let output = try await Program.run(
            ["explain", file, "--config", "pipeline.example.json"], environment: environment
        ).output
        #expect(
            output.contains("Went nowhere") && output.contains("\"data.p2\": \"properties.p2\""))
    }

    @Test func `workflow not triggering: the name Vero gets is shown`() async throws {
        let output = try await Program.run(
            ["explain", "Fixtures/events/product-added.json", "--config", "pipeline.example.json"],
            environment: environment
        ).output
        #expect(output.contains("vendor_event_name → event_name  \"Added to cart\""))
    }
}
