package import Request
package import Events
import JSON
package import Store

/// Gives orders to a running server, through the Unix socket in its data directory.
///
/// Every order throws `NoServer` when nobody listens on the socket: then the caller may open the
/// store itself. The server has done nothing in that case.
package struct OperationsClient: Operations {
    /// The error of an order that met no server on the socket.
    package struct NoServer: Error {}

    private let transport: any Transport
    private let options: TransportOptions
    private let version: String

    /// The time an order may take; forgetting a person waits for destinations.
    private static let patience: Duration = .minutes(2)
    /// Bytes of an answer.
    private static let answerLimit = 1 << 20

    /// - Parameters:
    ///   - socket: the path of the server's Unix socket.
    ///   - version: the version of the program that gives the orders, such as `0.1.0`.
    package init(transport: any Transport, socket: String, version: String) {
        self.transport = transport
        self.version = version
        var options = TransportOptions()
        options.totalTimeout = Self.patience
        options.answerKept = Self.answerLimit
        options.answerRead = Self.answerLimit
        options.unixSocket = socket
        self.options = options
    }

    package func hold(_ destination: String, because reason: String) async throws {
        let path = APIPaths.hold(escaped(destination))
        let _: NoMembers = try await ask("POST", path, with: HoldOrder(reason: reason))
    }

    package func release(_ destination: String) async throws -> Bool {
        let path = APIPaths.release(escaped(destination))
        let answer: ReleaseAnswer = try await ask("POST", path)
        return answer.released
    }

    package func probe(_ destination: String) async throws {
        let _: NoMembers = try await ask("POST", APIPaths.probe(escaped(destination)))
    }

    package func drop(_ destination: String) async throws -> Int {
        let answer: DropAnswer = try await ask("POST", APIPaths.drop(escaped(destination)))
        return answer.dropped
    }

    package func cancel(_ delivery: DeliveryID) async throws {
        let _: NoMembers = try await ask("POST", APIPaths.cancel(delivery.text))
    }

    package func replay(_ order: ReplayOrder) async throws -> ReplayOrder.Outcome {
        try await ask("POST", APIPaths.replays, with: order)
    }

    package func setConsent(
        of id: String, to answers: [ConsentChoice], lifting: Bool
    ) async throws -> PersonChange {
        let order = ConsentOrder(id: id, answers: answers, lift: lifting)
        return try await ask("PUT", APIPaths.consent, with: order)
    }

    package func suppress(_ id: String, because reason: String) async throws -> PersonChange {
        try await ask("PUT", APIPaths.suppression, with: SuppressOrder(id: id, reason: reason))
    }

    package func liftSuppression(of id: String) async throws -> PersonChange {
        try await ask("DELETE", APIPaths.suppression, with: PersonOrder(id: id))
    }

    package func allowAgain(_ id: String) async throws -> PersonChange {
        try await ask("POST", APIPaths.allowAgain, with: PersonOrder(id: id))
    }

    package func forget(_ id: String) async throws -> ForgetReport {
        try await ask("POST", APIPaths.forget, with: PersonOrder(id: id))
    }

    package func reprocess(_ source: String, number: Int64?) async throws -> ReprocessReport {
        let path = APIPaths.reprocess(escaped(source))
        return try await ask("POST", path, with: ReprocessOrder(number: number))
    }

    package func backup(to path: String) async throws {
        let _: NoMembers = try await ask("POST", APIPaths.backup, with: BackupOrder(path: path))
    }

    package func check() async throws -> [String] {
        let answer: CheckAnswer = try await ask("GET", APIPaths.check)
        return answer.faults
    }

    package func compact() async throws {
        let _: NoMembers = try await ask("POST", APIPaths.compact)
    }

    // MARK: The exchange

    private func ask<Answer: OrderBody>(
        _ method: String, _ path: String, with order: some OrderBody = NoMembers()
    ) async throws -> Answer {
        let request = OutgoingRequest(
            method: method, url: "http://localhost\(path)",
            headers: ["Content-Type: application/json", "\(APIVersion.header): \(version)"],
            body: method == "GET" ? [] : order.bytes, options: options)
        let result = await withCheckedContinuation { continuation in
            transport.send(request) { continuation.resume(returning: $0) }
        }
        switch result {
        case .failure(let failure) where !failure.maybeSent: throw NoServer()
        case .failure(let failure):
            throw Problem(
                code: "no_answer", message: "The server did not answer: \(failure.message)",
                hint: "See its log, then try again.")
        case .answer(let answer): return try read(answer)
        }
    }

    private func read<Answer: OrderBody>(_ answer: TransportResult.Answer) throws -> Answer {
        let root = (try? JSONReader.read(answer.body).root) ?? JSONDocument.emptyObject.root
        let server = root[APIVersion.member]?.string
        guard server == version else {
            throw APIVersion.mismatch(server: server, command: version)
        }
        guard answer.status == 200 else { throw Problem(json: root, status: answer.status) }
        return try Answer(json: root)
    }

    /// A name as one part of a path.
    private func escaped(_ name: String) -> String { percentEncoded(name) }
}
