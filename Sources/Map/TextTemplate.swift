package import Events

/// A text with names in braces, such as `{base_url}/events/track`.
package struct TextTemplate: Sendable, Equatable {
    /// A piece of the text as it stands, or a name to be filled in.
    package enum Part: Sendable, Equatable { case text(String), name(String) }
    package let parts: [Part]

    /// A value to fill in for a name.
    package enum Value: Sendable, Equatable {
        case plain(String)
        /// The parameter whose value is put in when the text is sent.
        case secret(String)
    }

    package init(_ text: String) {
        var parts: [Part] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
            parts.append(.name(String(rest[rest.index(after: open)..<close])))
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
    }

    /// The names to be filled in, in order.
    package var names: [String] {
        parts.compactMap { if case .name(let name) = $0 { name } else { nil } }
    }

    /// The text with values in place and secret ones masked.
    package func fill(_ value: (String) -> Value) -> MaskedText {
        var result = MaskedText()
        for part in parts {
            switch part {
            case .text(let text): result.bytes += Array(text.utf8)
            case .name(let name):
                switch value(name) {
                case .plain(let text): result.bytes += Array(text.utf8)
                case .secret(let parameter):
                    result.secrets.append(
                        .init(offset: result.bytes.count, parameter: parameter))
                    result.bytes += MaskedText.mask
                }
            }
        }
        return result
    }
}
