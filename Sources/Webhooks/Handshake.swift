import Events
package import JSON

/// A question by which a service finds out, before it sends webhooks, whether an address is meant
/// to get them; and the answer, as data.
///
/// The answer is plain text: what the service wrote is given back and never read as a page.
package struct Handshake: Sendable, Equatable {
    package enum Method: String, Sendable, CaseIterable {
        case get = "GET"
        case head = "HEAD"
        case post = "POST"
    }
    /// A part of the question.
    package enum Place: Sendable, Equatable {
        /// A parameter of the address.
        case query(String)
        /// A header, its name in any case.
        case header(String)
        /// A value of the body, by the keys that lead to it.
        case body([JSONKey])
    }

    package let method: Method
    /// The place that tells it from other requests; nil: every request of the method.
    package let subject: Place?
    /// The text that has to stand there; nil: any.
    package let text: String?
    /// The place that has to hold a token of the source besides the address; nil for none.
    package let token: Place?
    /// The text that is given back; nil for an empty answer.
    package let echo: Place?

    /// Handshakes that a blueprint describes at the most.
    package static let limit = 16
    /// Bytes of a text that is given back.
    package static let echoBytes = 1_024
    /// Bytes of a body in which a handshake is looked for.
    package static let bodyBytes = 16 << 10

    /// A request as far as handshakes look at it.
    package struct Request {
        let method: Method
        let query: (String) -> String?
        let header: (String) -> String?
        /// Nil when it has none, or one that is no JSON.
        let body: JSONValue?

        package init(
            _ method: Method, query: @escaping (String) -> String?,
            header: @escaping (String) -> String?, body: [UInt8] = []
        ) {
            self.method = method
            self.query = query
            self.header = header
            self.body =
                body.isEmpty || body.count > Handshake.bodyBytes
                ? nil : (try? JSONReader.read(body))?.root
        }

        func text(at place: Place) -> String? {
            switch place {
            case .query(let name): query(name)
            case .header(let name): header(name)
            case .body(let keys):
                keys.reduce(body) { value, key in value?[key] }?.string
            }
        }
    }

    /// True when a request asks this question.
    func fits(_ request: Request) -> Bool {
        guard request.method == method else { return false }
        if let echo, request.text(at: echo) == nil { return false }
        guard let subject else { return true }
        guard let found = request.text(at: subject) else { return false }
        return text == nil || found == text
    }
}
