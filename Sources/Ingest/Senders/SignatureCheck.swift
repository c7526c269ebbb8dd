import Crypto
import Events
import HTTPTypes
import Map
import Request

/// Checks the signatures of requests that carry no key.
///
/// `X-Signature` is `sha256=` and the hex HMAC-SHA256, by one of the source's secrets, of
/// `X-Timestamp`, a dot and the body on the wire, before it is inflated. The timestamp is in
/// milliseconds and may be off by five minutes (Datafly Signal, server-side ingestion).
struct SignatureCheck: Sendable {
    /// The span by which the sender's clock may be off, either way.
    static let tolerance = Duration.minutes(5)

    private static let scheme = {
        var scheme = SignatureScheme()
        scheme.prefix = "sha256="
        scheme.signed = TextTemplate("{timestamp}.{body}")
        return scheme
    }()

    private let sources: [Source]

    init(_ sources: [Source]) { self.sources = sources.filter { !$0.hmacSecrets.isEmpty } }

    /// The source that signed the request, and a message id for events that have none; nil when the
    /// request carries no signature.
    func signer(
        of headers: HTTPFields, body: [UInt8], at now: Timestamp
    ) throws(Problem) -> (source: Source, messageID: String)? {
        guard let name = HTTPField.Name("X-Signature"), let given = headers[name] else {
            return nil
        }
        guard let stamp = HTTPField.Name("X-Timestamp").flatMap({ headers[$0] }),
            let sent = Int64(stamp)
        else { throw Self.refusal("The signed request has no X-Timestamp in milliseconds.") }
        let window = now - Self.tolerance...now + Self.tolerance
        guard window.contains(Timestamp(milliseconds: sent)) else {
            throw Self.refusal("The signed request is more than five minutes off our clock.")
        }
        let message = Self.scheme.message(body: body) { _ in stamp } ?? []
        for source in sources {
            if let code = Self.scheme.valid(given, for: message, secrets: source.hmacSecrets) {
                return (source, "sig_\(hexadecimal(SHA256.hash(data: code).prefix(16)))")
            }
        }
        throw Self.refusal("The signature fits no secret of a source.")
    }

    private static func refusal(_ message: String) -> Problem {
        Problem(
            code: "bad_signature", message: message,
            hint: "Sign X-Timestamp + \".\" + the body with the source's secret, at sending time.")
    }
}
