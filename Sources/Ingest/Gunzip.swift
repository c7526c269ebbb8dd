import CZlib
import Events

/// Inflates a gzip body, never to more than `limit` bytes.
func gunzip(_ bytes: [UInt8], limit: Int) throws(Problem) -> [UInt8] {
    var stream = z_stream()
    guard czlib_begin_gunzip(&stream) == Z_OK else { throw badGzip }
    defer { inflateEnd(&stream) }
    var input = bytes
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
    guard code == Z_STREAM_END else { throw badGzip }
    return output
}

private let badGzip = Problem(
    code: "invalid_gzip", message: "The body is not the gzip data its header says it is.",
    hint: "Send the body as it is, or compress all of it with gzip.")
