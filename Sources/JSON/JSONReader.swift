/// The error of a text that is not read as JSON: why, and at which byte.
package struct JSONError: Error, Sendable, Equatable {
    /// The closed set of causes; each is an error code of the ingest API.
    package enum Code: String, Sendable, CaseIterable {
        case empty = "empty_body"
        case encoding = "not_utf8"
        case syntax = "invalid_json"
        case duplicateKey = "duplicate_key"
        case depth = "too_deep"
        case size = "too_large"
    }
    /// The cause.
    package let code: Code
    /// Byte offset of the first thing that is wrong.
    package let offset: Int
    /// The cause in a sentence, for people.
    package let message: String
}

/// A repair and where it stands in the repaired text.
package struct RepairedPlace: Sendable {
    /// Byte offset of the replacement in the repaired text.
    package let offset: Int
    /// The fault that was replaced.
    package let repair: JSONRepair
}

/// A fault that is repaired, so that one bad value does not cost its good neighbours.
package enum JSONRepair: String, Sendable, CaseIterable {
    /// `NaN`, `Infinity` or `-Infinity`, which many SDKs emit, became `null`.
    case nonFiniteNumber = "non_finite_number"
    /// Half of a surrogate pair became U+FFFD.
    case loneSurrogate = "lone_surrogate"
    /// Bytes in a string that are no UTF-8, such as Latin-1, became U+FFFD.
    case invalidUTF8 = "invalid_utf8"
}

/// The entrance to the parser: RFC 8259, UTF-8 only, no duplicate keys, bounded depth, one pass
/// over the bytes.
///
/// A text of a sender that needs repairs, which is rare, is read twice: once to find what has to be
/// replaced, and once as it is then.
package enum JSONReader {
    /// Nesting allowed in any text; deeper ones are refused with `too_deep`.
    package static let maximumDepth = 64
    /// Bytes of one text; offsets are 32 bits wide.
    package static let maximumBytes = 1 << 30

    /// Values and keys of one text; more would cost more memory than a body is worth.
    package static let maximumNodes = 1_000_000
    /// Repairs of one text; one that needs more is refused.
    ///
    /// Bytes that are no UTF-8 are one repair when they stand together.
    package static let maximumRepairs = 1_000_000

    /// Reads `bytes`, refusing everything that is not strict JSON.
    package static func read(_ bytes: [UInt8]) throws(JSONError) -> JSONDocument {
        let parsed = try parse(bytes, repairing: false)
        if let fault = parsed.faults.first { throw fault }
        return parsed.document(bytes)
    }

    /// Reads `text`, refusing everything that is not strict JSON.
    package static func read(text: String) throws(JSONError) -> JSONDocument {
        try read(Array(text.utf8))
    }

    /// Reads a sender's `bytes`, repairing the faults that real SDKs produce; a byte order mark is
    /// left out.
    ///
    /// The document's bytes are then the repaired ones, so that all that follows is strict. Keys
    /// that stand twice and values that are nested too deeply are left for the caller to judge:
    /// they may be one event's fault alone. A value that is nested too deeply has no children, and
    /// its bytes are not checked.
    package static func readRepairing(_ bytes: [UInt8]) throws(JSONError) -> RepairedText {
        if bytes.starts(with: byteOrderMark) {
            return try readRepairing(Array(bytes.dropFirst(byteOrderMark.count)))
        }
        let parsed = try parse(bytes, repairing: true)
        guard !parsed.patches.isEmpty else {
            return RepairedText(document: parsed.document(bytes), faults: parsed.faults)
        }
        var repaired: [UInt8] = []
        repaired.reserveCapacity(bytes.count)
        var places: [RepairedPlace] = []
        places.reserveCapacity(parsed.patches.count)
        var from = 0
        for patch in parsed.patches {
            repaired.append(contentsOf: bytes[from..<patch.range.lowerBound])
            places.append(RepairedPlace(offset: repaired.count, repair: patch.repair))
            repaired.append(contentsOf: patch.replacement(in: bytes))
            from = patch.range.upperBound
        }
        repaired.append(contentsOf: bytes[from...])
        let again = try parse(repaired, repairing: false)
        return RepairedText(
            document: again.document(repaired), repairs: places, faults: again.faults)
    }

    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private static func parse(
        _ bytes: [UInt8], repairing: Bool
    ) throws(JSONError) -> Parsed {
        guard bytes.count <= maximumBytes else {
            throw JSONError(code: .size, offset: 0, message: "The text is larger than 1 GiB.")
        }
        return try bytes.withUnsafeBufferPointer { bytes throws(JSONError) in
            var parser = JSONParser(bytes: bytes, repairing: repairing)
            try parser.run()
            return Parsed(
                nodes: parser.nodes, wide: parser.wide, patches: parser.patches,
                faults: parser.faults)
        }
    }

    /// The results of a parser, without the bytes.
    private struct Parsed {
        let nodes: [JSONNode]
        let wide: [Int: [UInt32]]
        let patches: [JSONPatch]
        let faults: [JSONError]

        func document(_ bytes: [UInt8]) -> JSONDocument {
            JSONDocument(bytes: bytes, nodes: nodes, wide: wide)
        }
    }
}

/// A document that was read with repairs, and the list of them.
package struct RepairedText: Sendable {
    /// The text after the repairs.
    package let document: JSONDocument
    /// The repairs, in the order of the text.
    package let repairs: [RepairedPlace]
    /// An error for each key that stands twice in its object, and each value that is nested too
    /// deeply; those of one element of a list stand together.
    package let faults: [JSONError]

    /// A document with these repairs.
    package init(
        document: JSONDocument, repairs: [RepairedPlace] = [], faults: [JSONError] = []
    ) {
        self.document = document
        self.repairs = repairs
        self.faults = faults
    }
}

/// A part of a text that has to be repaired.
struct JSONPatch {
    var range: Range<Int>
    let repair: JSONRepair

    /// The text that takes the place of the fault.
    func replacement(in bytes: [UInt8]) -> [UInt8] {
        switch repair {
        case .nonFiniteNumber: Array("null".utf8)
        case .loneSurrogate: Array("\\ufffd".utf8)
        case .invalidUTF8: Array(String(decoding: bytes[range], as: UTF8.self).utf8)
        }
    }
}
