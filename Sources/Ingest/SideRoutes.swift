import Events
import HTTPTypes
import Hummingbird
import JSON
import NIOCore

/// What SDKs fetch or send besides events; without it some of them send nothing.
struct SideRoutes: Sendable {
    let senders: Senders

    func add(to router: Router<some RequestContext>) {
        router.get("/v1/projects/:key/settings") { request, context in
            settings(try context.parameters.require("key"), host: request.head.authority)
        }
        router.get("/sourceConfig") { request, _ in sourceConfig(request) }
        for path in ["/m", "/v1/m"] as [RouterPath] {
            // SDK telemetry: taken and dropped, on purpose.
            router.post(path) { _, _ in json(.ok) { $0.member("success", true) } }
        }
    }

    /// analytics.js and the Swift SDK ask for this first (`/v1/projects/<key>/settings`).
    private func settings(_ key: String, host: String?) -> Response {
        guard senders.keys.source(of: key) != nil else { return failure(.notFound, Self.unknown) }
        return json(.ok) { writer in
            writer.key("integrations")
            writer.beginObject()
            writer.key("Segment.io")
            writer.beginObject()
            writer.member("apiKey", key)
            writer.member("apiHost", host.map { "\($0)/v1" })
            writer.endObject()
            writer.endObject()
            writer.key("plan")
            writer.beginObject()
            for name in ["track", "identify", "group"] {
                writer.key(name)
                writer.beginObject()
                writer.key("__default")
                writer.beginObject()
                writer.member("enabled", true)
                writer.endObject()
                writer.endObject()
            }
            writer.endObject()
            writer.key("edgeFunction")
            writer.beginObject()
            writer.endObject()
        }
    }

    /// RudderStack's SDKs ask for this first; no destination runs in the browser.
    private func sourceConfig(_ request: Request) -> Response {
        let header = request.headers[.authorization].flatMap { KeyRing.key(inHeader: $0) }
        let key = request.uri.queryParameters["writeKey"].map { String($0) } ?? header
        guard let key, let source = senders.keys.source(of: key) else {
            return failure(.unauthorized, Self.unknown)
        }
        return json(.ok) { writer in
            writer.key("source")
            writer.beginObject()
            writer.member("id", source.name)
            writer.member("name", source.name)
            writer.member("writeKey", key)
            writer.member("enabled", true)
            writer.member("workspaceId", "sluice")
            writer.key("config")
            writer.raw(Self.quiet[...])
            writer.key("destinations")
            writer.beginArray()
            writer.endArray()
            writer.endObject()
        }
    }

    /// No telemetry from the SDK.
    private static let quiet = Array(
        "{\"statsCollection\":{\"errors\":{\"enabled\":false},\"metrics\":{\"enabled\":false}}}"
            .utf8)

    private static let unknown = Problem(
        code: "unknown_key", message: "This is no key of a source.",
        hint: "Use the write key of a source in pipeline.json.")
}

/// The event in the address of a picture, for pages and mails without scripts.
///
/// `wk` key, `e` event, `uid`, `aid`, `p.*` properties, `t.*` traits, `ts` time, `mid` message id.
func pixelEvent(_ type: EventType, _ query: [(name: String, value: String)]) -> [UInt8] {
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
    let gif: [UInt8] = [
        0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x21,
        0xF9, 4, 1, 0, 0, 0, 0, 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3B,
    ]
    return Response(
        status: .ok, headers: [.contentType: "image/gif", .cacheControl: "no-store"],
        body: ResponseBody(byteBuffer: ByteBuffer(bytes: gif)))
}
