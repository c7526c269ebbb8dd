import Events

/// A request with its secrets in place; never stored, never printed.
package struct OutgoingRequest: Sendable {
    package var method: String
    package var url: String
    package var headers: [String]
    package var body: [UInt8]
    package var options: TransportOptions
    /// The access token that has to be put into the headers first.
    package var token: TokenNeed?

    package init(
        method: String, url: String, headers: [String], body: [UInt8],
        options: TransportOptions = TransportOptions()
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.options = options
    }
}

/// How one request may travel; every limit is named.
package struct TransportOptions: Sendable, Equatable {
    /// Milliseconds until the connection stands.
    package var connectTimeout = 5_000
    /// Milliseconds for the whole exchange.
    package var totalTimeout = 15_000
    /// Bytes of an answer's body that are kept.
    package var answerKept = 16 << 10
    /// Bytes of an answer's body after which the exchange is ended.
    package var answerRead = 64 << 10
    package var httpVersion = HTTPVersion.http1
    /// Networks that are reached although they are private, as `address/bits`.
    package var allowedNetworks: [String] = []
    /// A Unix socket to connect to instead of the URL's host.
    package var unixSocket: String?

    package init() {}

    /// HTTP/1.1 costs half the CPU of HTTP/2 here (facts/performance).
    package enum HTTPVersion: String, Sendable, CaseIterable {
        case http1 = "1.1"
        case http2 = "2"
    }
}

/// Which access token a request carries, and how it is got.
package final class TokenNeed: Sendable {
    /// Stands in a header where the token belongs.
    package static let placeholder = "{access_token}"
    /// Requests with the same key share a token.
    package let key: String
    package let request: OutgoingRequest
    /// Where the answer has the token, and the seconds it is good for.
    package let tokenKey: String
    package let expiresKey: String
    /// Seconds when the answer does not say.
    package let lifetime: Int

    package init(
        key: String, request: OutgoingRequest, tokenKey: String, expiresKey: String, lifetime: Int
    ) {
        self.key = key
        self.request = request
        self.tokenKey = tokenKey
        self.expiresKey = expiresKey
        self.lifetime = lifetime
    }
}

/// How an exchange ended.
package enum TransportResult: Sendable, Equatable {
    /// A complete header block came; what the body did after that is in `note`.
    case answer(Answer)
    /// No complete header block.
    case failure(Failure)

    package struct Answer: Sendable, Equatable {
        package var status: Int
        /// Seconds, when the answer asks for a pause.
        package var retryAfter: Int?
        /// The host a redirect points to.
        package var location: String?
        package var body: [UInt8]
        package var note: String?

        package init(
            status: Int, retryAfter: Int? = nil, location: String? = nil, body: [UInt8] = [],
            note: String? = nil
        ) {
            self.status = status
            self.retryAfter = retryAfter
            self.location = location
            self.body = body
            self.note = note
        }
    }

    package struct Failure: Sendable, Equatable {
        package var kind: Kind
        /// In words, for the log.
        package var message: String
        /// Whether the destination may have taken the request.
        package var maybeSent: Bool

        package init(kind: Kind, message: String, maybeSent: Bool) {
            self.kind = kind
            self.message = message
            self.maybeSent = maybeSent
        }

        package enum Kind: String, Sendable, CaseIterable {
            case dns, connect, tls, timeout, reset, noAnswer, protocolError, blocked, cancelled
        }
    }
}

/// Sends requests.
package protocol Transport: Sendable {
    /// Starts an exchange and returns at once; `completion` is called exactly once, on any thread.
    func send(
        _ request: OutgoingRequest, completion: @escaping @Sendable (TransportResult) -> Void)
}
