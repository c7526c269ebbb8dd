import Console
import Deliver
import Events
import Hummingbird
import JSON
import Request
import SluiceTesting
import Store
import Testing

@Suite struct `An order given over the API` {
    private static let delivery = DeliveryID(event: EventID(number: 77), destination: "vero")

    @Test func `arrives as it was given, and its answer comes back`() async throws {
        let told = ToldOperations()
        try await Served.api(told) { served in
            let client = served.client()
            try await client.hold("vero", because: "maintenance \"there\"")
            #expect(try await client.release("vero"))
            try await client.probe("vero")
            #expect(try await client.drop("crm-2") == 7)
            try await client.cancel(Self.delivery)
            var order = ReplayOrder(
                deliveries: [Self.delivery], asWas: true, perSecond: 0.5, reason: "state failed")
            order.first = 500
            let outcome = try await client.replay(order)
            #expect((outcome.queued, outcome.filtered, outcome.refused) == (3, 2, 1))
            let answers = [
                ConsentChoice(category: "marketing", isGranted: false),
                ConsentChoice(category: "analytics", isGranted: true),
            ]
            let change = try await client.setConsent(of: "j@x.se", to: answers, lifting: true)
            #expect(change == PersonChange(identifiers: 2, isKnown: true))
            let stopped = try await client.suppress("jane", because: "by phone")
            #expect(stopped == PersonChange(identifiers: 1, isKnown: false))
            #expect(try await client.liftSuppression(of: "jane").identifiers == 3)
            #expect(try await client.allowAgain("jane").isKnown == false)
            let report = try await client.forget("jane")
            #expect(report.events == 5 && report.rejected == 4 && report.isClean)
            #expect(report.forwarded == ["vero"] && report.answers == ["vero: 200 at noon"])
            #expect(report.identifiers == 3 && report.postponed == 1)
            #expect(report.unforwarded == ["crm: it is on its way"])
            let read = try await client.reprocess("vero", number: 9)
            #expect((read.bodies, read.events, read.kept) == (3, 2, 1))
            _ = try await client.reprocess("vero", number: nil)
            try await client.backup(to: "/tmp/copy.db")
            #expect(try await client.check() == ["a page is missing"])
            try await client.compact()
        }
        #expect(
            told.orders == [
                "hold vero: maintenance \"there\"", "release vero", "probe vero", "drop crm-2",
                "cancel \(Self.delivery.text)",
                "replay [\"\(Self.delivery.text)\"] true 0.5 500 state failed",
                "consent j@x.se [\"marketing=false\", \"analytics=true\"] true",
                "suppress jane: by phone", "lift jane", "allow jane", "forget jane",
                "reprocess vero 9", "reprocess vero all", "backup /tmp/copy.db", "check", "compact",
            ])
    }

    @Test func `says that a destination was not held`() async throws {
        try await Served.api(ToldOperations(isReleased: false)) { served in
            let released = try await served.client().release("vero")
            #expect(!released)
        }
    }

    @Test(arguments: [
        ("no_such_destination", 404), ("no_such_source", 404), ("file_exists", 409),
        ("no_such_delivery", 404), ("not_waiting", 409),
        ("no_server", 409), ("data_directory_in_use", 409), ("store_unavailable", 503),
        ("disk_reserve", 503), ("queue_full", 503), ("anything_else", 422),
    ])
    func `is answered with a status that says whose fault it was`(
        code: String, status: Int
    ) async throws {
        let problem = Problem(code: code, message: "It is wrong.", hint: "Mend it.")
        try await Served.api(ToldOperations(failure: problem)) { served in
            let answer = try await served.request("POST", "/api/v1/destinations/vero/release")
            let root = try JSONReader.read(answer.body).root
            #expect(answer.status == status)
            #expect(root["success"]?.bool == false && root["code"]?.string == code)
            #expect(root["message"]?.string == "It is wrong." && root["hint"]?.string == "Mend it.")
            #expect(root["version"]?.string == Served.version)
            let told = await #expect(throws: Problem.self) { try await served.client().check() }
            #expect(told == problem)
        }
    }

    @Test func `is a server's error when the store cannot be read`() async throws {
        try await Served.api(ToldOperations(failure: TestFailure("no page"))) { served in
            let answer = try await served.request("GET", "/api/v1/store/check")
            #expect(answer.status == 500)
            #expect(try JSONReader.read(answer.body).root["code"]?.string == "store_unreadable")
        }
    }

    private static let wrongBodies: [(String, String, String, Int, String)] = [
        ("POST", "/api/v1/destinations/vero/hold", "{", 400, "bad_json"),
        ("POST", "/api/v1/destinations/vero/hold", "[]", 400, "bad_json"),
        ("POST", "/api/v1/destinations/vero/hold", "{}", 422, "bad_order"),
        ("POST", "/api/v1/destinations/vero/hold", "{\"reason\":1}", 422, "bad_order"),
        ("POST", "/api/v1/replays", "{\"deliveries\":[\"evt_1\"]}", 422, "bad_order"),
        (
            "POST", "/api/v1/replays",
            "{\"deliveries\":[],\"asWas\":false,\"perSecond\":0,\"first\":0,\"reason\":\"r\"}", 422,
            "bad_order"
        ),
        ("PUT", "/api/v1/people/consent", "{\"id\":\"1\",\"answers\":[{}]}", 422, "bad_order"),
        ("POST", "/api/v1/people/forget", "{\"id\":\"\"}", 422, "bad_order"),
        ("POST", "/api/v1/sources/vero/reprocess", "{\"number\":\"9\"}", 422, "bad_order"),
        ("POST", "/api/v1/store/backup", "{}", 422, "bad_order"),
        ("POST", "/api/v1/store/rubbish", "{}", 404, "no_such_path"),
        ("POST", "/destinations/vero/hold", "{}", 404, "no_such_path"),
    ]

    @Test(arguments: wrongBodies) func `is refused when it cannot be understood`(
        method: String, path: String, body: String, status: Int, code: String
    ) async throws {
        let told = ToldOperations()
        try await Served.api(told) { served in
            let answer = try await served.request(method, path, body: body)
            #expect(answer.status == status)
            #expect(try JSONReader.read(answer.body).root["code"]?.string == code)
        }
        #expect(told.orders.isEmpty)
    }

    @Test func `is refused when it is larger than a megabyte`() async throws {
        let told = ToldOperations()
        try await Served.api(told) { served in
            let reason = String(repeating: "x", count: (1 << 20) + 1)
            let problem = await #expect(throws: Problem.self) {
                try await served.client().hold("vero", because: reason)
            }
            #expect(problem?.code == "body_too_large")
        }
        #expect(told.orders.isEmpty)
    }
}

