import Events
package import JSON

extension RejectedRow {
    /// The rejected body as JSON, with what is wrong and what to do.
    package func appendJSON(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("number", Int(number))
        writer.member("source", source)
        writer.member("receivedAt", receivedAt.iso8601)
        writer.member("messageId", messageID)
        writer.member("code", problem.code)
        writer.member("message", problem.message)
        writer.member("hint", problem.hint)
        writer.member("body", String(decoding: body, as: UTF8.self))
        writer.member("headers", headers)
        writer.member("removed", removed)
        writer.endObject()
    }
}
