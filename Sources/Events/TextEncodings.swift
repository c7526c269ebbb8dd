/// Lower-case hexadecimal of a digest.
package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
        let text = String(byte, radix: 16)
        return text.count == 1 ? "0" + text : text
    }.joined()
}

/// The text as it may stand in one part of an address or a form: all but unreserved characters
/// encoded (RFC 3986, 2.3).
package func percentEncoded(_ text: String) -> String {
    var result: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: result.append(byte)
        default: result += Array(("%" + hexadecimal([byte]).uppercased()).utf8)
        }
    }
    return String(decoding: result, as: UTF8.self)
}

/// Base 64, the common alphabet and the one for addresses; both are read, the common one is
/// written.
package enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// Reads text with or without padding; nil when a character belongs to neither alphabet.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var result: [UInt8] = []
        var buffer = 0
        var bits = 0
        let body = text.utf8.reversed().drop { $0 == 0x3D }.reversed()
        for byte in body {
            guard let value = value(of: byte) else { return nil }
            buffer = (buffer << 6 | value) & 0xFFFF
            bits += 6
            if bits >= 8 {
                bits -= 8
                result.append(UInt8(buffer >> bits & 0xFF))
            }
        }
        return result
    }

    /// Writes text with padding.
    package static func encode(_ bytes: some Collection<UInt8>) -> String {
        var result: [UInt8] = []
        result.reserveCapacity((bytes.count + 2) / 3 * 4)
        var rest = bytes[...]
        while !rest.isEmpty {
            let group = Array(rest.prefix(3))
            let padded = group + [0, 0]
            let number = Int(padded[0]) << 16 | Int(padded[1]) << 8 | Int(padded[2])
            for place in 0..<4 {
                let isPadding = place > group.count
                result.append(isPadding ? 0x3D : alphabet[number >> (18 - 6 * place) & 63])
            }
            rest = rest.dropFirst(3)
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func value(of byte: UInt8) -> Int? {
        switch byte {
        case 0x41...0x5A: Int(byte) - 0x41
        case 0x61...0x7A: Int(byte) - 0x61 + 26
        case 0x30...0x39: Int(byte) - 0x30 + 52
        case 0x2B, 0x2D: 62
        case 0x2F, 0x5F: 63
        default: nil
        }
    }
}

extension String {
    /// Whether the bytes of a text stand somewhere in this one's; what looks the same but is
    /// written with other bytes is not found.
    package func holds(_ text: String) -> Bool {
        var (own, sought) = (self, text)
        return own.withUTF8 { own in
            sought.withUTF8 { sought in
                guard let first = sought.first else { return true }
                guard own.count >= sought.count else { return false }
                return (0...own.count - sought.count).contains { start in
                    own[start] == first && own[start...].starts(with: sought)
                }
            }
        }
    }
}

/// Small records as the store keeps them: their fields as one text, separated by U+001F.
package enum Fields {
    private static let separator: UInt8 = 0x1F

    package static func join(_ fields: [String]) -> String {
        let count = fields.reduce(max(0, fields.count - 1)) { $0 + $1.utf8.count }
        return String(unsafeUninitializedCapacity: count) { buffer in
            var at = 0
            for (index, field) in fields.enumerated() {
                if index > 0 {
                    buffer[at] = separator
                    at += 1
                }
                var field = field
                field.withUTF8 { at = buffer[at...].initialize(fromContentsOf: $0) }
            }
            return at
        }
    }

    package static func split(_ text: some StringProtocol) -> [String] {
        text.split(separator: "\u{1F}", omittingEmptySubsequences: false).map { String($0) }
    }
}
