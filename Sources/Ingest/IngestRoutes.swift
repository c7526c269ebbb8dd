package import Accept
package import Deliver
package import Events
import HTTPTypes
package import Hummingbird
import NIOCore

/// The ingest API (DESIGN §4): reads a request, finds its source, hands the events to the store.
package struct IngestRoutes: Sendable {
    /// Seconds a sender is asked to wait when nothing can be stored.
    package static let retryAfter = 5

    private let acceptor: Acceptor
    private let senders: Senders
    private let store: any EventStore
    private let log: any DeliveryLog
    private let clock: WorldClock
    private let isReady: @Sendable () -> Problem?
    private let hooks: HookRoutes
    private let rates = RateLimits()

    /// - Parameter isReady: why events cannot be taken now; nil when they can.
    package init(
        acceptor: Acceptor, senders: Senders, store: any EventStore,
        log: any DeliveryLog, clock: WorldClock, isReady: @escaping @Sendable () -> Problem?
    ) {
        self.acceptor = acceptor
        self.senders = senders
        self.store = store
        self.log = log
        self.clock = clock
        self.isReady = isReady
        self.hooks = HookRoutes(acceptor: acceptor, senders: senders, store: store, clock: clock)
    }

    private enum Shape: Sendable { case single(EventType?), batch, either }

    package func add(to router: Router<some RequestContext>) {
        router.middlewares.add(CrossOriginMiddleware(senders: senders))
        router.middlewares.add(ProblemMiddleware())
        for type in EventType.allCases {
            for name in [type.rawValue, String(type.rawValue.prefix(1))] {
                router.post("/v1/\(name)") { request, _ in
                    await receive(request, as: .single(type))
                }
            }
        }
        // The spellings of every server SDK that was measured.
        for path in ["/v1/batch", "/v1/b", "/v1/import", "/sdk/batch", "/beacon/v1/batch"]
            as [RouterPath]
        {
            router.post(path) { request, _ in await receive(request, as: .batch) }
        }
        router.post("/v1/events") { request, _ in await receive(request, as: .either) }
        for type in [EventType.track, .page, .identify, .group] {
            router.get("/v1/pixel/\(type.rawValue)") { request, _ in await pixel(request, type) }
        }
        router.get("/v1/events/:id") { request, context in
            try verdicts(request, id: context.parameters.require("id"))
        }
        hooks.add(to: router)
        SideRoutes(senders: senders).add(to: router)
        router.get("/healthz") { _, _ in json(.ok) { $0.member("status", "ok") } }
        router.get("/readyz") { _, _ in
            if let problem = isReady() { return failure(.serviceUnavailable, problem) }
            return json(.ok) { $0.member("status", "ready") }
        }
    }

    /// Who sent a request, and what its body says.
    private struct Call {
        var source: Source
        var text: RepairedText
        /// For events of a signed request that have no message id of their own.
        var messageID: String?
    }

    private func receive(_ request: Request, as shape: Shape) async -> Response {
        await answer(request) { now in
            try await call(request, at: now)
        } with: { call, now in
            try await accept(call, as: shape, at: now)
        }
    }

    /// Finds out who calls, lets them in or not, and gives every fault the form of an answer.
    private func answer(
        _ request: Request, _ call: (Timestamp) async throws -> Call,
        with accept: (Call, Timestamp) async throws -> Response
    ) async -> Response {
        do {
            let now = clock.now()
            let call = try await call(now)
            if let pause = admit(call.source, request, at: now) { return pause }
            return try await accept(call, now)
        } catch let problem as Problem {
            return failure(problem)
        } catch {
            return failure(.badRequest, unreadableBody)
        }
    }

    private func call(_ request: Request, at now: Timestamp) async throws -> Call {
        let wire = try await request.wire(limit: acceptor.limits.bodyBytes)
        let keys = senders.keys
        if let (source, messageID) = try keys.signatures.signer(
            of: request.headers, body: wire, at: now)
        {
            let text = try acceptor.read(try request.inflated(wire))
            return Call(source: source, text: text, messageID: messageID)
        }
        let body = try request.inflated(wire)
        let header = request.headers[.authorization].flatMap { KeyRing.key(inHeader: $0) }
        if let source = header.flatMap({ keys.source(of: $0) }) {
            return Call(source: source, text: try acceptor.read(body))
        }
        let text = try? acceptor.read(body)
        guard let source = keyed(request, text?.document, keys) else { throw Self.unknownKey }
        return Call(source: source, text: try text ?? acceptor.read(body))
    }

    /// What keeps a source from sending now: a page of another origin, or its rate.
    private func admit(
        _ source: Source, _ request: Request, at now: Timestamp
    ) -> Response? {
        if source.kind == .browser, let origin = request.headers[.origin],
            !source.origins.contains(origin)
        {
            return failure(.forbidden, CrossOriginMiddleware<BasicRequestContext>.refusal(origin))
        }
        return rates.refusal(of: source.name, source.perSecond, at: now)
    }

    private func accept(_ call: Call, as shape: Shape, at now: Timestamp) async throws -> Response {
        let source = call.source
        let isBatch =
            switch shape {
            case .single: false
            case .batch: true
            case .either: call.text.document.root["batch"] != nil
            }
        var type: EventType?
        if case .single(let routed) = shape { type = routed }
        var envelope =
            isBatch
            ? try acceptor.batch(call.text, from: source.eventSource, at: now)
            : try acceptor.single(call.text, type: type, from: source.eventSource, at: now)
        if let id = call.messageID {
            for index in envelope.events.indices
            where envelope.events[index].event.messageID.isEmpty {
                envelope.events[index].event.messageID = "\(id)_\(envelope.events[index].index)"
            }
        }
        return isBatch
            ? try await store(batch: envelope, from: source)
            : try await store(single: envelope, from: source)
    }

    /// A picture whose address is an event.
    private func pixel(_ request: Request, _ type: EventType) async -> Response {
        await answer(request) { _ in
            let keys = senders.keys
            let query = request.uri.queryParameters.map { (String($0.key), String($0.value)) }
            let key = query.first { $0.0 == "wk" || $0.0 == "writeKey" }?.1
            guard let source = key.flatMap({ keys.source(of: $0) }) else { throw Self.unknownKey }
            return Call(source: source, text: try acceptor.read(pixelEvent(type, query)))
        } with: { call, now in
            let answer = try await accept(call, as: .single(type), at: now)
            return answer.status == .ok ? pixelAnswer() : answer
        }
    }

    /// The key in the body, else in the address.
    private func keyed(
        _ request: Request, _ document: JSONDocument?, _ keys: KeyRing
    ) -> Source? {
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
        let keys = senders.keys
        guard let source = key.flatMap({ keys.source(of: $0) }) ?? keyed(request, nil, keys),
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

    private static let unknownKey = Problem(
        code: "unknown_key", message: "The request carries no key of a source.",
        hint:
            "Send the write key as Basic user, Bearer token, \"writeKey\" in the body, or ?writeKey=."
    )
}
