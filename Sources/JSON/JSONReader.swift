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
}

/// The entrance to the parser: RFC 8259, UTF-8 only, no duplicate keys, bounded depth, one pass
/// over the bytes.
package enum JSONReader {
    /// Nesting allowed in any text; deeper ones are refused with `too_deep`.
    package static let maximumDepth = 64
    /// Bytes of one text; offsets are 32 bits wide.
    package static let maximumBytes = 1 << 30

    /// Values and keys of one text; more would cost more memory than a body is worth.
    package static let maximumNodes = 1_000_000
    /// Repairs of one text; one that needs more is refused.
    package static let maximumRepairs = 10_000

    /// Reads `bytes`, refusing everything that is not strict JSON.
    package static func read(_ bytes: [UInt8]) throws(JSONError) -> JSONDocument {
        let parsed = try parse(bytes, repairing: false)
        if let duplicate = parsed.duplicates.first { throw duplicate }
        return JSONDocument(bytes: bytes, nodes: parsed.nodes, wide: parsed.wide)
    }

    /// Reads `text`, refusing everything that is not strict JSON.
    package static func read(text: String) throws(JSONError) -> JSONDocument {
        try read(Array(text.utf8))
    }

    /// Reads `bytes`, repairing the two faults that real SDKs produce.
    ///
    /// The document's bytes are then the repaired ones, so that all that follows is strict. Keys
    /// that stand twice are left for the caller to judge: they may be one event's fault alone.
    package static func readRepairing(_ bytes: [UInt8]) throws(JSONError) -> RepairedText {
        let parsed = try parse(bytes, repairing: true)
        guard !parsed.patches.isEmpty else {
            return RepairedText(
                document: JSONDocument(bytes: bytes, nodes: parsed.nodes, wide: parsed.wide),
                repairs: [],
                duplicates: parsed.duplicates)
        }
        var repaired: [UInt8] = []
        repaired.reserveCapacity(bytes.count)
        var places: [RepairedPlace] = []
        var from = 0
        for patch in parsed.patches {
            repaired.append(contentsOf: bytes[from..<patch.range.lowerBound])
            places.append(RepairedPlace(offset: repaired.count, repair: patch.repair))
            repaired.append(contentsOf: patch.repair.replacement.utf8)
            from = patch.range.upperBound
        }
        repaired.append(contentsOf: bytes[from...])
        let again = try parse(repaired, repairing: false)
        return RepairedText(
            document: JSONDocument(bytes: repaired, nodes: again.nodes, wide: again.wide),
            repairs: places,
            duplicates: again.duplicates)
    }

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
                duplicates: parser.duplicates)
        }
    }

    /// The results of a parser, without the bytes.
    private struct Parsed {
        let nodes: [JSONNode]
        let wide: [Int: [UInt32]]
        let patches: [JSONPatch]
        let duplicates: [JSONError]
    }
}

/// A document that was read with repairs, and the list of them.
package struct RepairedText: Sendable {
    /// The text after the repairs.
    package let document: JSONDocument
    /// The repairs, in the order of the text.
    package let repairs: [RepairedPlace]
    /// An error for each key that stands twice in its object.
    package let duplicates: [JSONError]

    /// A document with these repairs.
    package init(document: JSONDocument, repairs: [RepairedPlace], duplicates: [JSONError]) {
        self.document = document
        self.repairs = repairs
        self.duplicates = duplicates
    }
}

extension JSONRepair {
    /// The JSON text that takes the place of the fault.
    var replacement: String {
        switch self {
        case .nonFiniteNumber: "null"
        case .loneSurrogate: "\\ufffd"
        }
    }
}

/// A part of a text that has to be repaired.
struct JSONPatch {
    let range: Range<Int>
    let repair: JSONRepair
}
