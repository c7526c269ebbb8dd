import Console
import Deliver
import Events
import JSON
import Log
import SQLiteStore
import SluiceTesting
import Store
import Testing

@testable import sluice

@Suite struct `An operator` {
    @Test func `reads counts for Prometheus, and nothing of what events said`() async throws {
        try await Running.with { running in
            let id = try await running.send("product-viewed")
            _ = try await running.delivery(of: id)
            _ = try await running.send("anonymous")
            let routes = MetricsRoutes(
                store: running.server.store, log: running.log, clock: .system, data: running.data)
            let text = try await eventually("both to be counted") {
                let text = try routes.text()
                return text.contains("reason=\"anonymous\"") ? text : nil
            }
            for line in [
                "sluice_events_accepted_total{source=\"backend\"} 2",
                "sluice_deliveries_total{destination=\"vero\",state=\"delivered\",reason=\"\"} 1",
                "sluice_deliveries_total{destination=\"vero\",state=\"filtered\",reason=\"anonymous\"} 1",
                "sluice_attempts_total{destination=\"vero\",class=\"delivered\"} 1",
                "sluice_delivery_seconds_count{destination=\"vero\"} 1",
                "sluice_deliveries_waiting{destination=\"vero\"} 0", "sluice_store_takes_events 1",
                "# TYPE sluice_delivery_seconds histogram",
            ] {
                #expect(text.contains(line + "\n"), "\(line) in \(text)")
            }
            #expect(!text.contains("jane") && !text.contains("Product"))
            #expect(try await running.request("GET", "/metrics").status == 404)
        }
    }

    @Test func `can hold, look, and end what waits; the history says so`() async throws {
        try await Running.with { running in
            let data = ["--data", running.data]
            let held = try await Program.run(
                ["destination", "hold", "vero", "--reason", "maintenance"] + data)
            #expect(held.code == 0, "\(held.errors)")
            let id = try await running.send("product-viewed")
            let status = try await Program.run(["status"] + data)
            #expect(status.code == 1 && status.output.contains("maintenance"))
            let asked = try await Program.run(["destination", "drop", "vero"] + data)
            #expect(asked.output.contains("1 deliveries wait for vero"))
            let dropped = try await Program.run(["destination", "drop", "vero", "--yes"] + data)
            #expect(dropped.output.contains("1 deliveries to vero were cancelled."))
            let delivery = try await running.delivery(of: id)
            #expect(delivery.row.state == .cancelled && delivery.row.reason == .dropped)
            _ = try await Program.run(["destination", "release", "vero"] + data)
            let next = try await running.send("page")
            #expect(try await running.delivery(of: next).row.state == .delivered)
            #expect(running.ledger.count == 1)
        }
    }

    @Test func `can end one delivery that waits, and no other`() async throws {
        try await Running.with(rules: ["401"]) { running in
            let data = ["--data", running.data]
            let id = try await running.send("product-viewed")
            let waiting = try await running.delivery(of: id) {
                $0.hold != nil && $0.state == .queued
            }
            let delivery = waiting.row.id.text
            let cancelled = try await Program.run(["delivery", "cancel", delivery] + data)
            #expect(cancelled.code == 0 && cancelled.output.contains("is cancelled"))
            #expect(try await running.delivery(of: id).row.state == .cancelled)
            let again = try await Program.run(["delivery", "cancel", delivery] + data)
            #expect(again.code == 1 && again.errors.contains("It has ended already"))
            let shown = try await Program.run(["delivery", delivery] + data)
            #expect(shown.output.contains("cancelled"), "the command without a word shows it")
            let other = DeliveryID(event: EventID(number: 5), destination: "vero").text
            let unknown = try await Program.run(["delivery", "cancel", other] + data)
            #expect(unknown.code == 1 && unknown.errors.contains("There is no delivery"))
        }
    }

