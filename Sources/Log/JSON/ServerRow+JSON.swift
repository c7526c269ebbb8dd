import Events
import JSON
import Pipeline

extension ServerRow {
    /// The pipeline and the pressure as members of an open JSON object.
    func appendMembers(to writer: inout JSONWriter) {
        writer.key("pipeline")
        writer.beginObject()
        writer.member("revision", running?.revision)
        writer.member("takenAt", running?.at.iso8601)
        writer.member("refusedRevision", refused?.revision)
        writer.member("refusedAt", refused?.at.iso8601)
        writer.endObject()
        writer.key("intake")
        writer.beginObject()
        writer.member("takesEvents", pressure == nil)
        writer.member("since", pressure?.since.iso8601)
        writer.member("code", pressure?.problem.code)
        writer.member("message", pressure?.problem.message)
        writer.member("hint", pressure?.problem.hint)
        writer.endObject()
    }
}
