import Consent
import Events
package import JSON

extension [Standing] {
    /// The stored consent of a person as a JSON array, one element for each identifier.
    package func appendJSON(to writer: inout JSONWriter) {
        writer.beginArray()
        for standing in self { standing.appendJSON(to: &writer) }
        writer.endArray()
    }
}

extension Standing {
    /// The answers and suppressions of one identifier, as JSON.
    fileprivate func appendJSON(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("answers")
        writer.beginArray()
        for answer in answers {
            writer.beginObject()
            writer.member("category", answer.category)
            writer.member("granted", answer.granted)
            writer.member("at", answer.at.iso8601)
            writer.member("origin", answer.origin)
            writer.endObject()
        }
        writer.endArray()
        writer.key("suppressions")
        writer.beginArray()
        for suppression in suppressions {
            writer.beginObject()
            writer.member("cause", suppression.cause)
            writer.member("at", suppression.at.iso8601)
            writer.member("origin", suppression.origin)
            writer.member("event", suppression.event?.text)
            writer.member("liftedAt", suppression.liftedAt?.iso8601)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
    }
}
