import CurlTransport
import Deliver
import Events
import Hummingbird
import Ingest
import JSON
import Pipeline
import Request
import SQLiteStore

/// What commands ask of a running server, over the Unix socket in its data directory.
struct ControlRoutes: Sendable {
    let store: SQLiteStore
    let kept: KeptBodies
    let log: any DeliveryLog
    let pipeline: @Sendable () -> Pipeline
    let clock: WorldClock

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.middlewares.add(ProblemMiddleware())
        router.post("/destinations/:name/:order") { request, context in
            let name = try context.parameters.require("name")
            let order = try context.parameters.require("order")
            do {
                return try await perform(order, name, request)
            } catch let problem as Problem {
                return failure(.serviceUnavailable, problem)
            }
        }
        router.post("/replay") { request, _ in
            do {
                let body = try await request.wire(limit: 1 << 20)
                let result = try await store.replay(try ReplayOrder(json: body))
                return json(.ok) { writer in
                    writer.member("queued", result.queued)
                    writer.member("filtered", result.filtered)
                    writer.member("refused", result.refused)
                }
            } catch let problem as Problem {
                return failure(.serviceUnavailable, problem)
            }
        }
        router.post("/people/consent") { request, _ in await people(request, setConsent) }
        router.post("/people/forget") { request, _ in await people(request, forget) }
        router.post("/sources/:name/replay") { request, context in
            let name = try context.parameters.require("name")
            let number = request.uri.queryParameters["number"].flatMap { Int64($0) }
            do {
                let result = try await kept.replay(name, number: number)
                return json(.ok) { writer in
                    writer.member("bodies", result.bodies)
                    writer.member("events", result.events)
                    writer.member("kept", result.kept)
                }
            } catch let problem as Problem {
                return failure(.badRequest, problem)
            }
        }
        return router
    }
}

extension ControlRoutes {
    /// Milliseconds that deliveries under way get to end before the rest is dropped.
    private static let dropPatience = 20_000

    private func perform(
        _ order: String, _ name: String, _ request: Request
    ) async throws -> Response {
        switch order {
        case "release":
            let released = try await store.release(name)
            return json(.ok) { $0.member("released", released) }
        case "hold":
            let because = request.uri.queryParameters["because"].map { String($0) }
            try await store.hold(name, because: because ?? "An operator holds it.")
            return json(.ok) { $0.member("held", true) }
        case "probe":
            try await store.probe(name)
            return json(.ok) { $0.member("probing", true) }
        case "drop": return try await drop(name)
        default: throw HTTPError(.notFound)
        }
    }

    /// Runs an order about a person, whose id is in the query.
    private func people(
        _ request: Request, _ order: (String, Request) async throws -> Response
    ) async -> Response {
        guard let id = request.uri.queryParameters["id"].map({ String($0) }), !id.isEmpty else {
            return failure(
                .badRequest,
                Problem(code: "no_id", message: "The order names nobody.", hint: "Give an id."))
        }
        do {
            return try await order(id, request)
        } catch let problem as Problem {
            return failure(.serviceUnavailable, problem)
        } catch {
            return failure(
                .serviceUnavailable,
                Problem(
                    code: "store_unavailable", message: "The store cannot be read now.",
                    hint: "Try again."))
        }
    }

    private func setConsent(_ id: String, _ request: Request) async throws -> Response {
        let parameters = request.uri.queryParameters
        let answers = parameters["set"].map { String($0) } ?? ""
        let choices = answers.split(separator: ",").compactMap {
            ConsentChoice(argument: String($0))
        }
        let now = clock.now()
        let keys = try await store.setConsent(
            of: id, choices.map { $0.answer(at: now) }, lifting: parameters["lift"] == "true")
        return json(.ok) { $0.member("identifiers", keys.all.count) }
    }

