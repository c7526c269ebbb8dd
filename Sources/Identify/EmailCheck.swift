import JSON

/// The judgement on a text that stands where an email belongs.
///
/// The address is read out of the spellings in which forms and mail programs give it: blanks around
/// it, `mailto:`, a name with the address in angle brackets.
package enum EmailCheck: Sendable, Equatable {
    /// An address, without anything around it.
    case usable(String)
    /// A digest of an address, most likely.
    case hashed
    /// Nothing but blanks.
    case empty
    /// Anything else.
    case invalid

    /// Judges the text alone; nothing is looked up.
    package init(_ text: String) {
        if Self.isPlainAddress(text) {
            self = .usable(text)
            return
        }
        let address = Self.address(in: text)
        if address.isEmpty {
            self = text.allSatisfy(\.isWhitespace) ? .empty : .invalid
        } else if Self.looksHashed(address) {
            self = .hashed
        } else {
            self = Self.isAddress(address) ? .usable(address) : .invalid
        }
    }

    /// True for an address of ASCII letters, digits and the usual signs, with nothing around it.
    private static func isPlainAddress(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            guard bytes.count <= 254, let at = bytes.firstIndex(of: UInt8(ascii: "@")),
                (1...64).contains(at)
            else { return false }
            var label = 0
            var labels = 1
            for (index, byte) in bytes.enumerated() where index != at {
                let isSign = byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                let isWord =
                    byte.isASCIIDigit || byte.isASCIILowercase || byte.isASCIIUppercase || isSign
                if index < at {
                    guard isWord || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "+") else {
                        return false
                    }
                } else if byte == UInt8(ascii: ".") {
                    guard label > 0 else { return false }
                    labels += 1
                    label = 0
                } else {
                    label += 1
                    guard isWord, label <= 63 else { return false }
                }
            }
            return labels >= 2 && label > 0
        }
    }

    /// The address without blanks, `mailto:` or a name around it.
    private static func address(in text: String) -> String {
        var address = trimmed(text[...])
        if address.hasSuffix(">"), let open = address.lastIndex(of: "<") {
            address = trimmed(address[address.index(after: open)...].dropLast())
        }
        if address.prefix(7).lowercased() == "mailto:" {
            address = address.dropFirst(7).prefix { $0 != "?" }
        }
        return String(trimmed(address))
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }

    /// Hexadecimal digests from MD5 to SHA-512, and the same in base 64 with or without padding.
    private static func looksHashed(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        let isHex = bytes.allSatisfy {
            $0.isASCIIDigit || (UInt8(ascii: "A")...UInt8(ascii: "F")).contains($0)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
        }
        if isHex, [32, 40, 56, 64, 96, 128].contains(bytes.count) { return true }
        let body = bytes.reversed().drop { $0 == UInt8(ascii: "=") }
        let padding = bytes.count - body.count
        let isBase64 = body.allSatisfy {
            $0.isASCIIDigit || $0.isASCIIUppercase || $0.isASCIILowercase
                || Self.base64Signs.contains($0)
        }
        // Digest bytes 16, 20, 28, 32, 48, 64 make so many characters before the padding.
        return isBase64 && padding <= 2 && [22, 27, 38, 43, 64, 86].contains(body.count)
    }

    private static let base64Signs = Array("+/-_".utf8)

    /// An address has one `@`, a local part, a domain with a dot, at most 254 characters (RFC
    /// 5321); no blanks, nothing invisible, and no signs that separate addresses.
    private static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, text.utf8.count <= 254, (1...64).contains(parts[0].utf8.count),
            text.unicodeScalars.allSatisfy(isAllowed)
        else { return false }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return labels.count >= 2 && labels.allSatisfy { !$0.isEmpty && $0.utf8.count <= 63 }
    }

    private static let separators = Set("<>()[],;:\\\"".unicodeScalars)

    private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return scalar.value > 0x20 && scalar.value != 0x7F && !separators.contains(scalar)
        }
        let properties = scalar.properties
        return switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .spaceSeparator, .privateUse,
            .surrogate, .unassigned:
            false
        default: !properties.isDefaultIgnorableCodePoint
        }
    }
}
