import Deliver
import Events
import JSON
import SluiceTesting
import Testing

@testable import sluice

@Suite struct `The reading commands` {
    @Test func `show no line that an event made up`() async throws {
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

    @Test func `say that there is no store yet`() async throws {
        let result = try await Program.run(["status", "--data", "/tmp/sluice-no-such-folder"])
        #expect(result.code == 1 && result.errors.contains("There is no store"))
    }

    @Test func `read the log in words and as JSON, beside the running server`() async throws {
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
}