    private func forget(_ id: String, _ request: Request) async throws -> Response {
        let report = try await Forgetting(
            store: store, log: log, pipeline: pipeline(), clock: clock, isServing: true
        ).run(id)
        return json(.ok) { writer in
            writer.member("clean", report.isClean)
            writer.key("lines")
            writer.beginArray()
            for line in report.lines { writer.string(line) }
            writer.endArray()
        }
    }

    /// Held first, so that what the deliverer has in memory goes back into the store.
    private func drop(_ name: String) async throws -> Response {
        let dropped = try isHeld(name) ? await dropAll(name) : await dropHolding(name)
        let count = try dropped.get()
        return json(.ok) { $0.member("dropped", count) }
    }

    /// Whatever comes of it, what was not held before is not held after.
    ///
    /// Not inlined: Swift 6.3.1 crashes when it optimises the caller with this inside.
    @inline(never)
    private func dropHolding(_ name: String) async -> Result<Int, Problem> {
        do throws(Problem) {
            try await store.hold(name, because: "Its waiting deliveries are dropped.")
            let dropped = await dropAll(name)
            _ = try await store.release(name)
            return dropped
        } catch {
            return .failure(error)
        }
    }

    private func isHeld(_ name: String) throws -> Bool {
        try log.destinations().contains { $0.name == name && $0.hold != nil }
    }

    private func dropAll(_ name: String) async -> Result<Int, Problem> {
        var dropped = 0
        var patience = Self.dropPatience / 100
        while patience > 0 {
            let step: DropStep
            do throws(Problem) {
                step = try await store.drop(name)
            } catch {
                return .failure(error)
            }
            dropped += step.dropped
            if step.dropped > 0 { continue }
            if step.sending == 0 { break }
            patience -= 1
            try? await Task.sleep(for: .milliseconds(100))
        }
        return .success(dropped)
    }
}

/// Changes a store: through the server that holds it, else by taking its lock.
struct Control {
    let directory: String

    /// Milliseconds a command waits for the server.
    private static let patience = 120_000

    /// False when the destination was not held.
    func release(_ destination: String) async throws -> Bool {
        if let answer = try await ask("/destinations/\(destination)/release") {
            return answer["released"]?.bool ?? false
        }
        return try await withStore(Pipeline(destinations: [])) { try await $0.release(destination) }
    }

    func hold(_ destination: String, because: String) async throws {
        let path = "/destinations/\(destination)/hold?because=\(percentEncoded(because))"
        if try await ask(path) != nil { return }
        try await withStore(Pipeline(destinations: [])) {
            try await $0.hold(destination, because: because)
        }
    }

    /// False when no server runs: then nothing is tried.
    func probe(_ destination: String) async throws -> Bool {
        try await ask("/destinations/\(destination)/probe") != nil
    }

    /// How many waiting deliveries were ended.
    func drop(_ destination: String) async throws -> Int {
        if let answer = try await ask("/destinations/\(destination)/drop") {
            return answer["dropped"]?.integer ?? 0
        }
        return try await withStore(Pipeline(destinations: [])) {
            var dropped = 0
            while case let step = try await $0.drop(destination).dropped, step > 0 {
                dropped += step
            }
            return dropped
        }
    }

    /// Only without a server: nothing can be taken meanwhile.
    func compact() async throws {
        try await withStore(Pipeline(destinations: [])) { try await $0.compact() }
    }

    func replay(
        _ order: ReplayOrder, pipeline: Pipeline
    ) async throws -> ReplayOrder.Result {
        if let answer = try await ask("/replay", order.json) {
            var result = ReplayOrder.Result()
            result.queued = answer["queued"]?.integer ?? 0
            result.filtered = answer["filtered"]?.integer ?? 0
            result.refused = answer["refused"]?.integer ?? 0
            return result
        }
        return try await withStore(pipeline) { try await $0.replay(order) }
    }

