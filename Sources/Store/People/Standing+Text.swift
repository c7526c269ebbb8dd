package import Consent
import Events
package import Identify
import JSON

/// The texts under which stores keep answers and suppressions: small JSON lists.
extension Standing {
    /// The answers as a store keeps them; nil when there are none.
    package var answersText: String? {
        guard !answers.isEmpty else { return nil }
        return Self.text { writer in
            for answer in answers {
                writer.beginObject()
                writer.member("category", answer.category)
                writer.member("granted", answer.granted)
                writer.member("at", Int(answer.at.milliseconds))
                writer.member("origin", answer.origin)
                if answer.isOperators { writer.member("operator", true) }
                if answer.isAlone { writer.member("alone", true) }
                writer.endObject()
            }
        }
    }

    /// The suppressions as a store keeps them; nil when there are none.
    package var suppressionsText: String? {
        guard !suppressions.isEmpty else { return nil }
        return Self.text { writer in
            for suppression in suppressions {
                writer.beginObject()
                writer.member("cause", suppression.cause)
                writer.member("at", Int(suppression.at.milliseconds))
                writer.member("origin", suppression.origin)
                writer.member("event", suppression.event?.text)
                writer.member("lifted_at", suppression.liftedAt.map { Int($0.milliseconds) })
                if suppression.isAlone { writer.member("alone", true) }
                writer.endObject()
            }
        }
    }

    /// Reads both texts; entries that cannot be read are left out.
    package init(answersText: String?, suppressionsText: String?) {
        self.init(
            answers: Self.elements(answersText).compactMap(Self.answer),
            suppressions: Self.elements(suppressionsText).compactMap(Self.suppression))
    }

    private static func text(_ body: (inout JSONWriter) -> Void) -> String {
        let bytes = JSONWriter.make { writer in
            writer.beginArray()
            body(&writer)
            writer.endArray()
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func elements(_ text: String?) -> [JSONValue] {
        text.flatMap { try? JSONReader.read(text: $0) }?.root.elements ?? []
    }

    private static func answer(_ value: JSONValue) -> ConsentAnswer? {
        guard let category = value["category"]?.string, let granted = value["granted"]?.bool,
            let at = value["at"]?.integer
        else { return nil }
        return ConsentAnswer(
            category: category, granted: granted, at: Timestamp(milliseconds: Int64(at)),
            origin: value["origin"]?.string ?? "",
            isOperators: value["operator"]?.bool ?? false, isAlone: value["alone"]?.bool ?? false)
    }

    private static func suppression(_ value: JSONValue) -> Suppression? {
        guard let cause = value["cause"]?.string, let at = value["at"]?.integer else { return nil }
        return Suppression(
            cause: cause, at: Timestamp(milliseconds: Int64(at)),
            origin: value["origin"]?.string ?? "",
            event: value["event"]?.string.flatMap { EventID($0) },
            liftedAt: value["lifted_at"]?.integer.map { Timestamp(milliseconds: Int64($0)) },
            isAlone: value["alone"]?.bool ?? false)
    }
}

extension IdentityRecord {
    /// The former ids as a store keeps them; nil when there are none.
    package var previousText: String? {
        guard !previous.isEmpty else { return nil }
        let bytes = JSONWriter.make { writer in
            writer.beginArray()
            for id in previous { writer.string(id) }
            writer.endArray()
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads the former ids; none when they cannot be read.
    package static func previous(in text: String?) -> [String] {
        text.flatMap { try? JSONReader.read(text: $0) }?.root.elements.compactMap(\.string) ?? []
    }
}
