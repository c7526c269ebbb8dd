import CurlTransport
import Deliver
import Events
import Hummingbird
import Ingest
import Pipeline
import SQLiteStore

/// What commands ask of a running server, over the Unix socket in its data directory.
struct ControlRoutes: Sendable {
    let store: SQLiteStore

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.middlewares.add(ProblemMiddleware())
        router.post("/destinations/:name/release") { _, context in
            let name = try context.parameters.require("name")
            do {
                let released = try await store.release(name)
                return json(.ok) { $0.member("released", released) }
            } catch let problem as Problem {
                return failure(.serviceUnavailable, problem)
            }
        }
        return router
    }
}

/// Changes a store: through the server that holds it, else by taking its lock.
struct Control {
    let directory: String

    /// False when the destination was not held.
    func release(_ destination: String) async throws -> Bool {
        if let answer = try await ask("/destinations/\(destination)/release") {
            return answer["released"]?.bool ?? false
        }
        let lock = try DataDirectory(directory)
        let store = try SQLiteStore(
            directory: lock.path, pipeline: Pipeline(destinations: []), room: Room(),
            clock: .system, hashKey: Chance.bytes(32), news: { _ in })
        defer { store.close() }
        return try await store.release(destination)
    }

    /// The server's answer; nil when no server runs.
    private func ask(_ path: String) async throws -> JSONValue? {
        let transport = CurlTransport()
        defer { transport.close() }
        var options = TransportOptions()
        options.unixSocket = DataDirectory.socketPath(directory)
        let result = await transport.exchange(
            OutgoingRequest(
                method: "POST", url: "http://localhost\(path)", headers: [], body: [],
                options: options))
        switch result {
        case .failure(let failure) where !failure.maybeSent: return nil
        case .failure(let failure):
            throw Problem(
                code: "no_answer", message: "The server did not answer: \(failure.message)",
                hint: "See its log, then try again.")
        case .answer(let answer):
            let value = try? JSONReader.read(answer.body).root
            guard answer.status == 200, let value else {
                throw Problem(
                    code: value?["code"]?.string ?? "refused",
                    message: value?["message"]?.string ?? "The server answered \(answer.status).",
                    hint: value?["hint"]?.string ?? "See its log.")
            }
            return value
        }
    }
}
