import NIOCore
import NIOHTTP1

@testable import Ingest

/// A client's requests, as the parts that a connection gets.
enum Wire {
    /// A plain request with events: head, body and end.
    static func event(_ body: String, headers: [(String, String)] = []) -> [Part] {
        let fields = headers + [("Content-Length", String(body.utf8.count))]
        return [head("/v1/track", headers: fields), .body(ByteBuffer(string: body)), .end(nil)]
    }

    /// A request for the router: head and end.
    static func routed(_ uri: String) -> [Part] { [head(uri, method: .GET), .end(nil)] }

    static func head(
        _ uri: String, method: HTTPMethod = .POST, version: HTTPVersion = .http1_1,
        headers: [(String, String)] = []
    ) -> Part {
        .head(
            HTTPRequestHead(
                version: version, method: method, uri: uri, headers: HTTPHeaders(headers)))
    }

    typealias Part = HTTPServerRequestPart
}

/// An end of something on the way, to tell one error from another.
struct Broken: Error {}

extension EventsConnection {
    /// Feeds parts and says what has to be done, each action in words.
    mutating func feed(_ parts: [Wire.Part]) -> [String] {
        parts.compactMap { receive(.part($0)).map { $0.words } }
    }

    /// The answer to a plain request is written: what has to be done then.
    mutating func answer() -> [String] {
        answered()
        return rest()
    }

    /// The router's answer is written: what has to be done then.
    mutating func routerAnswer() -> [String] {
        routerAnswered()
        return rest()
    }

    private mutating func rest() -> [String] {
        var words: [String] = []
        while let action = next() { words.append(action.words) }
        return words
    }
}

extension EventsConnection.Action {
    /// The action as a test writes it.
    var words: String {
        switch self {
        case .forward(.part(.head(let head))): "forward \(head.uri)"
        case .forward(.part(.body(let bytes))): "forward \(String(buffer: bytes))"
        case .forward(.part(.end)): "forward end"
        case .forward(.event(let event)): "forward \(event)"
        case .forward(.error(let error)): "forward \(error)"
        case .answer(_, let body): "answer \(String(decoding: body, as: UTF8.self))"
        case .invite(nil): "invite"
        case .invite(.part(.head(let head))): "invite \(head.uri)"
        case .invite: "invite what is no head"
        case .completeRead: "complete read"
        case .read: "read"
        case .quiesce: "quiesce"
        case .close: "close"
        }
    }
}
