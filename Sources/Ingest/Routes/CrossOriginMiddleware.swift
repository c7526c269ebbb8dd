import Events
import HTTPTypes
import Hummingbird

/// Lets pages of the sources' exact origins talk to the API, as the Fetch standard asks (CORS).
///
/// `*` would not cover Authorization, and no origin is reflected that is not listed.
struct CrossOriginMiddleware<Context: RequestContext>: RouterMiddleware {
    /// The time that a browser may remember the answer to a preflight.
    private static var maxAge: Duration { .minutes(10) }

    let senders: Senders
    let refusals: Refusals

    func handle(
        _ request: Request, context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let origin = request.headers[.origin] else { return try await next(request, context) }
        let isAllowed = senders.keys.origins.contains(origin)
        var response: Response
        if request.method == .options {
            response = isAllowed ? preflight(request) : refusal(of: origin, request)
        } else {
            response = try await next(request, context)
        }
        response.headers[.vary] = "Origin"
        if isAllowed {
            response.headers[.accessControlAllowOrigin] = origin
            response.headers[.accessControlExposeHeaders] = "Retry-After"
        }
        return response
    }

    /// A browser asks before it sends the key: nobody can tell which source it means.
    private func refusal(of origin: String, _ request: Request) -> Response {
        let problem = CrossOrigin.refusal(origin)
        refusals.note(problem.code, of: nil, by: .routed(request.head))
        return failure(.forbidden, problem)
    }

    private func preflight(_ request: Request) -> Response {
        var response = Response(status: .ok)
        response.headers[.accessControlAllowMethods] = "GET, POST, OPTIONS"
        response.headers[.accessControlAllowHeaders] =
            request.headers[.accessControlRequestHeaders]
        response.headers[.accessControlMaxAge] = String(Self.maxAge.components.seconds)
        return response
    }
}

/// The refusal of pages whose origin no source lists.
enum CrossOrigin {
    /// The problem to answer with.
    static func refusal(_ origin: String) -> Problem {
        Problem(
            code: "origin_not_allowed", message: "Pages of this origin may not send events here.",
            hint: "Add it to the source's \"origins\", exactly as the browser sends it.")
    }
}
