/// Strings and keys: plain bytes are passed over eight at a time; escapes and bytes above ASCII are
/// checked one by one, and noted for a repair where they are wrong.
extension JSONParser {
    mutating func string(as kind: JSONNode.Kind) throws(JSONError) {
        let start = at + 1
        var escaped = false
        at = start
        scan: while true {
            guard at < bytes.count else {
                at = start - 1
                throw syntax("The string that begins here does not end")
            }
            switch bytes[at] {
            case UInt8(ascii: "\""): break scan
            case UInt8(ascii: "\\"):
                escaped = true
                try escape()
            case 0x00..<0x20: throw syntax("A control character must be written as an escape")
            case 0x80...: try multibyte()
            default: skipPlain()
            }
        }
        let clean = patches.isEmpty || patches[patches.count - 1].range.lowerBound < start
        let next: UInt32
        if kind == .key {
            next = hash(start..<at, isEscaped: escaped && clean)
        } else {
            next = UInt32(nodes.count + 1)
        }
        nodes.append(
            JSONNode(
                kind: kind, escaped: escaped, start: UInt32(start), end: UInt32(at), next: next))
        at += 1
    }

    /// Goes on to the next byte that needs a closer look, eight at a time while there are as many.
    private mutating func skipPlain() {
        while at + 8 <= bytes.count, let start = bytes.baseAddress {
            let word = UnsafeRawPointer(start).loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let marks = Self.special(UInt64(littleEndian: word))
            at += marks.trailingZeroBitCount / 8
            if marks != 0 { return }
        }
        while at < bytes.count, (0x20..<0x80).contains(bytes[at]), bytes[at] != UInt8(ascii: "\""),
            bytes[at] != UInt8(ascii: "\\")
        { at += 1 }
    }

    /// The highest bit of each byte that is a quote, a backslash, a control character or not ASCII;
    /// those above the lowest may be marked for nothing.
    private static func special(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
        let backslash = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
        let control = (word &- (ones &* 0x20)) & ~word
        return ((quote &- ones) & ~quote | (backslash &- ones) & ~backslash | control | word)
            & (ones &* 0x80)
    }

    private func hash(_ range: Range<Int>, isEscaped: Bool) -> UInt32 {
        if isEscaped {
            return unescape(Array(bytes[range])[...]).withUnsafeBufferPointer { jsonKeyHash($0) }
        }
        return jsonKeyHash(.init(rebasing: bytes[range]))
    }

    private mutating func escape() throws(JSONError) {
        guard at + 1 < bytes.count else { throw syntax("The text ends inside an escape") }
        switch bytes[at + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            at += 2
        case UInt8(ascii: "u"): try unicodeEscape()
        default: throw syntax("Unknown escape \\\(describe(bytes[at + 1]))")
        }
    }

    private mutating func unicodeEscape() throws(JSONError) {
        let unit = try unit(at: at)
        guard (0xD800..<0xE000).contains(unit) else {
            at += 6
            return
        }
        if unit < 0xDC00, byte(6) == UInt8(ascii: "\\"), byte(7) == UInt8(ascii: "u") {
            let low = try self.unit(at: at + 6)
            if (0xDC00..<0xE000).contains(low) {
                at += 12
                return
            }
        }
        guard repairing else { throw syntax("Half of a surrogate pair stands alone") }
        try patch(at..<at + 6, .loneSurrogate)
        at += 6
    }

    private func unit(at start: Int) throws(JSONError) -> UInt32 {
        guard start + 6 <= bytes.count else { throw syntax("The text ends inside an escape") }
        var value: UInt32 = 0
        for offset in 2..<6 {
            guard let digit = hexDigit(bytes[start + offset]) else {
                throw syntax("\\u must be followed by four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    /// Checks one UTF-8 sequence of two to four bytes (Unicode 15, table 3-7).
    private mutating func multibyte() throws(JSONError) {
        let first = bytes[at]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        case 0xF1...0xF3: length = 4
        default: return try replaceByte()
        }
        guard at + length <= bytes.count, second.contains(bytes[at + 1]) else {
            return try replaceByte()
        }
        for offset in 2..<max(length, 2) where bytes[at + offset] & 0xC0 != 0x80 {
            return try replaceByte()
        }
        at += length
    }

    /// Has a byte that is no UTF-8 replaced, together with those before it.
    private mutating func replaceByte() throws(JSONError) {
        guard repairing else {
            throw JSONError(
                code: .encoding, offset: at, message: "The text is not valid UTF-8.")
        }
        if let last = patches.last, last.repair == .invalidUTF8, last.range.upperBound == at {
            patches[patches.count - 1].range = last.range.lowerBound..<at + 1
        } else {
            try patch(at..<at + 1, .invalidUTF8)
        }
        at += 1
    }
}
