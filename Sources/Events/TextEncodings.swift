import JSON

/// Bytes as lower-case hexadecimal, such as a digest.
package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
        let text = String(byte, radix: 16)
        return text.count == 1 ? "0" + text : text
    }.joined()
}

/// The bytes that hexadecimal digits of either case stand for; nil when the text is anything else.
package func bytes(ofHexadecimal text: some StringProtocol) -> [UInt8]? {
    let digits = text.utf8.compactMap { hexadecimalValue(of: $0) }
    guard digits.count == text.utf8.count, digits.count.isMultiple(of: 2) else { return nil }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// The value of a hexadecimal digit; nil for every other byte.
private func hexadecimalValue(of byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// A text for one part of an address or a form: every byte but unreserved characters is encoded
/// as `%XX` (RFC 3986, 2.3).
package func percentEncoded(_ text: String) -> String {
    var result: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case _ where byte.isASCIIDigit || byte.isASCIIUppercase || byte.isASCIILowercase,
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
            result.append(byte)
        default: result += Array(("%" + hexadecimal([byte]).uppercased()).utf8)
        }
    }
    return String(decoding: result, as: UTF8.self)
}

/// The bytes that a name or a value of a form stands for.
///
/// `+` is a blank, `%XX` a byte; a `%` without two digits stands for itself.
package func formDecoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var rest = text
    while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "%"), rest.count >= 2,
            let high = hexadecimalValue(of: rest[rest.startIndex]),
            let low = hexadecimalValue(of: rest[rest.startIndex + 1])
        {
            result.append(high << 4 | low)
            rest = rest.dropFirst(2)
        } else {
            result.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
        }
    }
    return result
}

extension String {
    /// True when the bytes of another text stand somewhere in this one's; a text that looks the
    /// same but is written with other bytes is not found.
    package func containsBytes(of text: String) -> Bool {
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

extension String {
    /// True when the text has fewer Unicode scalars than `count`.
    package func hasFewerScalars(than count: Int) -> Bool { self[...].hasFewerScalars(than: count) }
}

extension Substring {
    /// True when the text has fewer Unicode scalars than `count`.
    package func hasFewerScalars(than count: Int) -> Bool {
        // Each takes at least one byte.
        utf8.count < count || unicodeScalars.count < count
    }
}

extension String {
    /// The text with `%3A` and the like read; unchanged where one cannot be read.
    package var removingPercent: String {
        guard utf8.contains(UInt8(ascii: "%")) else { return self }
        var bytes: [UInt8] = []
        var rest = Array(utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let read = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(read)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
