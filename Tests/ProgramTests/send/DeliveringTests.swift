import Console
import Deliver
import Events
import JSON
import Log
import SluiceTesting
import Testing

@testable import sluice

@Suite struct `The main job` {
    @Test func `turns the seed's product view into the seed's request, value for value`()
        async throws
    {
        try await Running.with { running in
            let detail = try await running.delivery(of: try await running.send("product-viewed"))
            #expect(detail.row.state == .delivered && detail.row.status == 200)
            let line = try #require(running.ledger.first)
            #expect(
                line["method"]?.string == "POST" && line["path"]?.string == "/api/v2/events/track")
            let expected = try Fixtures.json(
                """
                {"auth_token":"your_vero_auth_token",
                 "identity":{"id":"1000","email":"jane@example.com"},"event_name":"Viewed product",
                 "data":{"product_id":"SKU-123","product_name":"Red T-shirt","category":"Apparel",
                  "price":29.99,"currency":"GBP","product_url":"https://example.com/products/red-t-shirt"},
                 "extras":{"source":"Datafly Signal","created_at":"2026-06-06T10:15:30+0000"}}
                """)
            #expect(line["body"]?.equals(expected) == true)
            #expect(detail.requests[0].body.text.contains("\"auth_token\":\"***\""))
        }
    }

    @Test(arguments: [
        ("page", "Viewed page"), ("signed-up", "Signed up"),
        ("products-searched", "Searched products"),
        ("product-viewed", "Viewed product"), ("product-added", "Added to cart"),
        ("checkout-started", "Started checkout"), ("order-completed", "Completed order"),
    ])
    func `delivers each of the seed's seven events under its Vero name`(
        fixture: String, name: String
    ) async throws {
        try await Running.with { running in
            let detail = try await running.delivery(of: try await running.send(fixture))
            #expect(detail.row.state == .delivered)
            #expect(running.ledger[0]["body"]?["event_name"]?.string == name)
        }
    }

    @Test(arguments: [
        ("anonymous", Reason.anonymous), ("hashed-email", .hashedEmail), ("no-consent", .consent),
        ("unmapped", .noMapping),
    ])
    func `filters with a reason and sends nothing`(fixture: String, reason: Reason) async throws {
        try await Running.with { running in
            let detail = try await running.delivery(of: try await running.send(fixture))
            #expect(detail.row.state == .filtered && detail.row.reason == reason)
            #expect(detail.attempts.isEmpty && detail.requests.isEmpty && running.ledger.isEmpty)
        }
    }

    @Test func `fails for good on a 400, with the answer kept`() async throws {
        try await Running.with(rules: ["400"]) { running in
            let detail = try await running.delivery(of: try await running.send("product-viewed"))
            #expect(detail.row.state == .failed && detail.row.reason == .refused)
            #expect(detail.attempts.count == 1 && detail.attempts[0].attempt.status == 400)
            #expect(detail.attempts[0].attempt.answer?.contains("told to answer 400") == true)
            #expect(detail.attempts[0].hint?.contains("Vero refused") == true)
        }
    }

    @Test func `holds Vero on a 401 with the token hint, and delivers after a release`()
        async throws
    {
        try await Running.with(rules: ["401"]) { running in
            let first = try await running.send("product-viewed")
            let second = try await running.send("signed-up")
            _ = try await eventually("the hold") {
                try running.log.destinations()[0].hold.map { _ in true }
            }
            let held = try await running.delivery(of: first) { $0.state == .queued }
            #expect(held.row.shownState == "held")
            #expect(held.row.advice?.contains("Settings → Project") == true)
            running.vero.set([])
            #expect(try await running.operations.release("vero"))
            #expect(try await running.delivery(of: first).row.state == .delivered)
            #expect(try await running.delivery(of: second).row.state == .delivered)
            #expect(try running.log.destinations()[0].hold == nil)
        }
    }

    @Test func `waits at least the 7 s that a 429 asks for`() async throws {
        try await Running.with(rules: ["429:7"], schedule: Schedule()) { running in
            let id = try await running.send("product-viewed")
            let detail = try await running.delivery(of: id) { $0.state == .retrying }
            let attempt = detail.attempts[0].attempt
            let end = attempt.startedAt + .milliseconds(attempt.duration ?? 0)
            #expect(attempt.status == 429 && attempt.answerClass == .throttle)
            let due = try #require(detail.row.nextDue)
            #expect(due.since(end) >= .seconds(7))
            #expect(detail.row.sentence(at: end).contains("asked for a pause. It is sent to again"))
        }
    }

    @Test func `delivers on attempt 4 after three times 500, with the same bytes`() async throws {
        try await Running.with(rules: ["500:3"]) { running in
            let detail = try await running.delivery(of: try await running.send("product-viewed"))
            #expect(detail.row.state == .delivered && detail.row.attempt == 4)
            #expect(detail.attempts.map(\.attempt.status) == [500, 500, 500, 200])
            let bodies = Set(
                running.ledger.compactMap {
                    $0["body"].map { String(decoding: $0.raw, as: UTF8.self) }
                })
            #expect(bodies.count == 1 && running.ledger.count == 4)
        }
    }

    @Test func `tries again when no answer came, and says that it may have arrived`() async throws {
        try await Running.with(rules: ["reset:1"]) { running in
            let detail = try await running.delivery(of: try await running.send("product-viewed"))
            #expect(detail.row.state == .delivered && detail.attempts.count == 2)
            #expect(detail.attempts[0].attempt.note?.contains("may have arrived") == true)
        }
    }

    @Test func `keeps a user's hundred events in order past a failing one, while another's go on`()
        async throws
    {
        try await Running.with(
            rules: ["500:2@\"n\":3}"],
            schedule: Schedule(
                delays: [.zero, .seconds(1), .seconds(1), .seconds(1)])
        ) { running in
            func event(_ user: String, _ number: Int) -> String {
                """
                {"type":"track","event":"Signed Up","userId":"\(user)","messageId":"\(user)-\(number)",
                 "context":{"consent":{"marketing":true}},"properties":{"plan":{"n":\(number)}}}
                """
            }
            let events =
                (1...100).map { event("slow", $0) } + (1...5).map { event("other", $0 + 1000) }
            let answer = try await running.post(
                "/v1/batch", "{\"batch\":[\(events.joined(separator: ","))]}")
            #expect(answer["accepted"]?.integer == 105)
            _ = try await eventually("everything to be delivered") {
                try running.log.destinations()[0].waiting == 0 ? true : nil
            }
            func numbers(_ user: String) -> [Int] {
                running.ledger.filter {
                    $0["body"]?["identity"]?["id"]?.string == user && $0["status"]?.integer == 200
                }
                .compactMap { $0["body"]?["data"]?["plan"]?["n"]?.integer }
            }
            var filter = DeliveryFilter(since: Timestamp(milliseconds: 0), limit: 200)
            filter.destination = "vero"
            for row in try running.log.deliveries(filter) where row.attempt > 1 {
                let attempts = try running.log.detail(row.id)?.attempts ?? []
                // Only an attempt without success may be followed by another.
                #expect(attempts.dropLast().allSatisfy { $0.attempt.status != 200 })
            }
            #expect(numbers("slow") == Array(1...100))
            #expect(numbers("other") == Array(1001...1005))
            let ledger = running.ledger
            let thirdDone = ledger.firstIndex {
                $0["body"]?["data"]?["plan"]?["n"]?.integer == 3 && $0["status"]?.integer == 200
            }
            let othersDone = ledger.lastIndex { $0["body"]?["identity"]?["id"]?.string == "other" }
            #expect(othersDone ?? .max < thirdDone ?? 0, "the other user did not wait")
        }
    }

    @Test func `looks at consent again before it sends what has waited`() async throws {
        try await Running.with(rules: ["401"]) { running in
            let id = try await running.send("product-viewed")
            _ = try await running.delivery(of: id) { $0.hold != nil && $0.state == .queued }
            let denial = """
                {"type":"identify","userId":"1000","context":{"consent":{"canonical":{"marketing":false}}}}
                """
            _ = try await running.post("/v1/identify", denial)
            running.vero.set([])
            _ = try await running.operations.release("vero")
            let detail = try await running.delivery(of: id)
            #expect(detail.row.state == .filtered && detail.row.reason == .consent)
            #expect(running.ledger.allSatisfy { $0["status"]?.integer == 401 })
        }
    }
}