    @Test func `is told when everything is refused, and status exits 1 until something is taken`()
        async throws
    {
        try await Running.with(rules: ["400"]) { running in
            let data = ["--data", running.data]
            func send(_ number: Int) async throws -> DeliveryDetail {
                let answer = try await running.post(
                    "/v1/track",
                    """
                    {"event":"Product Viewed","userId":"u\(number)",
                     "context":{"consent":{"marketing":true}},"properties":{"product_id":"p"}}
                    """)
                let id = try #require(answer["id"]?.string.flatMap { EventID($0) })
                return try await running.delivery(of: id)
            }
            for number in 1...20 { #expect(try await send(number).row.state == .failed) }
            _ = try await eventually("twenty to be known") {
                try running.log.destinations()[0].isRefusing ? true : nil
            }
            let status = try await Program.run(["status"] + data)
            #expect(status.code == 1 && status.output.contains("refused the last 20 deliveries"))
            running.vero.set([])
            #expect(try await send(21).row.state == .delivered)
            _ = try await eventually("the success to be known") {
                try running.log.destinations()[0].isRefusing ? nil : true
            }
            #expect(try await Program.run(["status"] + data).code == 0)
        }
    }

    @Test func `sees why no events are taken, and the status exits 1`() async throws {
        let edit = { (text: String) in
            text.replacing(
                "\"allow_private\"", with: "\"store\": {\"queue\": 1}, \"allow_private\"")
        }
        try await Running.with(editing: edit) { running in
            let data = ["--data", running.data]
            let operations = running.operations
            try await operations.hold("vero", because: "maintenance")
            _ = try await running.send("product-viewed")
            _ = try await eventually("the pressure to be shown") {
                try running.log.server().pressure
            }
            let status = try await Program.run(["status"] + data)
            #expect(status.code == 1)
            #expect(status.output.hasPrefix("No events are taken since "), "\(status.output)")
            #expect(status.output.contains("(queue_full): 1 deliveries wait for vero"))
            _ = try await operations.release("vero")
            _ = try await eventually("the end to be shown") {
                try running.log.server().pressure == nil ? true : nil
            }
            #expect(try await Program.run(["status"] + data).code == 0)
        }
    }

    @Test func `is refused by the server in words, and has it check and copy its store`()
        async throws
    {
        try await Running.with { running in
            let operations = running.operations
            let unknown = await #expect(throws: Problem.self) {
                try await operations.hold("verro", because: "a test")
            }
            #expect(
                unknown?.code == "no_such_destination" && unknown?.hint.contains("vero") == true)
            let source = await #expect(throws: Problem.self) {
                try await operations.reprocess("nothing", number: nil)
            }
            #expect(source?.code == "no_such_source")
            let busy = await #expect(throws: Problem.self) { try await operations.compact() }
            #expect(busy?.code == "data_directory_in_use")
            #expect(try await operations.check() == [])
            let copy = running.data + "/copy.db"
            try await operations.backup(to: copy)
            let again = await #expect(throws: Problem.self) {
                try await operations.backup(to: copy)
            }
            #expect(again?.code == "file_exists")
        }
    }

    @Test func `is told once when a destination is held, with what helps`() async throws {
        let told = Locked<[String]>([])
        let server = try RawServer { connection in
            while let request = connection.readRequest() {
                told.withLock { $0.append(request) }
                connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let url = server.url
        try await Running.with(
            rules: ["401"],
            editing: { $0.replacing("${SLUICE_ALERTS_URL:-}", with: url) }
        ) { running in
            for name in ["product-viewed", "page", "signed-up"] {
                _ = try await running.send(name)
            }
            let text = try await eventually("the alert") { told.withLock(\.first) }
            #expect(
                text.contains("\"alert\":\"held\"") && text.contains("sluice destination release"))
            #expect(text.contains("\"delivery\":\"dlv_"))
            #expect(
                text.contains("vero (127.0.0.1:") && text.contains("is held since")
                    && text.contains("nothing is lost"), "the words of the status")
            let id = try await running.send("checkout-started")
            #expect(try running.log.deliveries(of: id)[0].state == .queued)
            #expect(told.withLock { $0.count } == 1)
        }
    }
}
