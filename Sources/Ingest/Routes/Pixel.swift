import Events
import HTTPTypes
import Hummingbird
import JSON
import NIOCore

/// The event in the address of a picture, for pages and mails without scripts.
///
/// `wk` key, `e` event, `uid`, `aid`, `p.*` properties, `t.*` traits, `ts` time, `mid` message id.
func pixelEvent(_ type: EventType, from query: [(name: String, value: String)]) -> [UInt8] {
    func first(_ name: String) -> String? { query.first { $0.name == name }?.value }
    func group(_ prefix: String, into writer: inout JSONWriter) {
        var seen: Set<String> = []
        writer.beginObject()
        for item in query where item.name.hasPrefix(prefix) {
            let name = String(item.name.dropFirst(prefix.count))
            if seen.insert(name).inserted { writer.member(name, item.value) }
        }
        writer.endObject()
    }
    return JSONWriter.make { writer in
        writer.beginObject()
        writer.member("type", type.rawValue)
        writer.member(type == .track ? "event" : "name", first("e"))
        writer.member("userId", first("uid"))
        writer.member("anonymousId", first("aid"))
        writer.member("timestamp", first("ts"))
        writer.member("messageId", first("mid"))
        writer.key("properties")
        group("p.", into: &writer)
        writer.key("traits")
        group("t.", into: &writer)
        writer.endObject()
    }
}

/// A transparent GIF of one pixel, never to be cached.
func pixelAnswer() -> Response {
    // Binary data: signature, size, two colours, transparency, and the one pixel.
    let gif: [UInt8] =
        Array("GIF89a".utf8) + [
            1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x21, 0xF9, 4, 1, 0, 0, 0, 0, 0x2C,
            0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 68, 1, 0, 59,
        ]
    return Response(
        status: .ok, headers: [.contentType: "image/gif", .cacheControl: "no-store"],
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: gif)))
}
