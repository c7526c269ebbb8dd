import Events
import HTTPTypes
import NIOHTTP1

/// The maker of a call, as far as its head says; looked at only when the call is refused.
enum Caller: Sendable {
    /// A request that the router serves.
    case routed(HTTPRequest)
    /// A request that its connection answers.
    case plain(HTTPRequestHead)

    /// The path without the query, and with `***` for a key or token in it.
    var path: String {
        let text: String
        switch self {
        case .routed(let request): text = request.path ?? ""
        case .plain(let head): text = head.uri
        }
        let path = text.prefix { $0 != "?" && $0 != "#" }
        var parts = path.split(separator: "/", omittingEmptySubsequences: false)
        // The router passes over empty parts and reads percent signs.
        let places = parts.indices.filter { !parts[$0].isEmpty }
        let words = places.prefix(2).map { String(parts[$0]).removingPercent }
        if words.first == "hooks" || words == ["v1", "projects"] {
            for place in places.dropFirst(2) { parts[place] = "***" }
        }
        return parts.joined(separator: "/")
    }

    var userAgent: String? {
        switch self {
        case .routed(let request): request.headerFields[.userAgent]
        case .plain(let head): head.headers.first(name: "user-agent")
        }
    }

    var origin: String? {
        switch self {
        case .routed(let request): request.headerFields[.origin]
        // A request with an origin is the router's.
        case .plain: nil
        }
    }

    /// The key in the Authorization header.
    var key: String? {
        let header: String?
        switch self {
        case .routed(let request): header = request.headerFields[.authorization]
        case .plain(let head): header = head.headers.first(name: "authorization")
        }
        return header.flatMap { KeyRing.key(inHeader: $0) }
    }
}
