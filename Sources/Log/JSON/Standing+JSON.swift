import Consent
import Events
package import JSON

extension [StoredStanding] {
    /// The stored consent of a person as a JSON array, one element for each identifier.
    package func appendJSON(to writer: inout JSONWriter) {
        writer.objects(of: self) { stored, writer in
            writer.member("storedFor", objectsOf: stored.keys) { key, writer in
                writer.member("kind", key.kind.rawValue)
                writer.member("value", key.value)
            }
            stored.standing.appendMembers(to: &writer)
        }
    }
}

extension Standing {
    /// The answers and suppressions of one identifier, as members of an open JSON object.
    fileprivate func appendMembers(to writer: inout JSONWriter) {
        writer.member("answers", objectsOf: answers) { answer, writer in
            writer.member("category", answer.category)
            writer.member("granted", answer.granted)
            writer.member("at", answer.at.iso8601)
            writer.member("origin", answer.origin)
        }
        writer.member("suppressions", objectsOf: suppressions) { suppression, writer in
            writer.member("cause", suppression.cause)
            writer.member("at", suppression.at.iso8601)
            writer.member("origin", suppression.origin)
            writer.member("event", suppression.event?.text)
            writer.member("liftedAt", suppression.liftedAt?.iso8601)
        }
    }
}
