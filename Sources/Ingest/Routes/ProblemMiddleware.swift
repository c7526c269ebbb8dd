import Events
import HTTPTypes
package import Hummingbird

/// Gives the server's own errors, such as unknown paths, the form that all errors have.
package struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    /// A middleware without settings.
    package init() {}

    /// Answers in place of an error that is thrown further in.
    package func handle(
        _ request: Request, context: Context,
        next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as any HTTPResponseError {
            let response = failure(
                error.status,
                Problem(
                    code: error.status == .notFound ? "no_such_path" : "request_refused",
                    message: "\(request.method.rawValue) \(request.uri.path) is not known.",
                    hint: "The paths are listed in the README."))
            // The answer to a HEAD has no body.
            return request.method == .head ? response.createHeadResponse() : response
        }
    }
}
