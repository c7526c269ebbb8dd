import Accept
import Events
import HTTPTypes
import Hummingbird
import JSON
import Map
import NIOCore
import Webhooks

/// The route of webhooks, `POST /hooks/{source}/{token}`: what a service reports becomes events.
///
/// The answer goes out after the commit and waits for no destination. A handshake, by which a
/// service asks whether the address is meant to get webhooks, is answered at once, and nothing of
/// it is stored.
struct HookRoutes: Sendable {
    private let acceptor: Acceptor
    private let senders: Senders
    private let reader: WebhookReader
    private let store: any EventStore
    private let refusals: Refusals
    private let clock: WorldClock
    private let rates = RateLimits()

    init(
        acceptor: Acceptor, senders: Senders, store: any EventStore, refusals: Refusals,
        clock: WorldClock
    ) {
        self.acceptor = acceptor
        self.senders = senders
        self.store = store
        self.refusals = refusals
        self.clock = clock
        reader = WebhookReader(acceptor: acceptor)
    }

    func add(to router: Router<some RequestContext>) {
        let path: RouterPath = "/hooks/:source/:token"
        router.post(path) { request, context in
            await receive(request, try source(of: request, in: context))
        }
        router.get(path) { request, context in
            try handshake(.get, request, with: try source(of: request, in: context))
        }
        router.head(path) { request, context in
            try handshake(.head, request, with: try source(of: request, in: context))
        }
    }

    /// The source of an address; anything else is answered as a path that does not exist, before
    /// anything is read.
    private func source(
        of request: Request, in context: some RequestContext
    ) throws -> WebhookSource {
        let name = try context.parameters.require("source")
        let token = try context.parameters.require("token")
        let hooks = senders.hooks
        if let source = hooks.source(name: name, token: token) { return source }
        let isOff = hooks.areOff.contains(name)
        refusals.note(
            isOff ? "source_off" : "wrong_token",
            of: isOff || hooks.areOn.contains(name) ? name : nil,
            by: .routed(request.head), key: token)
        throw HTTPError(.notFound)
    }

    /// Answers a handshake by GET or HEAD; the address is none for anything else.
    private func handshake(
        _ method: Handshake.Method, _ request: Request, with source: WebhookSource
    ) throws -> Response {
        guard let answer = handshakeAnswer(method, request, with: source) else {
            throw HTTPError(.notFound)
        }
        return answer
    }

    /// The answer to a handshake, or its refusal; nil when the request is none.
    private func handshakeAnswer(
        _ method: Handshake.Method, _ request: Request, body: [UInt8] = [],
        with source: WebhookSource
    ) -> Response? {
        guard source.blueprint.handshakes.contains(where: { $0.method == method }) else {
            return nil
        }
        let query = request.uri.queryParameters
        do throws(Problem) {
            let text = try source.answer(
                to: Handshake.Request(
                    method, query: { query[$0[...]].map { String($0) } },
                    header: { header(request, $0) },
                    body: (try? inflated(body, request.headers, limit: Handshake.bodyBytes)) ?? []))
            return text.map { echo($0, to: method) }
        } catch {
            refusals.note(error.code, of: source.name, by: .routed(request.head))
            let response = failure(error)
            return method == .head ? response.createHeadResponse() : response
        }
    }

    /// Plain text that no browser takes for a page.
    private func echo(_ text: [UInt8], to method: Handshake.Method) -> Response {
        var headers: HTTPFields = [
            .contentType: "text/plain; charset=utf-8", .cacheControl: "no-store",
        ]
        headers[.xContentTypeOptions] = "nosniff"
        let response = Response(
            status: .ok, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: text)))
        return method == .head ? response.createHeadResponse() : response
    }

    private func receive(_ request: Request, _ source: WebhookSource) async -> Response {
        let caller = Caller.routed(request.head)
        do {
            let now = clock.now()
            if let refusal = rates.refusal(
                of: source.name, perSecond: source.perSecond, at: now)
            {
                refusals.note(RateLimits.code, of: source.name, by: caller)
                return refusal.response
            }
            let wire = try await request.wire(limit: acceptor.limits.bodyBytes)
            let repeatable = try source.verify(body: wire, at: now) { header(request, $0) }
            if let answer = handshakeAnswer(.post, request, body: wire, with: source) {
                return answer
            }
            let reading = read(
                wire, of: request, from: source, repeatable: repeatable, at: now)
            return await answer(to: reading, of: source, by: caller)
        } catch {
            let problem = error as? Problem ?? unreadableBody
            refusals.note(problem.code, of: source.name, by: caller)
            return failure(problem)
        }
    }

    /// Stores what was read, also a body of which nothing can be used, and answers.
    private func answer(
        to reading: WebhookReader.Reading, of source: WebhookSource, by caller: Caller
    ) async -> Response {
        do throws(Problem) {
            let receipts = try await store.accept(reading.envelope, from: source.name)
            guard let problem = reading.problem else {
                return answer(of: source, receipts, rejected: reading.envelope.rejections.count)
            }
            refusals.note(problem.code, of: source.name, by: caller)
            return failure(problem)
        } catch {
            return failure(error)
        }
    }

    private func read(
        _ wire: [UInt8], of request: Request, from source: WebhookSource, repeatable: String?,
        at now: Timestamp
    ) -> WebhookReader.Reading {
        let headers = Dictionary(
            source.blueprint.headers.compactMap { name in
                header(request, name).map { (name, $0) }
            }, uniquingKeysWith: { first, _ in first })
        do {
            return reader.read(
                try inflated(wire, request.headers, limit: acceptor.limits.bodyBytes),
                headers: headers,
                from: source,
                repeatable: repeatable, at: now)
        } catch {
            return reader.kept(wire, headers: headers, from: source, because: error)
        }
    }

    private func header(_ request: Request, _ name: String) -> String? {
        HTTPField.Name(name).flatMap { request.headers[$0] }
    }

    private func answer(
        of source: WebhookSource, _ receipts: [Receipt], rejected: Int
    ) -> Response {
        if let answer = source.answer {
            return Response(
                status: .ok, headers: [.contentType: "application/json"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: answer)))
        }
        let duplicates = receipts.count { $0.duplicate }
        return json(.ok) { writer in
            writer.member("success", true)
            writer.member("accepted", receipts.count - duplicates)
            writer.member("duplicates", duplicates)
            writer.member("rejected", rejected)
        }
    }
}
