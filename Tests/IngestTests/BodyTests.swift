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
        #expect(try inflated(bytes, [.contentEncoding: "GZIP"]) == Array(text.utf8))
        #expect(try inflated(bytes, [:]) == bytes)
    }

    @Test func `is inflated no further than the limit`() throws {
        let bytes = try event()
        let size = try gunzip(bytes, limit: limit).count
        #expect(try gunzip(bytes, limit: size).count == size)
        #expect(code { try gunzip(bytes, limit: size - 1) } == "body_too_large")
        let bomb = try Fixtures.bytes("Fixtures/bodies/bomb.gz")
        #expect(code { try gunzip(bomb, limit: limit) } == "body_too_large")
    }

    @Test func `is refused when it is no gzip, or ends too early`() throws {
        let bytes = try event()
        for broken in [[], Array("xx".utf8), Array(bytes.dropLast(9))] {
            #expect(code { try gunzip(broken, limit: limit) } == "invalid_gzip")
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
