import Deliver
import Events
import JSON
import Log
import Map
import Request
import SluiceTesting
import Testing

@testable import sluice

/// A receiver that keeps what it gets and answers as told.
private final class Receiver: Sendable {
    let got = Locked<[String]>([])
    private let server: Locked<RawServer?>

    var url: String { server.withLock { $0?.url ?? "" } }

    init(_ answer: @escaping @Sendable (String) -> String) throws {
        let got = got
        server = Locked(
            try RawServer { connection in
                while let request = connection.readRequest() {
                    got.withLock { $0.append(request) }
                    connection.write(answer(request))
                }
            })
    }

    static func answer(_ body: String, status: String = "200 OK") -> String {
        "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\n"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }
}

extension String {
    fileprivate func header(_ name: String) -> String? {
        split(separator: "\r\n").lazy.compactMap { line -> String? in
            let parts = line.split(separator: ":", maxSplits: 1)
            return parts.count == 2 && parts[0].lowercased() == name
                ? String(parts[1].drop { $0 == " " }) : nil
        }.first
    }

    fileprivate var body: String {
        firstRange(of: "\r\n\r\n").map { String(self[$0.upperBound...]) } ?? ""
    }
}

@Suite struct `One webhook for several destinations` {
    @Test func `reaches a signed receiver and SendPulse, each with its own delivery`()
        async throws
    {
        let crm = try Receiver { _ in Receiver.answer("{}") }
        let pulse = try Receiver { request in
            if request.contains("/oauth/access_token") {
                return Receiver.answer("{\"access_token\":\"t-1\",\"expires_in\":3600}")
            }
            return Receiver.answer("{\"result\":true}")
        }
        let edit = { @Sendable (text: String) in
            text.replacing(
                "\"destinations\": {",
                with: """
                    "destinations": {
                      "crm": {"blueprint": "Blueprints/webhook.json", "parameters": {
                        "url": "\(crm.url)hook?key=s3cret", "authorization": "Bearer crm",
                        "signing_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_b2xkZXItc2VjcmV0LW9mLTI0LWJ5dGVz"}},
                      "sendpulse": {"blueprint": "Blueprints/sendpulse.json", "preset": "api",
                        "parameters": {"client_id": "id-1", "client_secret": "very-secret",
                          "api_url": "\(pulse.url.dropLast())"}},
                    """)
        }
        try await Running.with(editing: edit) { running in
            _ = try await running.hook(
                """
                {"type":"clicked","clicked_at":1435016238,
                 "user":{"id":1000,"email":"jane@example.com"},"campaign":{"id":987}}
                """)
            let event = try #require(try running.events(of: "1000").first?.event.id)
            for name in ["crm", "sendpulse"] {
                let delivery = try await running.delivery(of: event, to: name)
                #expect(delivery.row.state == .delivered, "\(name)")
                let shown = delivery.requests.map { $0.url.text + $0.body.text }.joined()
                #expect(!shown.contains("cret") && !shown.contains("t-1"))
            }
            let states = try running.log.deliveries(of: event).map { $0.id.destination }
            #expect(Set(states) == ["crm", "sendpulse", "vero"])
            try check(crm.got.withLock { $0 }, event)
            let requests = pulse.got.withLock { $0 }
            #expect(requests.count == 2)
            #expect(requests[0].body.contains("\"client_secret\":\"very-secret\""))
            #expect(requests[1].hasPrefix("POST /events/name/Email%20Link%20Clicked HTTP/1.1"))
            #expect(requests[1].header("authorization") == "Bearer t-1")
            #expect(requests[1].body.contains("\"email\":\"jane@example.com\""))
        }
    }

