/// Decodes a string's escapes, which the parser has checked already.
func unescape(_ slice: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(slice.count)
    var at = slice.startIndex
    while at < slice.endIndex {
        guard slice[at] == UInt8(ascii: "\\") else {
            result.append(slice[at])
            at += 1
            continue
        }
        let escape = slice[at + 1]
        at += 2
        guard escape == UInt8(ascii: "u") else {
            result.append(unescaped(escape))
            continue
        }
        var scalar = hexUnit(slice, at)
        at += 4
        if (0xD800..<0xDC00).contains(scalar) {
            scalar = 0x10000 + (scalar - 0xD800) << 10 + (hexUnit(slice, at + 2) - 0xDC00)
            at += 6
        }
        result.append(contentsOf: String(UnicodeScalar(scalar) ?? "\u{FFFD}").utf8)
    }
    return result
}

private func unescaped(_ escape: UInt8) -> UInt8 {
    switch escape {
    case UInt8(ascii: "b"): UInt8(ascii: "\u{8}")
    case UInt8(ascii: "f"): UInt8(ascii: "\u{C}")
    case UInt8(ascii: "n"): UInt8(ascii: "\n")
    case UInt8(ascii: "r"): UInt8(ascii: "\r")
    case UInt8(ascii: "t"): UInt8(ascii: "\t")
    default: escape
    }
}

private func hexUnit(_ slice: ArraySlice<UInt8>, _ at: Int) -> UInt32 {
    var value: UInt32 = 0
    for offset in 0..<4 { value = value << 4 | UInt32(hexDigit(slice[at + offset]) ?? 0) }
    return value
}

/// The value of a hexadecimal digit, or nil.
func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
}
