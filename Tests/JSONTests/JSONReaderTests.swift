import JSON
import Testing

@Suite struct `The JSON reader` {
    @Test(arguments: [
        "{\"a\":1.10}", "[1e5,-0,0.5E-3]", "\"\\u00e9\\n\"", "  null  ", "{}", "[[],{}]",
        "123456789012345678901234567890123456789012", "\"\\ud83d\\ude00\"", "\"é😀\"",
    ])
    func `reads strict JSON and keeps every byte of it`(text: String) throws {
        let document = try JSONReader.read(text: text)
        #expect(document.bytes == Array(text.utf8))
    }

    @Test(arguments: [
        "{\"a\":1,}", "[1,]", "{a:1}", "{'a':1}", "[1 2]", "{\"a\" 1}", "01", "1.", ".5", "+1",
        "1e",
        "\"\\x\"", "\"\\u12g4\"", "\"a", "tru", "nul", "[", "{\"a\":", "1 2", "\"\u{1}\"", "NaN",
        "Infinity", "\"\\ud83d\"", "// note\n1",
    ])
    func `refuses everything else`(text: String) {
        let error = #expect(throws: JSONError.self) { try JSONReader.read(text: text) }
        #expect(error?.code == .syntax)
    }

    @Test(arguments: 0..<20)
    func `finds what needs a closer look at every place of a text`(place: Int) throws {
        let before = String(repeating: "a", count: place)
        for after in ["", "b", String(repeating: "c", count: 17)] {
            for special in ["\\\"", "\\\\", "é", "😀", "\u{7f}", " "] {
                let document = try JSONReader.read(text: "[\"\(before)\(special)\(after)\"]")
                let text = special.hasPrefix("\\") ? String(special.dropFirst()) : special
                #expect(document.root.elements.first?.string == before + text + after)
            }
            let error = #expect(throws: JSONError.self) {
                try JSONReader.read(text: "[\"\(before)\u{1F}\(after)\"]")
            }
            #expect(error?.offset == 2 + place)
        }
    }

    @Test func `finds each of many keys, and none that is not there`() throws {
        let keys = (0..<500).map { "\"k\($0)\":\($0)" }
        let text = "[0,{\"a\":{\(keys.joined(separator: ","))}}]"
        let inner = try #require(try JSONReader.read(text: text).root.elements.last)
        for holder in [inner, JSONDocument(copying: inner).root] {
            let object = try #require(holder["a"])
            for number in 0..<500 { #expect(object["k\(number)"]?.integer == number) }
            #expect(object["k500"] == nil && object["a"] == nil)
        }
    }

    @Test func `finds keys together in one pass, in any spelling, and only whole ones`() throws {
        let names = ["userId", "user_id", "a", "", "a key of more than eight bytes"]
        let object = try JSONReader.read(
            text: """
                {"a": 1, "a key of more than eight byte": 2, "": 3, "\\u0075serId": 4,
                 "a key of more than eight bytes": 5, "user_idx": 6}
                """
        ).root
        var found: [String: Int] = [:]
        JSONKeySet(names).find(in: object) { found[names[$0]] = $1.integer }
        #expect(
            found == ["a": 1, "": 3, "userId": 4, "a key of more than eight bytes": 5])
        #expect(names.allSatisfy { object[$0]?.integer == found[$0] })
    }

    @Test func `says at which byte a text is wrong`() {
        let error = #expect(throws: JSONError.self) { try JSONReader.read(text: "{\"a\": 1, b}") }
        #expect(error?.offset == 9)
    }

    @Test(arguments: [
        "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "{\"x\":{\"é\":1,\"\\u00e9\":2}}",
    ])
    func `refuses a key that stands twice, however it is written`(text: String) {
        let error = #expect(throws: JSONError.self) { try JSONReader.read(text: text) }
        #expect(error?.code == .duplicateKey)
    }

    @Test func `finds a repeated key among many`() {
        let keys = (0..<500).map { "\"k\($0)\":0" } + ["\"k77\":1"]
        let text = "{" + keys.joined(separator: ",") + "}"
        let error = #expect(throws: JSONError.self) { try JSONReader.read(text: text) }
        #expect(error?.code == .duplicateKey)
        #expect(throws: Never.self) {
            try JSONReader.read(text: "{" + keys.dropLast().joined(separator: ",") + "}")
        }
    }

    @Test func `refuses more repairs and more values than a body is worth`() {
        let repairs = "[" + Array(repeating: "NaN", count: 1_000_001).joined(separator: ",") + "]"
        let values = "[" + Array(repeating: "0", count: 1_000_001).joined(separator: ",") + "]"
        for text in [repairs, values] {
            let error = #expect(throws: JSONError.self) {
                try JSONReader.readRepairing(Array(text.utf8))
            }
            #expect(error?.code == .size)
        }
    }

    @Test func `reads an object of many keys`() throws {
        let keys = (0..<50_000).map { "\"\($0)\":0" }.joined(separator: ",")
        #expect(throws: Never.self) { try JSONReader.read(text: "{\(keys)}") }
    }

    @Test func `reads 64 levels and refuses 65, and 100,000, at once`() {
        let deep = { String(repeating: "[", count: $0) + String(repeating: "]", count: $0) }
        #expect(throws: Never.self) { try JSONReader.read(text: deep(64)) }
        for depth in [65, 100_000] {
            let error = #expect(throws: JSONError.self) { try JSONReader.read(text: deep(depth)) }
            #expect(error?.code == .depth)
        }
    }

    @Test(
        arguments: [
            [0xFF, 0xFE, 0x7B, 0x00], [0x00, 0x7B, 0x00, 0x7D], [0x22, 0xC0, 0x80, 0x22],
            [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22],
            [0x22, 0xE2, 0x82],
            [0x22, 0x80, 0x22], [0x22, 0xC3], [0x22, 0xF0, 0x9F, 0x98],
        ] as [[UInt8]])
    func `refuses what is not UTF-8`(bytes: [UInt8]) {
        let error = #expect(throws: JSONError.self) { try JSONReader.read(bytes) }
        #expect(error?.code == .encoding)
    }

    @Test func `repairs what SDKs really emit, and names each repair`() throws {
        let text = "{\"a\":NaN,\"b\":[Infinity,-Infinity],\"c\":\"x\\ud83dy\",\"d\":1.10}"
        let read = try JSONReader.readRepairing(Array(text.utf8))
        let expected = "{\"a\":null,\"b\":[null,null],\"c\":\"x\\ufffdy\",\"d\":1.10}"
        #expect(String(decoding: read.document.bytes, as: UTF8.self) == expected)
        #expect(Set(read.repairs.map(\.repair)) == [.nonFiniteNumber, .loneSurrogate])
    }

    @Test(
        arguments: [
            (["f", 0xFC, "r"], "f\u{FFFD}r", 1), ([0xE2, 0x82], "\u{FFFD}", 1),
            ([0xFF, 0xFE], "\u{FFFD}\u{FFFD}", 1),
            ([0xF0, 0x90, 0xE2, 0x82, 0xAC, 0xC3], "\u{FFFD}€\u{FFFD}", 2),
            ([0xE9, "a", 0xE9], "\u{FFFD}a\u{FFFD}", 2),
        ] as [([Byte], String, Int)])
    func `repairs strings and keys that are not UTF-8`(string: [Byte], text: String, places: Int)
        throws
    {
        let quoted = [UInt8(ascii: "\"")] + string.map(\.value) + [UInt8(ascii: "\"")]
        for (bytes, expected) in [
            (quoted, "\"\(text)\""),
            (Array("{".utf8) + quoted + Array(":1}".utf8), "{\"\(text)\":1}"),
        ] {
            let read = try JSONReader.readRepairing(bytes)
            #expect(String(decoding: read.document.bytes, as: UTF8.self) == expected)
            #expect(read.repairs.map(\.repair) == Array(repeating: .invalidUTF8, count: places))
            #expect(throws: JSONError.self) { try JSONReader.read(bytes) }
        }
    }

    @Test func `repairs bytes as Unicode recommends, wherever they stand`() throws {
        var seed: UInt64 = 3
        for _ in 0..<5_000 {
            var inner: [UInt8] = []
            for _ in 0..<8 {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let byte = UInt8(truncatingIfNeeded: seed >> 40)
                inner.append(byte < 0x80 ? UInt8(ascii: "a") : byte)
            }
            let read = try JSONReader.readRepairing(
                Array("\"".utf8) + inner + Array("\"".utf8))
            #expect(read.document.root.string == String(decoding: inner, as: UTF8.self))
        }
    }

    @Test func `leaves out a byte order mark`() throws {
        let read = try JSONReader.readRepairing([0xEF, 0xBB, 0xBF] + Array("{\"a\":1}".utf8))
        #expect(read.document.bytes == Array("{\"a\":1}".utf8) && read.repairs.isEmpty)
        #expect(throws: JSONError.self) { try JSONReader.readRepairing([0xEF, 0xBB, 0xBF]) }
    }

    @Test func `steps over what is too deep, reports it, and reads on`() throws {
        let deep =
            String(repeating: "[", count: 70) + "\"]\\\"]\"" + String(repeating: "]", count: 70)
        let text = "{\"a\":\(deep),\"b\":[NaN,{\"c\":1}]}"
        let read = try JSONReader.readRepairing(Array(text.utf8))
        #expect(read.faults.map(\.code) == [.depth] && read.repairs.count == 1)
        #expect(read.document.root["b"]?.elements.last?["c"]?.integer == 1)
        #expect(read.document.root["a"].map { String(decoding: $0.raw, as: UTF8.self) } == deep)
        for broken in ["{\"a\":\(deep.dropLast())", "{\"a\":\(deep.dropLast(70))\"\\"] {
            let error = #expect(throws: JSONError.self) {
                try JSONReader.readRepairing(Array(broken.utf8))
            }
            #expect(error?.code == .syntax && error?.offset ?? .max <= broken.utf8.count)
        }
    }

    @Test func `finds members by key, also when the key is written with escapes`() throws {
        let root = try JSONReader.read(text: "{\"a\":{\"b\\n\":[1,\"x\"]},\"\\u0063\":true}").root
        #expect(root["a"]?["b\n"]?.elements.last?.string == "x")
        #expect(root["c"]?.bool == true)
        #expect(root["missing"] == nil)
    }

    @Test func `compares by value: order does not matter, a number's text does`() throws {
        func value(_ text: String) throws -> JSONValue { try JSONReader.read(text: text).root }
        #expect(try value("{\"a\":1,\"b\":[2]}").equals(try value("{\"b\":[2],\"a\":1}")))
        #expect(try !value("1.10").equals(try value("1.1")))
        #expect(try value("\"\\u0041\"").equals(try value("\"A\"")))
    }
}

