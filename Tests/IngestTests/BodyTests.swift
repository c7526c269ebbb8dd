import Events
import HTTPTypes
import SluiceTesting
import Testing

@testable import Ingest

@Suite struct `A compressed body` {
    private let limit = 1 << 20

    private func event() throws -> [UInt8] {
        try Fixtures.bytes("Fixtures/bodies/event.json.gz")
    }

    @Test func `is inflated when its header says gzip, and left alone otherwise`() throws {
        let bytes = try event()
        let text = "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"messageId\":\"zipped\"}"
        for header in ["GZIP", "x-gzip", " gzip", "identity"] {
            #expect(try inflated(bytes, [.contentEncoding: header]) == Array(text.utf8))
        }
        #expect(try inflated(bytes, [:]) == Array(text.utf8), "its first bytes say gzip")
        #expect(try inflated(Array(text.utf8), [:]) == Array(text.utf8))
    }

    @Test func `is inflated with both meanings of deflate`() throws {
        // "deflated" by Python's zlib.compress, and the same without header and checksum.
        let zlib = try #require(Base64.decode("eJxLSU3LSSxJTQEADnkDOg=="))
        let raw = Array(zlib.dropFirst(2).dropLast(4))
        for bytes in [zlib, raw] {
            let text = try inflated(bytes, [.contentEncoding: "deflate"])
            #expect(String(decoding: text, as: UTF8.self) == "deflated")
        }
        #expect(code { try inflated([0xFF], [.contentEncoding: "deflate"]) } == "invalid_gzip")
    }

    @Test(arguments: ["br", "zstd", "gzip, br", "compress"])
    func `in another encoding is refused by name`(encoding: String) {
        let problem = #expect(throws: Problem.self) {
            try inflated([1], [.contentEncoding: encoding])
        }
        #expect(problem?.code == "unsupported_encoding")
        #expect(problem?.message.contains(encoding) == true)
        #expect(problem?.hint.contains(encoding) == true)
    }

    @Test func `is inflated no further than the limit`() throws {
        let bytes = try event()
        let size = try Compression.wrapped.inflated(bytes, limit: limit).count
        #expect(try Compression.wrapped.inflated(bytes, limit: size).count == size)
        #expect(
            code { try Compression.wrapped.inflated(bytes, limit: size - 1) } == "body_too_large")
        let bomb = try Fixtures.bytes("Fixtures/bodies/bomb.gz")
        #expect(code { try Compression.wrapped.inflated(bomb, limit: limit) } == "body_too_large")
    }

    @Test func `is refused when it is no gzip, or ends too early`() throws {
        let bytes = try event()
        for broken in [[], Array("xx".utf8), Array(bytes.dropLast(9))] {
            #expect(
                code { try Compression.wrapped.inflated(broken, limit: limit) } == "invalid_gzip")
        }
    }

    private func code(_ body: () throws -> [UInt8]) -> String? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? Problem)?.code
        }
    }
}
