import Consent
import Console
import CurlTransport
import Deliver
import Events
import Ingest
import JSON
import Log
import Logging
import Map
import Pipeline
import Request
import SQLiteStore
import ServiceLifecycle
import SluiceTesting

@testable import sluice

/// A whole Sluice on loopback: the real server, the stand-in for Vero, and a client.
final class Running: Sendable {
    let url: String
    let vero: MockVero
    let server: Server
    let data: String
    private let transport = CurlTransport()

    private init(url: String, vero: MockVero, server: Server, data: String) {
        self.url = url
        self.vero = vero
        self.server = server
        self.data = data
    }

    var log: any DeliveryLog { server.log }

    /// Gives orders as a command does, over the server's socket.
    var operations: OperationsClient {
        OperationsClient(
            transport: transport, socket: DataFolder(data).socketPath, version: Sluice.version)
    }

    /// The token in the address of Vero's webhooks.
    static let hookToken = "0123456789abcdef0123456789abcdef"

    /// Delays short enough for tests; the number of attempts stays.
    static let quick = {
        var schedule = Schedule(delays: Array(repeating: .zero, count: 13))
        schedule.breakerFailures = .max
        return schedule
    }()

    /// How many programs run at once: each holds some twenty descriptors.
    private static let turns = ParallelLimit(16)

    /// Runs the program while `body` uses it.
    static func with(
        rules: [String] = [], schedule: Schedule = quick, sourceRate: String = "null",
        editing: (String) -> String = { $0 }, log: LogLines? = nil,
        _ body: @escaping @Sendable (Running) async throws -> Void
    ) async throws {
        try await turns.run {
            try await start(
                rules: rules, schedule: schedule, sourceRate: sourceRate, editing: editing,
                log: log, body)
        }
    }

    private static func start(
        rules: [String], schedule: Schedule, sourceRate: String, editing: (String) -> String,
        log: LogLines?, _ body: @escaping @Sendable (Running) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        // The example, with what the environment cannot say.
        let example = editing(try Fixtures.text("pipeline.example.json"))
            .replacing("\"Blueprints/", with: "\"\(Fixtures.root)/Blueprints/")
            // A busy machine may keep the stand-in waiting; a time-out would send again.
            .replacing(
                "\"per_second\": null}", with: "\"per_second\": null, \"total_timeout\": 60}"
            )
            .replacing("\"origins\": []", with: "\"origins\": [\"https://shop.example\"]")
            .replacing(
                "\"kind\": \"server\",",
                with: "\"kind\": \"server\", \"per_second\": \(sourceRate),")
        let path = try folder.write(example, to: "pipeline.json")
        let vero = try MockVero(rules: rules.compactMap { FaultRule($0) })
        var logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        let quiet = logger
        try await withMockVero(vero, logger: quiet) { address in
            let file = try PipelineFile.read(
                path,
                .init(
                    environment: [
                        "SLUICE_WRITE_KEY": "write-key", "SLUICE_BROWSER_KEY": "browser-key",
                        "VERO_AUTH_TOKEN": "your_vero_auth_token",
                        "SLUICE_HMAC_SECRET": "signing-secret",
                        "SLUICE_VERO_HOOK_TOKEN": hookToken,
                        "SLUICE_ALLOW_PRIVATE": "127.0.0.1/32",
                    ], listen: "127.0.0.1:0", data: folder.path + "/data",
                    standIn: MockVero.standIn(at: address)))
            var told = quiet
            if let log {
                told = Logger(label: "test") { _ in
                    LineLogHandler(logLevel: .notice, lines: log, clock: .system)
                }
            }
            let server = try Server(file, schedule: schedule, logger: told)
            try await whileListening(logger: quiet) {
                Server.together(server.services($0))
            } body: { address in
                let running = Running(
                    url: "http://\(address)", vero: vero, server: server, data: file.data)
                defer { running.transport.close() }
                try await body(running)
            }
        }
        withExtendedLifetime(folder) {}
    }

    struct Answer: Sendable {
        let status: Int
        let body: [UInt8]
        let retryAfter: Duration?
        var json: JSONValue { (try? JSONReader.read(body).root) ?? JSONDocument.emptyObject.root }
        subscript(key: String) -> JSONValue? { json[key] }
    }

    /// Sends a request, by default as the backend with its key.
    func request(
        _ method: String = "POST", _ path: String, body: [UInt8] = [],
        headers: [String] = ["Authorization: Bearer write-key"]
    ) async throws -> Answer {
        var options = TransportOptions()
        options.allowedNetworks = ["127.0.0.0/8"]
        // A busy machine may keep an answer for long.
        (options.connectTimeout, options.totalTimeout) = (.minutes(1), .minutes(2))
        options.answerKept = 8 << 20
        options.answerRead = 8 << 20
        let result = await transport.exchange(
            OutgoingRequest(
                method: method, url: url + path, headers: headers, body: body, options: options))
        guard case .answer(let answer) = result else { throw TestFailure("no answer: \(result)") }
        return Answer(
            status: answer.status, body: answer.body,
            retryAfter: answer.retryAfter?.pause(from: WorldClock.system.now()))
    }

    func post(_ path: String, _ text: String) async throws -> Answer {
        try await request("POST", path, body: Array(text.utf8))
    }

    /// Posts a body as Vero does.
    func hook(
        _ body: String, source: String = "vero", token: String = hookToken,
        headers: [String] = []
    ) async throws -> Answer {
        try await request(
            "POST", "/hooks/\(source)/\(token)", body: Array(body.utf8), headers: headers)
    }

    /// The newest events of a person.
    func events(of user: String) throws -> [EventRow] {
        try log.events(of: IdentityKey(.user, user), limit: 10).compactMap { try log.event($0) }
    }

    /// Posts a fixture and gives its event id.
    func send(_ fixture: String) async throws -> EventID {
        let event = try Fixtures.event(fixture)
        let type = try JSONReader.read(event).root["type"]?.string ?? "track"
        let answer = try await request("POST", "/v1/\(type)", body: event)
        guard let id = answer["id"]?.string.flatMap({ EventID($0) }) else {
            throw TestFailure("not accepted: \(String(decoding: answer.body, as: UTF8.self))")
        }
        return id
    }

    /// The delivery to Vero once it reads as asked; ends are waited for by default.
    func delivery(
        of event: EventID, to destination: String = "vero",
        when ready: @escaping (DeliveryRow) -> Bool = { $0.state.isFinal }
    ) async throws -> DeliveryDetail {
        let id = DeliveryID(event: event, destination: destination)
        return try await eventually("the delivery of \(event.text)") {
            try server.log.detail(id).flatMap { ready($0.row) ? $0 : nil }
        }
    }

    /// The requests that the stand-in got, oldest first.
    var ledger: [JSONValue] {
        vero.ledger.compactMap { try? JSONReader.read(text: $0).root }
    }
}
