extension Substring {
    /// The text without blanks around it: spaces of every kind in Unicode, line ends, and the
    /// characters that are as invisible (zero-width space, word joiner, byte order mark).
    ///
    /// A text without them is returned after a look at its first and last byte.
    package var withoutOuterBlanks: Substring {
        guard let first = utf8.first, let last = utf8.last, !isPlain(first) || !isPlain(last)
        else { return self }
        let scalars = unicodeScalars
        guard let start = scalars.firstIndex(where: { !$0.isBlank }),
            let end = scalars.lastIndex(where: { !$0.isBlank })
        else { return self[startIndex..<startIndex] }
        return self[start..<scalars.index(after: end)]
    }

    /// True for an ASCII byte that is no blank.
    private func isPlain(_ byte: UInt8) -> Bool { byte > UInt8(ascii: " ") && byte < 0x80 }
}

extension Unicode.Scalar {
    /// True for characters that are only space between others.
    package var isBlank: Bool {
        if isASCII { return value == 0x20 || (0x09...0x0D).contains(value) }
        switch value {
        case 0x180E, 0x200B, 0x2060, 0xFEFF: return true
        default: return properties.isWhitespace
        }
    }
}

extension String {
    /// The text without blanks around it.
    package var withoutOuterBlanks: Substring { self[...].withoutOuterBlanks }
}
