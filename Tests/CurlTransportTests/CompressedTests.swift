import Events
import Request
import SluiceTesting
import Testing

@Suite struct `An answer that is compressed` {
    /// The answer of a server that sends these bytes, written in base 64.
    private func answer(
        _ base64: String, encoding: String?
    ) async throws -> TransportResult.Answer? {
        let bytes = try #require(Base64.decode(base64[...]))
        let header = encoding.map { "Content-Encoding: \($0)\r\n" } ?? ""
        let server = try RawServer { connection in
            while connection.readRequest() != nil {
                connection.write(
                    "HTTP/1.1 400 Bad Request\r\n\(header)Content-Length: \(bytes.count)\r\n\r\n")
                connection.write(bytes: bytes)
            }
        }
        return await post(server.url, options { $0.totalTimeout = .seconds(10) }).answer
    }

    private static let gzip =
        "H4sIAAAAAAACA6tWSi0qyi9SslIqycgsVgCi8ozEEoXyRCCjKD8vXakWAFBZZMoiAAAA"
    private static let zlib =
        "eJyrVkotKsovUrJSKsnILFYAovKMxBKF8kQgoyg/L12pFgDRmwwl"
    private static let raw = "q1ZKLSrKL1KyUirJyCxWAKLyjMQShfJEIKMoPy9dqRYA"

    @Test(arguments: [
        (gzip, "gzip"), (gzip, "X-GZIP"), (gzip, nil), (zlib, "deflate"), (raw, "deflate"),
    ])
    func `is shown as it was meant`(bytes: String, encoding: String?) async throws {
        let found = try await answer(bytes, encoding: encoding)
        #expect(found?.body == Array("{\"error\":\"this is what was wrong\"}".utf8))
        #expect(found?.note == nil)
    }

    @Test func `in another way is not shown, and that is said`() async throws {
        let found = try await answer(Self.raw, encoding: "br")
        #expect(found?.status == 400 && found?.body == [])
        #expect(found?.note == "The answer is compressed (br) and cannot be shown.")
    }

    @Test func `and is not what it says, is not shown`() async throws {
        let found = try await answer("bm8gZ3ppcA==", encoding: "gzip")
        #expect(found?.body == [] && found?.note?.contains("cannot be shown") == true)
    }

    @Test func `and very long is kept to the same size as any other`() async throws {
        let found = try await answer(Self.bomb, encoding: "gzip")
        #expect(found?.body == Array(repeating: UInt8(ascii: "x"), count: 16 << 10))
        #expect(found?.note == "The answer had more; the first 16 KiB are kept.")
    }

    /// 500,000 times one letter.
    private static let bomb =
        "H4sIAAAAAAACA+3BAQEAAACCoNvOb0hAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPBsNV/rjyChBwA="
}
