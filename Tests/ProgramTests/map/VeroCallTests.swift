import Deliver
import Events
import JSON
import Log
import SluiceTesting
import Testing

@testable import sluice

/// Method, path and body of each call, as Vero's own clients send them (facts: the recorded clients
/// of PyPI, PHP, Ruby and tracking.js agree on these).
@Suite struct `Each call to Vero` {
    @Test(arguments: [
        (
            "{\"type\":\"identify\",\"userId\":\"1\",\"traits\":{\"email\":\"a@b.co\",\"plan\":\"free\"},%}",
            "POST /users/track",
            "{\"id\":\"1\",\"email\":\"a@b.co\",\"data\":{\"plan\":\"free\"}}"
        ),
        (
            "{\"type\":\"track\",\"event\":\"Signed Up\",\"userId\":\"1\",\"properties\":{\"plan\":\"free\"},\"timestamp\":\"2026-06-06T10:15:30Z\",%}",
            "POST /events/track",
            "{\"identity\":{\"id\":\"1\"},\"event_name\":\"Signed up\",\"data\":{\"plan\":\"free\"},\"extras\":{\"source\":\"Datafly Signal\",\"created_at\":\"2026-06-06T10:15:30+0000\"}}"
        ),
        (
            "{\"type\":\"alias\",\"userId\":\"2\",\"previousId\":\"1\",%}", "PUT /users/reidentify",
            "{\"id\":\"1\",\"new_id\":\"2\"}"
        ),
        (
            "{\"type\":\"track\",\"event\":\"Unsubscribed\",\"userId\":\"1\"}",
            "POST /users/unsubscribe", "{\"id\":\"1\"}"
        ),
        (
            "{\"type\":\"track\",\"event\":\"Resubscribed\",\"userId\":\"1\",%}",
            "POST /users/resubscribe", "{\"id\":\"1\"}"
        ),
        (
            "{\"type\":\"track\",\"event\":\"User Deleted\",\"userId\":\"1\"}",
            "POST /users/delete",
            "{\"id\":\"1\"}"
        ),
    ])
    func `has Vero's method, path and body`(event: String, call: String, body: String) async throws
    {
        try await Running.with { running in
            let consent = "\"context\":{\"consent\":{\"marketing\":true}}"
            let answer = try await running.post(
                "/v1/events", event.replacing("%", with: consent))
            let id = try #require(answer["id"]?.string.flatMap { EventID($0) })
            #expect(try await running.delivery(of: id).row.state == .delivered)
            let line = try #require(running.ledger.first)
            let path = "\(line["method"]?.string ?? "") \(line["path"]?.string ?? "")"
            #expect(path == call.replacing(" /", with: " /api/v2/"))
            let expected = "{\"auth_token\":\"your_vero_auth_token\"," + body.dropFirst()
            #expect(
                line["body"]?.equals(try Fixtures.json(expected)) == true,
                "\(line["body"]?.pretty() ?? "")")
        }
    }

    @Test func `to tags follows the event's own call, in the same delivery`() async throws {
        try await Running.with(rules: ["500:1@\"add\""]) { running in
            let answer = try await running.post(
                "/v1/track",
                """
                {"event":"Signed Up","userId":"1","context":{"consent":{"marketing":true}},
                 "integrations":{"Vero":{"tags":{"add":["a"],"remove":["b"]}}}}
                """)
            let id = try #require(answer["id"]?.string.flatMap { EventID($0) })
            let detail = try await running.delivery(of: id)
            #expect(detail.row.state == .delivered)
            #expect(
                running.ledger.map { $0["path"]?.string } == [
                    "/api/v2/events/track", "/api/v2/users/tags/edit", "/api/v2/users/tags/edit",
                ], "a retry begins at the step that failed")
            let tags = try Fixtures.json(
                "{\"auth_token\":\"your_vero_auth_token\",\"id\":\"1\",\"add\":[\"a\"],\"remove\":[\"b\"]}"
            )
            #expect(running.ledger.last?["body"]?.equals(tags) == true)
            #expect(running.ledger.last?["method"]?.string == "PUT")
        }
    }

    @Test func `to tags that cannot be built does not keep the event's own call back`() async throws
    {
        try await Running.with { running in
            let id = String(repeating: "7", count: 300)
            let answer = try await running.post(
                "/v1/track",
                """
                {"event":"Signed Up","userId":"1","context":{"consent":{"marketing":true}},
                 "integrations":{"Vero":{"tags":{"id":"\(id)","add":["a"]}}}}
                """)
            let event = try #require(answer["id"]?.string.flatMap { EventID($0) })
            let detail = try await running.delivery(of: event)
            #expect(detail.row.state == .delivered && detail.requests.map(\.name) == ["track"])
        }
    }

    @Test func `that takes something away goes without consent`() async throws {
        try await Running.with { running in
            let answer = try await running.post(
                "/v1/track",
                """
                {"event":"Unsubscribe","userId":"1","context":{"consent":{"marketing":false}}}
                """)
            let id = try #require(answer["id"]?.string.flatMap { EventID($0) })
            #expect(try await running.delivery(of: id).row.state == .delivered)
        }
    }
}