@Suite struct `The JSON writer` {
    @Test func `writes what the reader reads back`() throws {
        let bytes = JSONWriter.make { writer in
            writer.beginObject()
            writer.member("quote\"\\\u{1}\n", "é😀")
            writer.key("list")
            writer.beginArray()
            writer.integer(1)
            writer.null()
            writer.endArray()
            writer.endObject()
        }
        let root = try JSONReader.read(bytes).root
        #expect(root["quote\"\\\u{1}\n"]?.string == "é😀")
        #expect(root["list"]?.elements.count == 2)
    }

    @Test func `takes back what turned out to be empty`() {
        let bytes = JSONWriter.make { writer in
            writer.beginObject()
            writer.member("a", 1)
            let mark = writer.mark
            writer.key("b")
            writer.rewind(to: mark)
            writer.member("c", 2)
            writer.endObject()
        }
        #expect(String(decoding: bytes, as: UTF8.self) == "{\"a\":1,\"c\":2}")
    }
}

/// A byte in a test: a number, or an ASCII character.
struct Byte: ExpressibleByIntegerLiteral, ExpressibleByUnicodeScalarLiteral {
    let value: UInt8
    init(integerLiteral value: UInt8) { self.value = value }
    init(unicodeScalarLiteral value: Unicode.Scalar) { self.value = UInt8(ascii: value) }
}
