import JSON

/// An event's name as names are compared: case, spaces, `_` and `-` make no difference.
///
/// The rule is that of the email services that receive events ("upper/lower case, spaces and
/// underscores are equal"), so that one name here is one name there.
package func folded(_ name: String) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(name.utf8.count)
    for byte in name.utf8 {
        guard byte < 0x80 else {
            return String(name.lowercased().filter { $0 != " " && $0 != "_" && $0 != "-" })
        }
        if let byte = foldedByte(byte) { bytes.append(byte) }
    }
    return String(decoding: bytes, as: UTF8.self)
}

/// True when a name folds to a text that is folded already; allocates nothing for ASCII names.
package func folds(_ name: String, to text: String) -> Bool {
    var rest = text.utf8.makeIterator()
    for byte in name.utf8 {
        guard byte < 0x80 else { return folded(name) == text }
        if let byte = foldedByte(byte), rest.next() != byte { return false }
    }
    return rest.next() == nil
}

/// An ASCII byte in lower case; nil when it makes no difference.
private func foldedByte(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: " "), UInt8(ascii: "_"), UInt8(ascii: "-"): nil
    case _ where byte.isASCIIUppercase: byte + (UInt8(ascii: "a") - UInt8(ascii: "A"))
    default: byte
    }
}
