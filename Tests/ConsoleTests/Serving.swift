import Request
import Console
import CurlTransport
import Deliver
import Events
import Hummingbird
import Logging
import Store
import SluiceTesting

/// Carries nothing out: keeps what was ordered, and answers as a test says.
final class ToldOperations: Operations {
    private struct State {
        var orders: [String] = []
        var failure: (any Error)?
        var isReleased = true
    }
    private let state = Locked(State())

    /// The orders that came, a line each.
    var orders: [String] { state.withLock { $0.orders } }

    init(failure: (any Error)? = nil, isReleased: Bool = true) {
        state.withLock {
            $0.failure = failure
            $0.isReleased = isReleased
        }
    }

    private func keep(_ order: String) throws {
        try state.withLock { state in
            state.orders.append(order)
            if let failure = state.failure { throw failure }
        }
    }

    func hold(_ destination: String, because reason: String) async throws {
        try keep("hold \(destination): \(reason)")
    }

    func release(_ destination: String) async throws -> Bool {
        try keep("release \(destination)")
        return state.withLock { $0.isReleased }
    }

    func probe(_ destination: String) async throws { try keep("probe \(destination)") }

    func drop(_ destination: String) async throws -> Int {
        try keep("drop \(destination)")
        return 7
    }

    func cancel(_ delivery: DeliveryID) async throws { try keep("cancel \(delivery.text)") }

    func replay(_ order: ReplayOrder) async throws -> ReplayOrder.Outcome {
        try keep(
            "replay \(order.deliveries.map(\.text)) \(order.asWas) \(order.perSecond) "
                + "\(order.first) \(order.reason)")
        var outcome = ReplayOrder.Outcome()
        (outcome.queued, outcome.filtered, outcome.refused) = (3, 2, 1)
        return outcome
    }

    func setConsent(
        of id: String, to answers: [ConsentChoice], lifting: Bool
    ) async throws -> PersonChange {
        let words = answers.map { "\($0.category)=\($0.isGranted)" }
        try keep("consent \(id) \(words) \(lifting)")
        return PersonChange(identifiers: 2, isKnown: true)
    }

    func suppress(_ id: String, because reason: String) async throws -> PersonChange {
        try keep("suppress \(id): \(reason)")
        return PersonChange(identifiers: 1, isKnown: false)
    }

    func liftSuppression(of id: String) async throws -> PersonChange {
        try keep("lift \(id)")
        return PersonChange(identifiers: 3, isKnown: true)
    }

    func allowAgain(_ id: String) async throws -> PersonChange {
        try keep("allow \(id)")
        return PersonChange(identifiers: 0, isKnown: false)
    }

    func forget(_ id: String) async throws -> ForgetReport {
        try keep("forget \(id)")
        var report = ForgetReport()
        (report.events, report.rejected, report.isClean) = (5, 4, true)
        (report.forwarded, report.unforwarded) = (["vero"], ["crm: it is on its way"])
        (report.identifiers, report.postponed, report.answers) = (3, 1, ["vero: 200 at noon"])
        return report
    }

    func reprocess(_ source: String, number: Int64?) async throws -> ReprocessReport {
        try keep("reprocess \(source) \(number.map { "\($0)" } ?? "all")")
        var report = ReprocessReport()
        (report.bodies, report.events, report.kept) = (3, 2, 1)
        return report
    }

    func backup(to path: String) async throws { try keep("backup \(path)") }

    func check() async throws -> [String] {
        try keep("check")
        return ["a page is missing"]
    }

    func compact() async throws { try keep("compact") }
}

/// A server on a Unix socket, and the ways to talk to it.
struct Served: Sendable {
    /// The version of the server that is told here.
    static let version = "1.2.3"

    let socket: String
    let transport: CurlTransport

    func client(version: String = Served.version) -> OperationsClient {
        OperationsClient(transport: transport, socket: socket, version: version)
    }

    /// Sends a request as another program than ours might.
    func request(
        _ method: String, _ path: String, body: String = "", headers: [String] = []
    ) async throws -> TransportResult.Answer {
        var options = TransportOptions()
        options.unixSocket = socket
        // A busy machine may keep an answer for long.
        options.totalTimeout = .minutes(2)
        let result = await transport.exchange(
            OutgoingRequest(
                method: method, url: "http://localhost\(path)", headers: headers,
                body: Array(body.utf8), options: options))
        guard case .answer(let answer) = result else { throw TestFailure("\(result)") }
        return answer
    }

    /// Serves the operator API while `body` runs.
    static func api(
        _ operations: ToldOperations, _ body: @escaping @Sendable (Served) async throws -> Void
    ) async throws {
        try await serving(OperatorAPI(operations: operations, version: version).router(), body)
    }

    /// Serves any router while `body` runs.
    static func serving(
        _ router: Router<BasicRequestContext>,
        _ body: @escaping @Sendable (Served) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder()
        let socket = folder.path + "/api.sock"
        let (listening, heard) = AsyncStream.makeStream(of: Void.self)
        let application = Application(
            router: router, configuration: .init(address: .unixDomainSocket(path: socket)),
            onServerRunning: { _ in heard.yield() },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let transport = CurlTransport()
        defer { transport.close() }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await application.run() }
            for await _ in listening { break }
            try await body(Served(socket: socket, transport: transport))
            tasks.cancelAll()
        }
        withExtendedLifetime(folder) {}
    }
}
