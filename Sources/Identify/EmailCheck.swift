import JSON

/// The judgement on a text that stands where an email belongs.
package enum EmailCheck: Sendable, Equatable {
    /// An address.
    case usable
    /// A digest of an address, most likely.
    case hashed
    /// Neither of the two.
    case invalid

    /// Judges the text alone; nothing is looked up.
    package init(_ text: String) {
        if Self.looksHashed(text) {
            self = .hashed
        } else {
            self = Self.isAddress(text) ? .usable : .invalid
        }
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

    /// An address has one `@`, a local part, a domain with a dot, no spaces or control characters,
    /// at most 254 characters (RFC 5321).
    private static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, text.utf8.count <= 254, (1...64).contains(parts[0].utf8.count),
            text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F })
        else { return false }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return labels.count >= 2 && labels.allSatisfy { !$0.isEmpty && $0.utf8.count <= 63 }
    }
}
