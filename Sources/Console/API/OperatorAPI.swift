import Events
import HTTPTypes
package import Hummingbird
import JSON
package import Store

/// The operator API: the HTTP routes by which commands and pages give orders to a running server.
///
/// The routes only translate: a JSON body becomes an order, and the order's answer becomes JSON.
/// Problems are answered as `{"success": false, "code", "message", "hint"}` with a status that says
/// whose fault it was.
package struct OperatorAPI: Sendable {
    private let operations: any Operations
    private let version: String

    /// Bytes of an order's body.
    private static let bodyLimit = 1 << 20

    /// - Parameters:
    ///   - operations: carries the orders out.
    ///   - version: the running program's, such as `0.1.0`.
    package init(operations: any Operations, version: String) {
        self.operations = operations
        self.version = version
    }

    /// The routes below `/api/v1`, ready to be served on a socket.
    package func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.middlewares.add(APIErrors(version: version))
        addDestinations(to: router)
        addDeliveries(to: router)
        addPeople(to: router)
        addStore(to: router)
        router.on(RouterPath(APIPaths.reprocess(":name")), method: .post) { request, context in
            let source = try context.parameters.require("name")
            let order: ReprocessOrder = try await order(in: request)
            return answer(try await operations.reprocess(source, number: order.number))
        }
        return router
    }

    private func addDestinations(to router: Router<BasicRequestContext>) {
        router.on(RouterPath(APIPaths.hold(":name")), method: .post) { request, context in
            let name = try context.parameters.require("name")
            let order: HoldOrder = try await order(in: request)
            try await operations.hold(name, because: order.reason)
            return answer(NoMembers())
        }
        router.on(RouterPath(APIPaths.release(":name")), method: .post) { _, context in
            let name = try context.parameters.require("name")
            return answer(ReleaseAnswer(released: try await operations.release(name)))
        }
        router.on(RouterPath(APIPaths.probe(":name")), method: .post) { _, context in
            try await operations.probe(try context.parameters.require("name"))
            return answer(NoMembers())
        }
        router.on(RouterPath(APIPaths.drop(":name")), method: .post) { _, context in
            let name = try context.parameters.require("name")
            return answer(DropAnswer(dropped: try await operations.drop(name)))
        }
    }

    private func addDeliveries(to router: Router<BasicRequestContext>) {
        router.on(RouterPath(APIPaths.cancel(":id")), method: .post) { _, context in
            let text = try context.parameters.require("id")
            guard let delivery = DeliveryID(text) else {
                throw Problem(
                    code: "no_such_delivery", message: "This is no delivery id.",
                    hint: "Delivery ids begin with dlv_; sluice deliveries lists them.")
            }
            try await operations.cancel(delivery)
            return answer(NoMembers())
        }
        router.on(RouterPath(APIPaths.replays), method: .post) { request, _ in
            try await answer(operations.replay(order(in: request)))
        }
    }

    private func addPeople(to router: Router<BasicRequestContext>) {
        router.on(RouterPath(APIPaths.consent), method: .put) { request, _ in
            let order: ConsentOrder = try await order(in: request)
            return answer(
                try await operations.setConsent(
                    of: order.id, to: order.answers, lifting: order.lift))
        }
        router.on(RouterPath(APIPaths.suppression), method: .put) { request, _ in
            let order: SuppressOrder = try await order(in: request)
            return answer(try await operations.suppress(order.id, because: order.reason))
        }
        router.on(RouterPath(APIPaths.suppression), method: .delete) { request, _ in
            let order: PersonOrder = try await order(in: request)
            return answer(try await operations.liftSuppression(of: order.id))
        }
        router.on(RouterPath(APIPaths.forget), method: .post) { request, _ in
            let order: PersonOrder = try await order(in: request)
            return answer(try await operations.forget(order.id))
        }
        router.on(RouterPath(APIPaths.allowAgain), method: .post) { request, _ in
            let order: PersonOrder = try await order(in: request)
            return answer(try await operations.allowAgain(order.id))
        }
    }

    private func addStore(to router: Router<BasicRequestContext>) {
        router.on(RouterPath(APIPaths.backup), method: .post) { request, _ in
            let order: BackupOrder = try await order(in: request)
            try await operations.backup(to: order.path)
            return answer(NoMembers())
        }
        router.on(RouterPath(APIPaths.check), method: .get) { _, _ in
            answer(CheckAnswer(faults: try await operations.check()))
        }
        router.on(RouterPath(APIPaths.compact), method: .post) { _, _ in
            try await operations.compact()
            return answer(NoMembers())
        }
    }

    private func answer(_ body: some OrderBody) -> Response {
        APIAnswer.success(version: version) { body.appendMembers(to: &$0) }.response
    }

    /// Reads the order that a request's body holds.
    private func order<Order: OrderBody>(in request: Request) async throws -> Order {
        var bytes: [UInt8] = []
        for try await chunk in request.body {
            guard bytes.count + chunk.readableBytes <= Self.bodyLimit else {
                throw Problem(
                    code: "body_too_large", message: "The order is larger than 1 MB.",
                    hint: "Order less at once.")
            }
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        return try Order(bytes: bytes)
    }
}

/// Refuses commands of another version, and gives every error the API's form.
private struct APIErrors: RouterMiddleware {
    typealias Context = BasicRequestContext
    let version: String

    func handle(
        _ request: Request, context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let command = HTTPField.Name(APIVersion.header).flatMap { request.headers[$0] }
        if let command, command != version {
            return refusal(APIVersion.mismatch(server: version, command: command))
        }
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return refusal(problem)
        } catch let error as any HTTPResponseError {
            let isUnknown = error.status == .notFound
            return refusal(
                Problem(
                    code: isUnknown ? "no_such_path" : "unreadable_body",
                    message: "\(request.method.rawValue) \(request.uri.path) cannot be answered.",
                    hint: "The paths are listed in the manual."))
        } catch {
            return refusal(
                Problem(
                    code: "store_unreadable", message: "The store cannot be read now.",
                    hint: "Try again."))
        }
    }

    private func refusal(_ problem: Problem) -> Response {
        APIAnswer.failure(problem, version: version).response
    }
}
