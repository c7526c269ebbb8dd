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
/// The answer goes out after the commit and waits for no destination.
struct HookRoutes: Sendable {
    private let acceptor: Acceptor
    private let senders: Senders
    private let reader: WebhookReader
    private let store: any EventStore
    private let clock: WorldClock
    private let rates = RateLimits()

    init(acceptor: Acceptor, senders: Senders, store: any EventStore, clock: WorldClock) {
        self.acceptor = acceptor
        self.senders = senders
        self.store = store
        self.clock = clock
        reader = WebhookReader(acceptor: acceptor)
    }

    func add(to router: Router<some RequestContext>) {
        router.post("/hooks/:source/:token") { request, context in
            let name = try context.parameters.require("source")
            let token = try context.parameters.require("token")
            // The same error as for a path that does not exist, before anything is read.
            guard let source = senders.hooks.source(name: name, token: token) else {
                throw HTTPError(.notFound)
            }
            return await receive(request, source)
        }
    }

    private func receive(_ request: Request, _ source: WebhookSource) async -> Response {
        do {
            let now = clock.now()
            if let refusal = rates.refusal(
                of: source.name, perSecond: source.perSecond, at: now)
            {
                return refusal.response
            }
            let wire = try await request.wire(limit: acceptor.limits.bodyBytes)
            let repeatable = try source.verify(body: wire, at: now) { header(request, $0) }
            let reading = read(
                wire, of: request, from: source, repeatable: repeatable, at: now)
            let receipts = try await store.accept(reading.envelope, from: source.name)
            if let problem = reading.problem { return failure(problem) }
            return answer(of: source, receipts, rejected: reading.envelope.rejections.count)
        } catch let problem as Problem {
            return failure(problem)
        } catch {
            return failure(.badRequest, unreadableBody)
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
