import CZlib

/// The compression of an answer's body: nobody asked for one, but some services compress anyway.
enum AnswerEncoding {
    case none
    case wrapped
    case raw
    /// One that cannot be undone here.
    case unknown

    /// - Parameter name: the Content-Encoding.
    init(_ name: String, of body: [UInt8]) {
        switch name.lowercased() {
        case "", "identity": self = body.starts(with: [0x1F, 0x8B]) ? .wrapped : .none
        case "gzip", "x-gzip": self = .wrapped
        // A zlib header has method 8, and its 16 bits are a multiple of 31.
        case "deflate":
            let isZlib =
                body.count >= 2 && body[0] & 0x0F == 8
                && (Int(body[0]) << 8 | Int(body[1])).isMultiple(of: 31)
            self = isZlib ? .wrapped : .raw
        default: self = .unknown
        }
    }

    /// The body without the compression, and whether it had more than the limit; nil when it cannot
    /// be read.
    ///
    /// Of a body that is not whole the beginning is read.
    func decoded(_ body: [UInt8], limit: Int) -> (bytes: [UInt8], isCut: Bool)? {
        var stream = z_stream()
        switch self {
        case .none: return (body, false)
        case .unknown: return body.isEmpty ? (body, false) : nil
        case .wrapped: guard czlib_begin_inflate(&stream) == Z_OK else { return nil }
        case .raw: guard czlib_begin_raw_inflate(&stream) == Z_OK else { return nil }
        }
        defer { inflateEnd(&stream) }
        if body.isEmpty { return (body, false) }
        return Self.inflated(body, by: &stream, limit: limit)
    }

    /// Never writes more than `limit` bytes, whatever comes in.
    private static func inflated(
        _ body: [UInt8], by stream: inout z_stream, limit: Int
    ) -> (bytes: [UInt8], isCut: Bool)? {
        var input = body
        var output = [UInt8](repeating: 0, count: limit + 1)
        let count = (input: UInt32(input.count), output: UInt32(output.count))
        let written = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = count.input
                stream.next_out = output.baseAddress
                stream.avail_out = count.output
                _ = inflate(&stream, Z_SYNC_FLUSH)
                return output.count - Int(stream.avail_out)
            }
        }
        // Bytes that are no such stream give nothing.
        if written == 0 { return nil }
        return (Array(output[..<min(written, limit)]), written > limit)
    }
}