    /// Stores consent; gives how many identifiers it is kept for.
    func setConsent(_ id: String, _ answers: [ConsentChoice], lift: Bool) async throws -> Int {
        let set = answers.map(\.text).joined(separator: ",")
        let path =
            "/people/consent?id=\(percentEncoded(id))&set=\(percentEncoded(set))&lift=\(lift)"
        if let answer = try await ask(path) { return answer["identifiers"]?.integer ?? 0 }
        let now = WorldClock.system.now()
        return try await withStore(Pipeline(destinations: [])) { store in
            try await store.setConsent(
                of: id, answers.map { $0.answer(at: now) }, lifting: lift
            ).all.count
        }
    }

    /// Forgets a person; gives the report, line by line, and whether nothing is left.
    func forget(
        _ id: String, file: () throws -> PipelineFile
    ) async throws -> (lines: [String], isClean: Bool) {
        if let answer = try await ask("/people/forget?id=\(percentEncoded(id))") {
            let lines = answer["lines"]?.elements.compactMap(\.string) ?? []
            return (lines, answer["clean"]?.bool ?? false)
        }
        let pipeline = try file().pipeline
        return try await withStore(pipeline) { store in
            let report = try await Forgetting(
                store: store, log: try SQLiteLog(directory: directory), pipeline: pipeline,
                clock: .system, isServing: false
            ).run(id)
            return (report.lines, report.isClean)
        }
    }

    /// Reads kept webhooks of a source again.
    func replay(
        _ source: String, _ number: Int64?, file: () throws -> PipelineFile
    ) async throws -> KeptBodies.Result {
        let query = number.map { "?number=\($0)" } ?? ""
        if let answer = try await ask("/sources/\(percentEncoded(source))/replay\(query)") {
            return KeptBodies.Result(
                bodies: answer["bodies"]?.integer ?? 0, events: answer["events"]?.integer ?? 0,
                kept: answer["kept"]?.integer ?? 0)
        }
        let file = try file()
        return try await withStore(file.pipeline) { store in
            let webhooks = file.webhooks
            return try await KeptBodies(
                store: store, log: try SQLiteLog(directory: directory), sources: { webhooks }
            ).replay(source, number: number)
        }
    }

    /// The store itself, when no server holds it.
    private func withStore<Result>(
        _ pipeline: Pipeline, _ body: (SQLiteStore) async throws -> Result
    ) async throws -> Result {
        let lock = try DataDirectory(directory)
        var options = SQLiteStore.Options()
        options.isServer = false
        let store = try SQLiteStore(
            directory: lock.path, pipeline: pipeline, room: Room(), clock: .system,
            hashKey: Chance.bytes(32), options: options, news: { _ in })
        defer { store.close() }
        return try await body(store)
    }

    /// The server's answer; nil when no server runs.
    private func ask(_ path: String, _ body: [UInt8] = []) async throws -> JSONValue? {
        let transport = CurlTransport()
        defer { transport.close() }
        var options = TransportOptions()
        options.totalTimeout = .milliseconds(Self.patience)
        options.unixSocket = DataDirectory.socketPath(directory)
        let result = await transport.exchange(
            OutgoingRequest(
                method: "POST", url: "http://localhost\(path)", headers: [], body: body,
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

extension ReplayOrder {
    /// As it travels from a command to the server.
    fileprivate var json: [UInt8] {
        JSONWriter.make { writer in
            writer.beginObject()
            writer.key("deliveries")
            writer.beginArray()
            for id in deliveries { writer.string(id.text) }
            writer.endArray()
            writer.member("asWas", asWas)
            writer.key("perSecond")
            writer.raw(Array("\(perSecond)".utf8)[...])
            writer.member("first", first)
            writer.member("reason", reason)
            writer.endObject()
        }
    }

    fileprivate init(json: [UInt8]) throws {
        let root = try JSONReader.read(json).root
        self.init(
            deliveries: (root["deliveries"]?.elements ?? []).compactMap {
                $0.string.flatMap { DeliveryID($0) }
            }, asWas: root["asWas"]?.bool ?? false, perSecond: root["perSecond"]?.double ?? 1,
            reason: root["reason"]?.string ?? "")
        first = root["first"]?.integer ?? 0
    }
}
