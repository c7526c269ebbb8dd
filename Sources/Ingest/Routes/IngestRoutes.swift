import Accept
package import Events
import HTTPTypes
package import Hummingbird
import JSON
package import Log
import NIOCore

/// The routes of the ingest API, for every request that no connection answers itself.
package struct IngestRoutes: Sendable {
    /// The time that a sender is asked to wait when nothing can be stored.
    package static let retryAfter = Duration.seconds(5)

    private let senders: Senders
    private let intake: Intake
    private let log: any DeliveryLog
    private let isReady: @Sendable () -> Problem?
    private var refusals: Refusals { intake.refusals }
    private let hooks: HookRoutes

    /// The routes to an intake, and to the log of the events it stored.
    ///
    /// - Parameter isReady: says why events cannot be taken now; nil when they can.
    package init(
        intake: Intake, log: any DeliveryLog, isReady: @escaping @Sendable () -> Problem?
    ) {
        self.intake = intake
        senders = intake.senders
        self.log = log
        self.isReady = isReady
        hooks = HookRoutes(
            acceptor: intake.acceptor, senders: senders, store: intake.store,
            refusals: intake.refusals, clock: intake.clock)
    }

    /// Adds every route, and what wraps them, to a router.
    package func add(to router: Router<some RequestContext>) {
        router.middlewares.add(CrossOriginMiddleware(senders: senders, refusals: refusals))
        router.middlewares.add(ProblemMiddleware())
        for (path, shape) in Intake.routes {
            router.post(RouterPath(path)) { request, _ in await receive(request, as: shape) }
        }
        for type in [EventType.track, .page, .identify, .group] {
            let path = RouterPath("/v1/pixel/\(type.rawValue)")
            router.get(path) { request, _ in await pixel(request, type) }
            // Whoever only asks for the head, such as a proxy, has not seen the picture.
            router.head(path) { _, _ in pixelAnswer().createHeadResponse() }
        }
        router.get("/v1/events/:id") { request, context in
            try verdicts(request, id: context.parameters.require("id"))
        }
        hooks.add(to: router)
        SideRoutes(senders: senders, refusals: refusals).add(to: router)
        router.get("/healthz") { _, _ in json(.ok) { $0.member("status", "ok") } }
        router.get("/readyz") { _, _ in
            if let problem = isReady() { return failure(.serviceUnavailable, problem) }
            return json(.ok) { $0.member("status", "ready") }
        }
    }

    private func receive(_ request: Request, as shape: Intake.Shape) async -> Response {
        let caller = Caller.routed(request.head)
        let query = request.uri.queryParameters["writeKey"]
        do {
            let wire = try await request.wire(limit: intake.acceptor.limits.bodyBytes)
            let call = Intake.Call(
                headers: request.headers, query: query, body: wire, caller: caller)
            return await intake.answer(to: call, as: shape).response
        } catch {
            let problem = error as? Problem ?? unreadableBody
            let key = caller.key ?? query.map { String($0) }
            refusals.note(
                problem.code, of: senders.keys.source(of: key)?.name, by: caller, key: key)
            return failure(problem)
        }
    }

    /// Takes the event in the address of a picture, and answers with the picture.
    private func pixel(_ request: Request, _ type: EventType) async -> Response {
        let query = request.uri.queryParameters.map { (String($0.key), String($0.value)) }
        let key = query.first { $0.0 == "wk" || $0.0 == "writeKey" }?.1
        let call = Intake.Call(
            headers: request.headers.filter { $0.name == .origin }, query: key?[...],
            body: pixelEvent(type, from: query), caller: .routed(request.head))
        let answer = await intake.answer(to: call, as: .single(type))
        return answer.status == .ok ? pixelAnswer() : answer.response
    }

    /// Answers with the event's delivery to each destination; only the server that sent the event
    /// may ask.
    private func verdicts(_ request: Request, id: String) -> Response {
        let keys = senders.keys
        let named = keys.source(ofHeader: request.headers[.authorization])
        let query = request.uri.queryParameters["writeKey"].map { String($0) }
        guard let source = named ?? keys.source(of: query), source.kind == .server
        else {
            let caller = Caller.routed(request.head)
            refusals.note(
                Intake.unknownKey.code, of: nil, by: caller, key: query ?? caller.key)
            return failure(.unauthorized, Intake.unknownKey)
        }
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
            let now = intake.clock.now()
            return json(.ok) { writer in
                row.appendMembers(to: &writer)
                writer.key("deliveries")
                writer.beginArray()
                for delivery in deliveries { delivery.appendJSON(to: &writer, at: now) }
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
}
