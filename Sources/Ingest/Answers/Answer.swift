package import Events
import HTTPTypes
package import Hummingbird
package import JSON
import NIOCore

/// An answer of the ingest API before it is written, by the router or past it.
struct Answer: Sendable {
    var status: HTTPResponse.Status
    /// Header fields beside the content type, which is always JSON.
    var headers: [HTTPField] = []
    var body: [UInt8]

    /// The content type of every answer.
    static let type = "application/json"

    /// An answer whose body is a JSON object, with the members that `write` produces.
    static func json(
        _ status: HTTPResponse.Status, _ write: (inout JSONWriter) -> Void
    ) -> Answer {
        var writer = JSONWriter(capacity: 256)
        writer.beginObject()
        write(&writer)
        writer.endObject()
        return Answer(status: status, body: writer.bytes)
    }

    /// An error as every client can read it; says when to try again where that helps.
    static func failure(_ status: HTTPResponse.Status, _ problem: Problem) -> Answer {
        var answer = json(status) { writer in
            writer.member("success", false)
            writer.member("code", problem.code)
            writer.member("message", problem.message)
            writer.member("hint", problem.hint)
            writer.member("error", problem.message)
        }
        if status == .serviceUnavailable || status == .tooManyRequests {
            answer.headers = [.retryAfter(IngestRoutes.retryAfter)]
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
            case "unsupported_encoding": .unsupportedMediaType
            case "store_unavailable", "disk_reserve", "queue_full": .serviceUnavailable
            case "unknown_key", "bad_signature", "verification_failed": .unauthorized
            case "origin_not_allowed": .forbidden
            default: .badRequest
            }
        return failure(status, problem)
    }

    /// The answer as the router sends it.
    var response: Response {
        Response(
            status: status,
            headers: HTTPFields([HTTPField(name: .contentType, value: Self.type)] + headers),
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

/// A response whose body is a JSON object, with the members that `write` produces.
package func json(
    _ status: HTTPResponse.Status, _ write: (inout JSONWriter) -> Void
) -> Response {
    Answer.json(status, write).response
}

/// An error response as every client can read it.
package func failure(_ status: HTTPResponse.Status, _ problem: Problem) -> Response {
    Answer.failure(status, problem).response
}

/// An error response with the status that goes with its code.
func failure(_ problem: Problem) -> Response { Answer.failure(problem).response }

extension HTTPField {
    /// Asks the client to wait: whole seconds, as RFC 9110 has it.
    static func retryAfter(_ pause: Duration) -> HTTPField {
        HTTPField(name: .retryAfter, value: String(pause.components.seconds))
    }
}