@Suite struct `A command` {
    @Test func `says that the server has another version, which has done nothing`() async throws {
        let told = ToldOperations()
        try await Served.api(told) { served in
            let problem = await #expect(throws: Problem.self) {
                try await served.client(version: "1.3.0").release("vero")
            }
            #expect(problem?.code == "other_version")
            #expect(
                problem?.message == "The server is Sluice 1.2.3, this command is Sluice 1.3.0.")
            let answer = try await served.request(
                "POST", "/api/v1/destinations/vero/release", headers: ["Sluice-Version: 1.3.0"])
            #expect(answer.status == 409)
        }
        #expect(told.orders.isEmpty)
    }

    @Test func `says so too when the server is older than the API`() async throws {
        let router = Router()
        router.post("/destinations/:name/:order") { _, _ in "{\"released\":true}" }
        try await Served.serving(router) { served in
            let problem = await #expect(throws: Problem.self) {
                try await served.client().release("vero")
            }
            #expect(problem?.code == "other_version")
            #expect(problem?.hint.contains("start the server again") == true)
        }
    }

    @Test func `learns that no server runs, and may open the store itself`() async throws {
        try await Served.api(ToldOperations()) { served in
            let client = OperationsClient(
                transport: served.transport, socket: served.socket + ".not", version: "1")
            await #expect(throws: OperationsClient.NoServer.self) {
                try await client.release("vero")
            }
        }
    }

    @Test func `that is no Sluice needs no version`() async throws {
        let told = ToldOperations()
        try await Served.api(told) { served in
            let answer = try await served.request("POST", "/api/v1/destinations/vero/probe")
            let root = try JSONReader.read(answer.body).root
            #expect(answer.status == 200 && root["success"]?.bool == true)
            #expect(root["version"]?.string == Served.version)
        }
        #expect(told.orders == ["probe vero"])
    }
}
