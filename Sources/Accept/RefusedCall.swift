package import Events

/// A call that was turned away whole, before anything of it became an event; kept for operators.
///
/// Whoever calls without a key writes most of it, so each text is cut and made safe to print.
package struct RefusedCall: Sendable, Equatable {
    /// The source that the call was meant for; nil when nobody can tell.
    package let source: String?
    /// The code of what was wrong, out of a closed list.
    package let code: String
    /// The moment of the answer.
    package let at: Timestamp
    /// The path without the query; a key in it is masked.
    package let path: String
    /// The origin of the page that called; nil when none was named.
    package let origin: String?
    /// The program that called, as it named itself.
    package let userAgent: String?
    /// The last four characters of the key that was given; nil without a key, or with one that is
    /// so short that they would give it away.
    package let keyEnding: String?

    /// Characters of a path, an origin or a user agent that are kept.
    package static let textLimit = 160
    /// Characters of a key from which the last four are shown.
    package static let shortestShownKey = 8

    /// A call that was refused at a moment.
    package init(
        source: String?, code: String, at moment: Timestamp, path: String, origin: String? = nil,
        userAgent: String? = nil, key: String? = nil
    ) {
        self.source = source
        self.code = code
        at = moment
        self.path = Self.safe(path)
        self.origin = origin.map(Self.safe)
        self.userAgent = userAgent.map(Self.safe)
        keyEnding = key.flatMap { key in
            key.count < Self.shortestShownKey ? nil : printable(String(key.suffix(4)))
        }
    }

    private static func safe(_ text: String) -> String {
        let shown = printable(String(text.unicodeScalars.prefix(textLimit)))
        return shown.count <= textLimit ? shown : String(shown.prefix(textLimit)) + "…"
    }
}
