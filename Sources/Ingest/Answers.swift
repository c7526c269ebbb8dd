package import Events
import HTTPTypes
package import Hummingbird
import NIOCore

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