    private func check(_ requests: [String], _ event: EventID) throws {
        let request = try #require(requests.first)
        #expect(requests.count == 1 && request.hasPrefix("POST /hook?key=s3cret HTTP/1.1"))
        #expect(request.header("authorization") == "Bearer crm")
        #expect(request.header("webhook-id") == event.text)
        let time = try #require(request.header("webhook-timestamp"))
        var scheme = SignatureScheme()
        scheme.encoding = .base64
        scheme.prefix = "v1,"
        scheme.separator = " "
        scheme.secretEncoding = .base64
        scheme.secretPrefix = "whsec_"
        let message = Array("\(event.text).\(time).\(request.body)".utf8)
        let signature = try #require(request.header("webhook-signature"))
        #expect(signature.split(separator: " ").count == 2)
        for secret in [
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_b2xkZXItc2VjcmV0LW9mLTI0LWJ5dGVz",
        ] {
            #expect(scheme.valid(signature, for: message, secrets: [secret]) != nil)
        }
        #expect(scheme.valid(signature, for: message, secrets: ["whsec_b3RoZXI="]) == nil)
    }

    @Test func `goes to the address its event has, as a form, and nowhere without one`()
        async throws
    {
        let pulse = try Receiver { _ in Receiver.answer("{\"result\":true}") }
        let edit = { @Sendable (text: String) in
            text.replacing(
                "\"destinations\": {",
                with: """
                    "destinations": {
                      "sendpulse": {"blueprint": "Blueprints/sendpulse.json", "preset": "form",
                        "parameters": {"event_url": {"order_completed": "\(pulse.url)events/id/abc/7"}}},
                    """)
        }
        try await Running.with(editing: edit) { running in
            func send(_ name: String) async throws -> DeliveryDetail {
                let answer = try await running.post(
                    "/v1/track",
                    """
                    {"event":"\(name)","userId":"1000","properties":{"total":1.10,"note":"a b"},
                     "context":{"traits":{"email":"jane@example.com"}}}
                    """)
                let id = try #require(answer["id"]?.string.flatMap { EventID($0) })
                return try await running.delivery(of: id, to: "sendpulse")
            }
            #expect(try await send("Order Completed").row.state == .delivered)
            let other = try await send("Signed Up")
            #expect(other.row.reason == .noMapping)
            #expect(
                other.row.detail == "the parameter \"event_url\" has no value for \"Signed Up\"")
            let requests = pulse.got.withLock { $0 }
            #expect(requests.count == 1 && requests[0].hasPrefix("POST /events/id/abc/7 "))
            #expect(
                requests[0].header("content-type") == "application/x-www-form-urlencoded")
            #expect(
                requests[0].body
                    == "total=1.10&note=a%20b&email=jane%40example.com&user_id=1000")
        }
    }

    @Test func `holds nobody when the address of one event is wrong`() async throws {
        let pulse = try Receiver { request in
            Receiver.answer("{}", status: request.hasPrefix("POST /gone ") ? "403 No" : "200 OK")
        }
        let edit = { @Sendable (text: String) in
            text.replacing(
                "\"destinations\": {",
                with: """
                    "destinations": {
                      "sendpulse": {"blueprint": "Blueprints/sendpulse.json", "preset": "form",
                        "parameters": {"event_url": {"old": "\(pulse.url)gone",
                          "new": "\(pulse.url)here"}}},
                    """)
        }
        try await Running.with(schedule: Schedule(), editing: edit) { running in
            func send(_ name: String, _ user: Int) async throws -> EventID {
                let answer = try await running.post(
                    "/v1/track",
                    """
                    {"event":"\(name)","userId":"\(user)",
                     "context":{"traits":{"email":"u\(user)@example.com"}}}
                    """)
                return try #require(answer["id"]?.string.flatMap { EventID($0) })
            }
            let wrong = try await send("old", 0)
            let detail = try await running.delivery(of: wrong, to: "sendpulse") {
                $0.state == .retrying
            }
            #expect(detail.attempts[0].attempt.answerClass == .transient)
            #expect(detail.attempts[0].hint?.contains("The address for \"old\"") == true)
            for user in 1...5 {
                let id = try await send("new", user)
                let delivery = try await running.delivery(of: id, to: "sendpulse")
                #expect(delivery.row.state == .delivered)
            }
            #expect(try running.log.destinations().allSatisfy { $0.hold == nil })
        }
    }
}
