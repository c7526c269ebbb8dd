import Events

/// A request with its secrets in place; never stored, never printed.
package struct OutgoingRequest: Sendable {
    package var method: String
    package var url: String
    package var headers: [String]
    package var body: [UInt8]
    package var options: TransportOptions
    /// The request goes over a connection of its own: a kept one may just have ended.
    package var usesNewConnection = false
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

/// The limits and the way of one request; every limit is named.
package struct TransportOptions: Sendable, Equatable {
    /// The time until the connection stands.
    package var connectTimeout = Duration.seconds(5)
    /// The time for the whole exchange.
    package var totalTimeout = Duration.seconds(15)
    /// Bytes of an answer's body that are kept.
    package var answerKept = 16 << 10
    /// Bytes of an answer's body after which the exchange is ended.
    package var answerRead = 64 << 10
    package var httpVersion = HTTPVersion.http1
    /// Networks that are reached although they are private, as `address/bits`.
    package var allowedNetworks: [String] = []
    /// A Unix socket to connect to instead of the URL's host.
    package var unixSocket: String?
    /// Whom to trust, who we are and which way to go, where that is not the usual.
    package var surroundings: Surroundings?

    package init() {}

    /// The version that is asked for; HTTP/2 costs twice the processor time of HTTP/1.1 here.
    package enum HTTPVersion: String, Sendable, CaseIterable {
        case http1 = "1.1"
        case http2 = "2"
    }
}

/// The access token that a request needs, and the request that gets one.
package final class TokenNeed: Sendable {
    /// Stands in a header where the token belongs.
    package static let placeholder = "{access_token}"
    /// Requests with the same key share a token.
    package let key: String
    package let request: OutgoingRequest
    /// The answer's keys for the token and for the seconds it is good for.
    package let tokenKey: String
    package let expiresKey: String
    /// The time a token is used when the answer does not say.
    package let lifetime: Duration

    package init(
        key: String, request: OutgoingRequest, tokenKey: String, expiresKey: String,
        lifetime: Duration
    ) {
        self.key = key
        self.request = request
        self.tokenKey = tokenKey
        self.expiresKey = expiresKey
        self.lifetime = lifetime
    }
}

/// The end of an exchange.
package enum TransportResult: Sendable, Equatable {
    /// A complete header block came; the answer's `note` says what the body did after that.
    case answer(Answer)
    /// No complete header block.
    case failure(Failure)

    /// A complete answer.
    package struct Answer: Sendable, Equatable {
        package var status: Int
        /// The pause that the answer asks for.
        package var retryAfter: RetryAfter?
        /// The host a redirect points to.
        package var location: String?
        package var body: [UInt8]
        package var note: String?

        package init(
            status: Int, retryAfter: RetryAfter? = nil, location: String? = nil, body: [UInt8] = [],
            note: String? = nil
        ) {
            self.status = status
            self.retryAfter = retryAfter
            self.location = location
            self.body = body
            self.note = note
        }
    }
}

/// A way to send requests, such as libcurl, or a stand-in in tests.
package protocol Transport: Sendable {
    /// Starts an exchange and returns at once; `completion` is called exactly once, on any thread.
    func send(
        _ request: OutgoingRequest, completion: @escaping @Sendable (TransportResult) -> Void)
}
