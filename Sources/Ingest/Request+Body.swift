import Events
import HTTPTypes
package import Hummingbird

extension Request {
    /// The body as it came over the wire; refused by its length before it is read.
    package func wire(limit: Int) async throws -> [UInt8] {
        let tooLarge = Problem(
            code: "body_too_large", message: "The body is larger than \(limit) bytes.",
            hint: "Send smaller batches.")
        let length = headers[.contentLength].flatMap { Int($0) } ?? 0
        guard length <= limit else {
            try await drainWhenClosing()
            throw tooLarge
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length)
        for try await chunk in body {
            guard bytes.count + chunk.readableBytes <= limit else { throw tooLarge }
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        return bytes
    }

    /// Reads a refused body of a client that closes after this request: such a client reads the
    /// answer only when its body was taken.
    private func drainWhenClosing() async throws {
        guard headers[.connection]?.lowercased() == "close" else { return }
        var taken = 0
        for try await chunk in body {
            taken += chunk.readableBytes
            if taken > Self.drainedBytes { return }
        }
    }

    /// Bytes of a refused body that are read and thrown away.
    private static var drainedBytes: Int { 64 << 20 }
}

/// Bytes a body may inflate to.
private let inflatedBytes = 16 << 20

/// A body without its compression, never larger than `limit` bytes.
func inflated(
    _ bytes: [UInt8], _ headers: HTTPFields, limit: Int = inflatedBytes
) throws(Problem) -> [UInt8] {
    try Compression(of: bytes, headers).inflated(bytes, limit: limit)
}

/// The problem of a body whose end never came, or whose transfer was broken.
let unreadableBody = Problem(
    code: "unreadable_body", message: "The body could not be read to its end.",
    hint: "Send it again.")
