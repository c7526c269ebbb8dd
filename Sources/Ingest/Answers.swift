package import Events
import HTTPTypes
package import Hummingbird
package import JSON
import NIOCore

/// An answer before it is written: the same for every way in which a request may be served.
struct Answer: Sendable {
    var status: HTTPResponse.Status
    /// What is said beside the type, which is always JSON.
    var headers: [HTTPField] = []
    var body: [UInt8]

    static let type = "application/json"

    /// A JSON object.
    static func json(
        _ status: HTTPResponse.Status, _ write: (inout JSONWriter) -> Void
    ) -> Answer {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        write(&writer)
        writer.endObject()
        return Answer(status: status, body: writer.bytes)
    }

    /// An error as every client can read it; pauses are named where trying again helps.
    static func failure(_ status: HTTPResponse.Status, _ problem: Problem) -> Answer {
        var answer = json(status) { writer in
            writer.member("success", false)
            writer.member("code", problem.code)
            writer.member("message", problem.message)
            writer.member("hint", problem.hint)
            writer.member("error", problem.message)
        }
        if status == .serviceUnavailable || status == .tooManyRequests {
            answer.headers = [
                HTTPField(name: .retryAfter, value: String(IngestRoutes.retryAfter))
            ]
        }
        if status == .contentTooLarge {
            answer.headers = [HTTPField(name: .connection, value: "close")]
        }
        return answer
    }

    /// An error with the status that goes with its code.
    static func failure(_ problem: Problem) -> Answer {
        let status: HTTPResponse.Status =
            switch problem.code {
            case "body_too_large": .contentTooLarge
            case "store_unavailable", "disk_reserve", "queue_full": .serviceUnavailable
            case "unknown_key", "bad_signature", "verification_failed": .unauthorized
            case "origin_not_allowed": .forbidden
            default: .badRequest
            }
        return failure(status, problem)
    }

    var response: Response {
        Response(
            status: status,
            headers: HTTPFields([HTTPField(name: .contentType, value: Self.type)] + headers),
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

/// A JSON answer.
package func json(
    _ status: HTTPResponse.Status, _ write: (inout JSONWriter) -> Void
) -> Response {
    Answer.json(status, write).response
}

/// An error as every client can read it.
package func failure(_ status: HTTPResponse.Status, _ problem: Problem) -> Response {
    Answer.failure(status, problem).response
}

/// An error with the status that goes with its code.
func failure(_ problem: Problem) -> Response { Answer.failure(problem).response }

let unreadableBody = Problem(
    code: "unreadable_body", message: "The body could not be read to its end.",
    hint: "Send it again.")

extension RateLimits {
    /// The answer to a source that is too fast; nil when it is not.
    func refusal(of source: String, _ perSecond: Double?, at now: Timestamp) -> Answer? {
        guard let pause = pause(for: source, perSecond, at: now) else { return nil }
        var answer = Answer.failure(
            .tooManyRequests,
            Problem(
                code: "too_fast", message: "The source \"\(source)\" sends too fast.",
                hint: "Wait as long as Retry-After says, then send it again."))
        answer.headers = [HTTPField(name: .retryAfter, value: String(pause))]
        return answer
    }
}

extension Request {
    /// The body as it came; refused by its length before it is read.
    package func wire(limit: Int) async throws -> [UInt8] {
        let tooLarge = Problem(
            code: "body_too_large", message: "The body is larger than \(limit) bytes.",
            hint: "Send smaller batches.")
        let length = headers[.contentLength].flatMap { Int($0) } ?? 0
        guard length <= limit else {
            try await drainWhenClosing()
            throw tooLarge
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length)
        for try await chunk in body {
            guard bytes.count + chunk.readableBytes <= limit else { throw tooLarge }
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        return bytes
    }

    /// A client that closes after this request reads the answer only when its body was taken.
    private func drainWhenClosing() async throws {
        guard headers[.connection]?.lowercased() == "close" else { return }
        var taken = 0
        for try await chunk in body {
            taken += chunk.readableBytes
            if taken > Self.drainedBytes { return }
        }
    }

    /// Bytes of a refused body that are read and thrown away.
    private static var drainedBytes: Int { 64 << 20 }
}

/// Bytes a body may inflate to.
private let inflatedBytes = 16 << 20

/// A body without its compression.
func inflated(
    _ bytes: [UInt8], _ headers: HTTPFields, limit: Int = inflatedBytes
) throws(Problem) -> [UInt8] {
    guard headers[.contentEncoding]?.lowercased() == "gzip" else { return bytes }
    return try gunzip(bytes, limit: limit)
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
