import Events
import NIOHTTP1

/// A request with events that a connection answers itself, as far as its head says.
///
/// Most requests of servers are plain: a POST to an event path with a small body of a known size
/// and no header that changes how it is served. All others are the router's.
struct PlainRequest {
    let shape: Intake.Shape
    let head: HTTPRequestHead
    let authorization: String?
    /// True when the client waits for `100 Continue` before it sends the body.
    let awaitsInvitation: Bool

    /// Bytes of a body that is read here; larger ones would keep other connections waiting.
    static let bodyBytes = 1 << 20

    /// Nil when the request is the router's.
    init?(_ head: HTTPRequestHead) {
        guard let shape = Self.shapes[head.uri], head.method == .POST, head.version == .http1_1
        else { return nil }
        var authorization: String?
        var isSized = false
        var awaitsInvitation = false
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 13 where name.lowercased() == "authorization": authorization = value
            case 14 where name.lowercased() == "content-length":
                guard let count = Int(value), count <= Self.bodyBytes else { return nil }
                isSized = true
            case 6 where name.lowercased() == "expect":
                guard value.lowercased() == Self.invitation else { return nil }
                awaitsInvitation = true
            case 10 where name.lowercased() == "connection":
                if value.lowercased() != "keep-alive" { return nil }
            case let length where Self.routedLengths.contains(length):
                if Self.routed.contains(name.lowercased()) { return nil }
            default: break
            }
        }
        guard isSized else { return nil }
        self.shape = shape
        self.head = head
        self.authorization = authorization
        self.awaitsInvitation = awaitsInvitation
    }

    /// The value of Expect with which a client waits.
    static let invitation = "100-continue"

    private static let shapes = Dictionary(uniqueKeysWithValues: Intake.routes)

    /// Headers that make a request the router's.
    private static let routed: Set<String> = [
        "origin", "upgrade", "x-signature", "content-encoding",
        "transfer-encoding",
    ]
    private static let routedLengths = Set(routed.map(\.utf8.count))
}
