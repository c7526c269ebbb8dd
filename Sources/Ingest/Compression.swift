import CZlib
import Events
import HTTPTypes

/// The compression of a body, as its header or its first bytes say.
enum Compression: Sendable {
    case none
    /// A gzip or zlib stream, with a header and a checksum (RFC 1952, RFC 1950).
    case wrapped
    /// A stream of DEFLATE alone (RFC 1951), which some clients send as `deflate`.
    case raw

    /// The compression of a body; refused when it is one that nobody here can undo.
    ///
    /// A body that begins like gzip is taken for gzip when no header says so: no JSON text does.
    init(of body: [UInt8], _ headers: HTTPFields) throws(Problem) {
        let given = headers[.contentEncoding] ?? ""
        switch given.withoutOuterBlanks.lowercased() {
        case "", "identity": self = body.starts(with: [0x1F, 0x8B]) ? .wrapped : .none
        case "gzip", "x-gzip": self = .wrapped
        case "deflate": self = Self.beginsLikeZlib(body) ? .wrapped : .raw
        default:
            throw Problem(
                code: "unsupported_encoding",
                message: "The Content-Encoding \"\(given.prefix(64))\" is not understood.",
                hint:
                    "Compress the body with gzip or deflate instead of \(given.prefix(64)), or send it as it is."
            )
        }
    }

    /// A zlib header has method 8, and its 16 bits are a multiple of 31.
    private static func beginsLikeZlib(_ body: [UInt8]) -> Bool {
        guard body.count >= 2 else { return false }
        return body[0] & 0x0F == 8 && (Int(body[0]) << 8 | Int(body[1])).isMultiple(of: 31)
    }

    /// The body without the compression, never more than `limit` bytes.
    func inflated(_ body: [UInt8], limit: Int) throws(Problem) -> [UInt8] {
        var stream = z_stream()
        switch self {
        case .none: return body
        case .wrapped: guard czlib_begin_inflate(&stream) == Z_OK else { throw Self.broken }
        case .raw: guard czlib_begin_raw_inflate(&stream) == Z_OK else { throw Self.broken }
        }
        defer { inflateEnd(&stream) }
        return try Self.run(&stream, over: body, limit: limit)
    }

    private static func run(
        _ stream: inout z_stream, over body: [UInt8], limit: Int
    ) throws(Problem) -> [UInt8] {
        var input = body
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        var code = Z_OK
        let count = UInt32(input.count)
        try input.withUnsafeMutableBufferPointer { input throws(Problem) in
            stream.next_in = input.baseAddress
            stream.avail_in = count
            while code == Z_OK {
                let written = chunk.withUnsafeMutableBufferPointer { chunk in
                    stream.next_out = chunk.baseAddress
                    stream.avail_out = UInt32(chunk.count)
                    code = inflate(&stream, Z_NO_FLUSH)
                    return chunk.count - Int(stream.avail_out)
                }
                output.append(contentsOf: chunk[..<written])
                guard output.count <= limit else {
                    throw Problem(
                        code: "body_too_large",
                        message: "The body inflates to more than \(limit) bytes.",
                        hint: "Send smaller batches.")
                }
            }
        }
        guard code == Z_STREAM_END else { throw broken }
        return output
    }

    private static let broken = Problem(
        code: "invalid_gzip",
        message: "The body is not the compressed data that its header or its first bytes say.",
        hint: "Send the body as it is, or compress all of it with gzip.")
}
