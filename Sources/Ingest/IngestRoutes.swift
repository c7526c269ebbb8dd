package import Accept
package import Deliver
package import Events
import HTTPTypes
package import Hummingbird
import NIOCore

/// The ingest API (DESIGN §4): reads a request, finds its source, hands the events to the store.
package struct IngestRoutes: Sendable {
    /// Bytes a body may inflate to.
    package static let inflatedBytes = 16 << 20
    /// Seconds a sender is asked to wait when nothing can be stored.
    package static let retryAfter = 5

    private let acceptor: Acceptor
    private let keys: KeyRing
    private let store: any EventStore
    private let log: any DeliveryLog
    private let clock: WorldClock
    private let isReady: @Sendable () -> Problem?

    /// - Parameter isReady: why events cannot be taken now; nil when they can.
    package init(
        acceptor: Acceptor, keys: KeyRing, store: any EventStore, log: any DeliveryLog,
        clock: WorldClock, isReady: @escaping @Sendable () -> Problem?
    ) {
        self.acceptor = acceptor
        self.keys = keys
        self.store = store
        self.log = log
        self.clock = clock
        self.isReady = isReady
    }

    private enum Shape: Sendable { case single(EventType?), batch, either }

    package func add(to router: Router<some RequestContext>) {
        router.middlewares.add(ProblemMiddleware())
        for type in EventType.allCases {
            router.post("/v1/\(type.rawValue)") { request, _ in
                await receive(request, as: .single(type))
            }
        }
        router.post("/v1/batch") { request, _ in await receive(request, as: .batch) }
        router.post("/v1/events") { request, _ in await receive(request, as: .either) }
        router.get("/v1/events/:id") { request, context in
            try verdicts(request, id: context.parameters.require("id"))
        }
        router.get("/healthz") { _, _ in json(.ok) { $0.member("status", "ok") } }
        router.get("/readyz") { _, _ in
            if let problem = isReady() { return failure(.serviceUnavailable, problem) }
            return json(.ok) { $0.member("status", "ready") }
        }
    }

    private func receive(_ request: Request, as shape: Shape) async -> Response {
        let now = clock.now()
        do {
            let body = try await body(of: request)
            let header = request.headers[.authorization].flatMap { KeyRing.key(inHeader: $0) }
            let known = header.flatMap { keys.source(of: $0) }
            let read = known == nil ? try? acceptor.read(body) : nil
            guard let source = known ?? keyed(request, read?.document) else {
                return failure(.unauthorized, Self.unknownKey)
            }
            let text = try read ?? acceptor.read(body)
            let isBatch =
                switch shape {
                case .single: false
                case .batch: true
                case .either: text.document.root["batch"] != nil
                }
            if isBatch {
                let envelope = try acceptor.batch(text, from: source.eventSource, at: now)
                return try await store(batch: envelope, from: source)
            }
            var type: EventType?
            if case .single(let routed) = shape { type = routed }
            let envelope = try acceptor.single(
                text, type: type, from: source.eventSource, at: now)
            return try await store(single: envelope, from: source)
        } catch let problem as Problem {
            return failure(status(of: problem), problem)
        } catch {
            return failure(.badRequest, Self.unreadable)
        }
    }

    /// The body, inflated when it says so; refused by its length before it is read.
    private func body(of request: Request) async throws -> [UInt8] {
        let limit = acceptor.limits.bodyBytes
        let length = request.headers[.contentLength].flatMap { Int($0) } ?? 0
        guard length <= limit else { throw tooLarge(limit) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length)
        for try await chunk in request.body {
            guard bytes.count + chunk.readableBytes <= limit else { throw tooLarge(limit) }
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        guard request.headers[.contentEncoding]?.lowercased() == "gzip" else { return bytes }
        return try gunzip(bytes, limit: Self.inflatedBytes)
    }

    private func tooLarge(_ limit: Int) -> Problem {
        Problem(
            code: "body_too_large", message: "The body is larger than \(limit) bytes.",
            hint: "Send smaller batches.")
    }

    /// The key in the body, else in the address.
    private func keyed(_ request: Request, _ document: JSONDocument?) -> Source? {
        let written = document?.root["writeKey"]?.string ?? document?.root["write_key"]?.string
        let query = request.uri.queryParameters["writeKey"].map { String($0) }
        return (written ?? query).flatMap { keys.source(of: $0) }
    }

    private func store(single envelope: Envelope, from source: Source) async throws -> Response {
        let receipts = try await store.accept(envelope, from: source.name)
        if let rejection = envelope.rejections.first {
            return failure(.badRequest, rejection.problem)
        }
        return json(.ok) { writer in
            writer.member("success", true)
            writer.member("id", receipts.first?.id.text)
            writer.member("messageId", receipts.first?.messageID)
            writer.member("duplicate", receipts.first?.duplicate ?? false)
        }
    }

    private func store(batch envelope: Envelope, from source: Source) async throws -> Response {
        let receipts = try await store.accept(envelope, from: source.name)
        let duplicates = receipts.count { $0.duplicate }
        return json(.ok) { writer in
            writer.member("success", true)
            writer.member("accepted", receipts.count - duplicates)
            writer.member("duplicates", duplicates)
            writer.key("rejected")
            writer.beginArray()
            for rejection in envelope.rejections.sorted(by: { $0.index < $1.index }) {
                writer.beginObject()
                writer.member("index", rejection.index)
                writer.member("messageId", rejection.messageID)
                writer.member("code", rejection.problem.code)
                writer.member("message", rejection.problem.message)
                writer.member("hint", rejection.problem.hint)
                writer.endObject()
            }
            writer.endArray()
        }
    }

    /// The verdict per destination, for the server that sent the event.
    private func verdicts(_ request: Request, id: String) -> Response {
        let key = request.headers[.authorization].flatMap { KeyRing.key(inHeader: $0) }
        guard let source = key.flatMap({ keys.source(of: $0) }) ?? keyed(request, nil),
            source.kind == .server
        else { return failure(.unauthorized, Self.unknownKey) }
        do {
            guard let id = EventID(id), let row = try log.event(id),
                row.event.source == source.name
            else {
                return failure(
                    .notFound,
                    Problem(
                        code: "no_such_event", message: "This source has no event of that id.",
                        hint: "Use the id that the answer to the event gave."))
            }
            let deliveries = try log.deliveries(of: id)
            return json(.ok) { writer in
                row.writeMembers(to: &writer)
                writer.key("deliveries")
                writer.beginArray()
                for delivery in deliveries { delivery.write(to: &writer) }
                writer.endArray()
            }
        } catch {
            return failure(
                .serviceUnavailable,
                Problem(
                    code: "store_unavailable", message: "The log cannot be read now.",
                    hint: "Ask again."))
        }
    }

    private func status(of problem: Problem) -> HTTPResponse.Status {
        switch problem.code {
        case "body_too_large": .contentTooLarge
        case "store_unavailable": .serviceUnavailable
        default: .badRequest
        }
    }

    private static let unknownKey = Problem(
        code: "unknown_key", message: "The request carries no key of a source.",
        hint:
            "Send the write key as Basic user, Bearer token, \"writeKey\" in the body, or ?writeKey=."
    )
    private static let unreadable = Problem(
        code: "unreadable_body", message: "The body could not be read to its end.",
        hint: "Send it again.")
}

/// A JSON answer.
package func json(
    _ status: HTTPResponse.Status, _ write: (inout JSONWriter) -> Void
) -> Response {
    var writer = JSONWriter(capacity: 256)
    writer.beginObject()
    write(&writer)
    writer.endObject()
    return Response(
        status: status, headers: [.contentType: "application/json"],
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: writer.bytes)))
}

/// An error as every client can read it; pauses are named where trying again helps.
package func failure(_ status: HTTPResponse.Status, _ problem: Problem) -> Response {
    var response = json(status) { writer in
        writer.member("success", false)
        writer.member("code", problem.code)
        writer.member("message", problem.message)
        writer.member("hint", problem.hint)
        writer.member("error", problem.message)
    }
    if status == .serviceUnavailable || status == .tooManyRequests {
        response.headers[.retryAfter] = String(IngestRoutes.retryAfter)
    }
    if status == .contentTooLarge { response.headers[.connection] = "close" }
    return response
}

/// Gives the server's own errors, such as unknown paths, the same form.
package struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    package init() {}

    package func handle(
        _ request: Request, context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as any HTTPResponseError {
            return failure(
                error.status,
                Problem(
                    code: error.status == .notFound ? "no_such_path" : "request_refused",
                    message: "\(request.method.rawValue) \(request.uri.path) is not known.",
                    hint: "The paths are listed in the README."))
        }
    }
}
