/// A recursive-descent parser that turns a text into a flat list of nodes in one pass.
///
/// Each value becomes one `JSONNode` with the range of its bytes; nothing is decoded or copied. The
/// nodes of a container's children follow its own, and `next` leads past all of them, so that a
/// reader steps over what it does not need. A key's node holds the hash of its text instead.
///
/// The depth of nesting is limited, and recursion with it: what is nested deeper is stepped over
/// from bracket to bracket, becomes a node without children, and is reported. A parser lives no
/// longer than the bytes it is given; every place is compared with their count before it is read.
struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    let repairing: Bool
    var nodes: [JSONNode] = []
    var patches: [JSONPatch] = []
    /// Faults that cost only the value they stand in: keys that stand twice, nesting too deep.
    var faults: [JSONError] = []
    /// The keys' nodes of each object with many keys, sorted by hash; by the object's node.
    var wide: [Int: [UInt32]] = [:]
    /// The keys of the objects that are open.
    private var keys: [Int] = []
    var at = 0

    init(bytes: UnsafeBufferPointer<UInt8>, repairing: Bool) {
        self.bytes = bytes
        self.repairing = repairing
        nodes.reserveCapacity(bytes.count / 8 + 8)
        keys.reserveCapacity(16)
    }

    mutating func run() throws(JSONError) {
        try refuseOtherEncodings()
        skipSpace()
        guard at < bytes.count else {
            throw JSONError(code: .empty, offset: 0, message: "The text is empty.")
        }
        try value(depth: 0)
        skipSpace()
        guard at == bytes.count else { throw syntax("Unexpected text after the end of the value") }
    }

    /// UTF-16 and UTF-32 show as a byte order mark or as NUL bytes among the first four.
    private func refuseOtherEncodings() throws(JSONError) {
        let head = bytes.prefix(4)
        let marked = head.starts(with: [0xFF, 0xFE]) || head.starts(with: [0xFE, 0xFF])
        if marked || head.contains(0) {
            throw JSONError(
                code: .encoding, offset: 0, message: "The text is not UTF-8 (it looks like UTF-16)."
            )
        }
    }

    /// Notes that a part of the text has to be replaced.
    mutating func patch(_ range: Range<Int>, _ repair: JSONRepair) throws(JSONError) {
        guard patches.count < JSONReader.maximumRepairs else {
            throw JSONError(
                code: .size, offset: range.lowerBound,
                message: "The text needs more than \(JSONReader.maximumRepairs) repairs.")
        }
        patches.append(JSONPatch(range: range, repair: repair))
    }

    private mutating func value(depth: Int) throws(JSONError) {
        guard nodes.count < JSONReader.maximumNodes else {
            throw JSONError(
                code: .size, offset: at,
                message: "The text has more than \(JSONReader.maximumNodes) values.")
        }
        guard at < bytes.count else { throw syntax("The text ends where a value is expected") }
        switch bytes[at] {
        case UInt8(ascii: "{"): try object(depth: depth)
        case UInt8(ascii: "["): try array(depth: depth)
        case UInt8(ascii: "\""): try string(as: .string)
        case UInt8(ascii: "t"): try literal("true", .yes)
        case UInt8(ascii: "f"): try literal("false", .no)
        case UInt8(ascii: "n"): try literal("null", .null)
        case UInt8(ascii: "N") where repairing: try nonFinite("NaN")
        case UInt8(ascii: "I") where repairing: try nonFinite("Infinity")
        case UInt8(ascii: "-") where repairing && byte(1) == UInt8(ascii: "I"):
            try nonFinite("-Infinity")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        default: throw syntax("Unexpected \(describe(bytes[at])) where a value is expected")
        }
    }

    private mutating func object(depth: Int) throws(JSONError) {
        guard depth < JSONReader.maximumDepth else { return try stepOver(.object) }
        let mine = open(.object)
        let firstKey = keys.count
        skipSpace()
        if peek("}") {
            close(mine)
            return
        }
        while true {
            skipSpace()
            guard peek("\"") else {
                throw syntax("Expected a key in double quotes\(trailingCommaNote)")
            }
            keys.append(nodes.count)
            try string(as: .key)
            skipSpace()
            guard peek(":") else { throw syntax("Expected ':' after the key") }
            at += 1
            skipSpace()
            try value(depth: depth + 1)
            skipSpace()
            guard try continues(until: "}") else { break }
        }
        indexKeys(keys[firstKey...], of: mine)
        keys.removeSubrange(firstKey...)
        close(mine)
    }

    private mutating func array(depth: Int) throws(JSONError) {
        guard depth < JSONReader.maximumDepth else { return try stepOver(.array) }
        let mine = open(.array)
        skipSpace()
        if peek("]") {
            close(mine)
            return
        }
        while true {
            skipSpace()
            if peek("]") { throw syntax("Expected a value\(trailingCommaNote)") }
            try value(depth: depth + 1)
            skipSpace()
            guard try continues(until: "]") else { break }
        }
        close(mine)
    }

    /// True after a comma, which is skipped; false at the closing bracket.
    private mutating func continues(until closing: Unicode.Scalar) throws(JSONError) -> Bool {
        if peek(",") {
            at += 1
            return true
        }
        guard peek(closing) else {
            let expected = closing == "}" ? "',' or '}'" : "',' or ']'"
            let found = at < bytes.count ? "found \(describe(bytes[at]))" : "the text ends here"
            throw syntax("Expected \(expected); \(found)")
        }
        return false
    }

    private mutating func open(_ kind: JSONNode.Kind) -> Int {
        nodes.append(
            JSONNode(kind: kind, escaped: false, start: UInt32(at), end: 0, next: 0))
        at += 1
        return nodes.count - 1
    }

    /// Steps over a container that is nested too deeply, and reports it.
    ///
    /// Only its brackets and strings are looked at: whoever gets the report cannot use it anyway.
    private mutating func stepOver(_ kind: JSONNode.Kind) throws(JSONError) {
        let start = at
        faults.append(
            JSONError(
                code: .depth, offset: at,
                message: "The text is nested deeper than \(JSONReader.maximumDepth) levels."))
        var depth = 0
        repeat {
            guard at < bytes.count else {
                at = bytes.count
                throw syntax("The text ends inside brackets")
            }
            switch bytes[at] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: "\""):
                at += 1
                while at < bytes.count, bytes[at] != UInt8(ascii: "\"") {
                    at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
                }
            default: break
            }
            at += 1
        } while depth > 0
        append(kind, from: start)
    }

    private mutating func close(_ index: Int) {
        at += 1
        nodes[index].end = UInt32(at)
        nodes[index].next = UInt32(nodes.count)
    }

    private mutating func number() throws(JSONError) {
        let start = at
        if peek("-") { at += 1 }
        if peek("0") {
            at += 1
        } else {
            try digits("Expected a digit")
        }
        if at < bytes.count, bytes[at].isASCIIDigit {
            throw syntax("A number must not begin with a zero")
        }
        if peek(".") {
            at += 1
            try digits("Expected a digit after the decimal point")
        }
        if peek("e") || peek("E") {
            at += 1
            if peek("+") || peek("-") { at += 1 }
            try digits("Expected a digit in the exponent")
        }
        append(.number, from: start)
    }

    private mutating func digits(_ message: String) throws(JSONError) {
        let start = at
        while at < bytes.count, bytes[at].isASCIIDigit { at += 1 }
        guard at > start else { throw syntax(message) }
    }

    private mutating func literal(
        _ text: StaticString, _ kind: JSONNode.Kind
    ) throws(JSONError) {
        let start = at
        try match(text)
        append(kind, from: start)
    }

    private mutating func nonFinite(_ text: StaticString) throws(JSONError) {
        let start = at
        try match(text)
        try patch(start..<at, .nonFiniteNumber)
        append(.null, from: start)
    }

    private mutating func match(_ text: StaticString) throws(JSONError) {
        let count = text.utf8CodeUnitCount
        let found = text.withUTF8Buffer { expected in
            at + count <= bytes.count && bytes[at..<at + count].elementsEqual(expected)
        }
        guard found else { throw syntax("Unexpected \(describe(bytes[at]))") }
        at += count
    }

    private mutating func append(_ kind: JSONNode.Kind, from start: Int) {
        nodes.append(
            JSONNode(
                kind: kind, escaped: false, start: UInt32(start), end: UInt32(at),
                next: UInt32(nodes.count + 1)))
    }

    private mutating func skipSpace() {
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"):
                at += 1
            default: return
            }
        }
    }

    /// True when an ASCII character comes next.
    @inline(__always)
    func peek(_ character: Unicode.Scalar) -> Bool {
        at < bytes.count && bytes[at] == UInt8(ascii: character)
    }

    /// The byte so many places further on; nil after the end.
    func byte(_ offset: Int) -> UInt8? {
        at + offset < bytes.count ? bytes[at + offset] : nil
    }

    private var trailingCommaNote: String {
        peek("}") || peek("]") ? " (a comma before a closing bracket is not allowed)" : ""
    }

    func syntax(_ message: String) -> JSONError {
        JSONError(code: .syntax, offset: at, message: message + ".")
    }

    func describe(_ byte: UInt8) -> String {
        (UInt8(ascii: "!")..<0x7F).contains(byte)
            ? "'\(Character(UnicodeScalar(byte)))'" : "byte 0x" + String(byte, radix: 16)
    }
}
