import Events

/// The content of a file in PEM (RFC 7468); only as much of it is read as shows that it is sound.
enum PEM {
    struct Block {
        let label: String
        let isEncrypted: Bool
        /// The content, in DER; nil when it is no base 64.
        let bytes: [UInt8]?

        /// True for three parts in a sequence that fills the block, as every certificate has them.
        var isCertificate: Bool {
            guard let bytes, let whole = PEM.element(bytes[...]), whole.rest.isEmpty,
                whole.tag == PEM.sequence, let first = PEM.element(whole.content),
                let second = PEM.element(first.rest), let third = PEM.element(second.rest)
            else { return false }
            return [first.tag, second.tag, third.tag]
                == [PEM.sequence, PEM.sequence, PEM.bitString] && third.rest.isEmpty
        }
    }

    private static let sequence: UInt8 = 16 | 1 << 5
    private static let bitString: UInt8 = 3

    static func blocks(of file: [UInt8]) -> [Block] {
        var blocks: [Block] = []
        var label: String?
        var base64 = ""
        var isEncrypted = false
        for line in String(decoding: file, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let line = line.withoutOuterBlanks
            if let begun = line.between("-----BEGIN ", "-----") {
                (label, base64, isEncrypted) = (begun, "", begun.hasPrefix("ENCRYPTED"))
            } else if let known = label, line.between("-----END ", "-----") == known {
                blocks.append(
                    Block(
                        label: known, isEncrypted: isEncrypted, bytes: Base64.decode(base64[...])))
                label = nil
            } else if line.contains(":") {
                isEncrypted = isEncrypted || line.contains("ENCRYPTED")
            } else {
                base64 += line
            }
        }
        return blocks
    }

    private struct Element {
        let tag: UInt8
        let content: ArraySlice<UInt8>
        let rest: ArraySlice<UInt8>
    }

    /// The first element of bytes in DER; nil when they do not hold all of it.
    private static func element(_ bytes: ArraySlice<UInt8>) -> Element? {
        guard let tag = bytes.first, let short = bytes.dropFirst().first else { return nil }
        var rest = bytes.dropFirst(2)
        var count = Int(short)
        if short & 0x80 != 0 {
            let size = Int(short & 0x7F)
            guard (1...4).contains(size), rest.count >= size else { return nil }
            count = rest.prefix(size).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(size)
        }
        guard rest.count >= count else { return nil }
        return Element(tag: tag, content: rest.prefix(count), rest: rest.dropFirst(count))
    }
}

extension Substring {
    fileprivate func between(_ start: String, _ end: String) -> String? {
        guard hasPrefix(start), hasSuffix(end), count > start.count + end.count else { return nil }
        return String(dropFirst(start.count).dropLast(end.count))
    }
}
