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
        let isHook = parts.count > 3 && parts[1] == "hooks"
        let isSettings = parts.count > 3 && parts[1] == "v1" && parts[2] == "projects"
        if isHook || isSettings { parts[3] = "***" }
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
