import Events
import HTTPTypes
import Hummingbird
import JSON
import NIOCore

/// An answer of the operator API: a JSON object that names the server's version.
struct APIAnswer {
    let status: HTTPResponse.Status
    let body: [UInt8]

    /// The answer to an order that was carried out.
    static func success(
        version: String, _ appendMembers: (inout JSONWriter) -> Void = { _ in }
    ) -> APIAnswer {
        make(.ok, version: version, appendMembers)
    }

    /// The answer to an order that was refused, with the status that goes with the problem's code.
    static func failure(_ problem: Problem, version: String) -> APIAnswer {
        make(status(of: problem.code), version: version) { problem.appendMembers(to: &$0) }
    }

    private static func make(
        _ status: HTTPResponse.Status, version: String,
        _ appendMembers: (inout JSONWriter) -> Void
    ) -> APIAnswer {
        let body = JSONWriter.make { writer in
            writer.beginObject()
            writer.member("success", status == .ok)
            writer.member(APIVersion.member, version)
            appendMembers(&writer)
            writer.endObject()
        }
        return APIAnswer(status: status, body: body)
    }

    /// The HTTP status of a problem; 422 for an order that was understood and cannot be done.
    private static func status(of code: String) -> HTTPResponse.Status {
        switch code {
        case "bad_json", "unreadable_body": .badRequest
        case "no_such_destination", "no_such_source", "no_such_delivery", "no_such_path": .notFound
        case "other_version", "no_server", "file_exists", "data_directory_in_use", "not_waiting":
            .conflict
        case "body_too_large": .contentTooLarge
        case "store_unavailable", "disk_reserve", "queue_full": .serviceUnavailable
        case "store_unreadable": .internalServerError
        default: .unprocessableContent
        }
    }

    var response: Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}
