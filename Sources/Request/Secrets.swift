import Events
import JSON

/// The credentials of one destination, by the names of its parameters; printed, they are `***`.
///
/// Their values leave this type only into a request that is about to travel. Everything that comes
/// back from the destination goes through `mask` before it is shown or stored.
package struct Secrets: Sendable, CustomStringConvertible, CustomReflectable {
    private let values: [String: [UInt8]]
    /// The values as they stand inside a JSON string.
    private let quoted: [String: [UInt8]]
    /// Every form in which a secret may come back in an answer, the longest first.
    private let forms: [String]

    package init(_ values: [String: String]) {
        self.values = values.mapValues { Array($0.utf8) }
        quoted = values.mapValues { value in
            Array(JSONWriter.make { $0.string(value) }.dropFirst().dropLast())
        }
        let all = Set(values.values.flatMap(Self.forms))
        forms = all.filter { $0.utf8.count >= Self.shortest }
            .sorted { ($0.utf8.count, $0) > ($1.utf8.count, $1) }
    }

    /// Bytes of the shortest text that is masked: a shorter one would mask what is no secret.
    private static let shortest = 4
    /// Bytes of the shortest part of an address that is masked.
    private static let shortestSegment = 8

    /// The value, its parts, what an address hides in its path and query, and how JSON and forms
    /// write them.
    private static func forms(of value: String) -> [String] {
        var forms = [value] + value.split(separator: " ").map(String.init)
        if let scheme = value.firstRange(of: "://") {
            let rest = value[scheme.upperBound...]
            let path = rest.drop { $0 != "/" && $0 != "?" }
            let segments = path.split { "/?&=#".contains($0) }.map(String.init)
            forms += [String(path)] + segments
            forms.removeAll { $0 != value && $0.utf8.count < shortestSegment }
        }
        return forms.flatMap { [$0, $0.replacing("/", with: "\\/"), percentEncoded($0)] }
    }

    package var description: String { "***" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }

    /// A secret as it stands inside a JSON string; empty when there is none of that name.
    package func json(_ name: String) -> [UInt8] { quoted[name] ?? [] }

    /// A secret as it was given; empty when there is none of that name.
    package func plain(_ name: String) -> [UInt8] { values[name] ?? [] }

    /// The text with every secret that occurs in it masked: for answers that echo one.
    package func mask(_ text: String) -> String {
        var text = text
        for form in forms where text.containsBytes(of: form) {
            text = text.replacing(form, with: "***")
        }
        return text
    }
}
