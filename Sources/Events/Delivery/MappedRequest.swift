/// A request as it was built from the blueprint, with masked secrets: shown by the log, and sent
/// again by retries.
///
/// Never changed; an object, because the queue, the store and the sender share it.
package final class MappedRequest: Sendable, Equatable {
    /// The name of the request in the blueprint, such as `track`.
    package let name: String
    /// The HTTP method.
    package let method: String
    /// The whole address, with query.
    package let url: MaskedText
    /// The encoding of the body.
    package let encoding: Encoding
    /// The body, encoded.
    package let body: MaskedText

    /// A request as a blueprint or the store gives it.
    package init(
        name: String, method: String, url: MaskedText, encoding: Encoding = .json,
        body: MaskedText
    ) {
        self.name = name
        self.method = method
        self.url = url
        self.encoding = encoding
        self.body = body
    }

    /// Compares what would be sent.
    package static func == (left: MappedRequest, right: MappedRequest) -> Bool {
        left.name == right.name && left.method == right.method && left.url == right.url
            && left.encoding == right.encoding && left.body == right.body
    }

    /// The ways to encode a body.
    package enum Encoding: String, Sendable, CaseIterable {
        /// `application/json`.
        case json
        /// `application/x-www-form-urlencoded`; lists and objects as JSON text.
        case form

        /// The value of the Content-Type header.
        package var contentType: String {
            switch self {
            case .json: "application/json"
            case .form: "application/x-www-form-urlencoded"
            }
        }
    }
}
