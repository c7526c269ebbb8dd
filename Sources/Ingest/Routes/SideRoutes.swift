import Events
import HTTPTypes
import Hummingbird
import JSON
import NIOCore

/// The routes that SDKs fetch from or report to besides sending events; without an answer some of
/// them send nothing.
struct SideRoutes: Sendable {
    let senders: Senders
    let refusals: Refusals

    func add(to router: Router<some RequestContext>) {
        router.get("/v1/projects/:key/settings") { request, context in
            settings(try context.parameters.require("key"), request)
        }
        router.get("/sourceConfig") { request, _ in sourceConfig(request) }
        for path in ["/m", "/v1/m"] as [RouterPath] {
            // Telemetry of the SDK: dropped on purpose.
            router.post(path) { _, _ in json(.ok) { $0.member("success", true) } }
        }
    }

    /// analytics.js and the Swift SDK ask for this first (`/v1/projects/<key>/settings`).
    private func settings(_ key: String, _ request: Request) -> Response {
        guard senders.keys.source(of: key) != nil else {
            refusals.note(Self.unknown.code, of: nil, by: .routed(request.head), key: key)
            return failure(.notFound, Self.unknown)
        }
        let host = request.head.authority
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
        let given = request.uri.queryParameters["writeKey"].map { String($0) } ?? header
        guard let key = given, let source = senders.keys.source(of: key) else {
            refusals.note(Self.unknown.code, of: nil, by: .routed(request.head), key: given)
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
