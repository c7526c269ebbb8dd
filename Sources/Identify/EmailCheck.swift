/// What a text in the place of an email is.
package enum EmailCheck: Sendable, Equatable {
    case usable, hashed, invalid

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
            (0x30...0x39).contains($0) || (0x41...0x46).contains($0) || (0x61...0x66).contains($0)
        }
        if isHex, [32, 40, 56, 64, 96, 128].contains(bytes.count) { return true }
        let body = bytes.reversed().drop { $0 == 0x3D }
        let padding = bytes.count - body.count
        let isBase64 = body.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || [0x2B, 0x2F, 0x2D, 0x5F].contains($0)
        }
        // Digest bytes 16, 20, 28, 32, 48, 64 make so many characters before the padding.
        return isBase64 && padding <= 2 && [22, 27, 38, 43, 64, 86].contains(body.count)
    }

    /// One `@`, a local part, a domain with a dot, no spaces or control characters, at most 254
    /// characters (RFC 5321).
    private static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, text.utf8.count <= 254, (1...64).contains(parts[0].utf8.count),
            text.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F })
        else { return false }
        let labels = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return labels.count >= 2 && labels.allSatisfy { !$0.isEmpty && $0.utf8.count <= 63 }
    }
}
