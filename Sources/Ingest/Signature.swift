import Crypto
import Events
import HTTPTypes

/// Checks signed requests: `X-Signature: sha256=hex(HMAC-SHA256(secret, X-Timestamp + "." + body))`.
///
/// The timestamp is in milliseconds and may be off by five minutes (Datafly Signal, server-side
/// ingestion). The body is the one on the wire, before it is inflated.
struct SignatureCheck: Sendable {
    /// Milliseconds the sender's clock may be off.
    static let tolerance: Int64 = 300_000

    private let secrets: [(source: Source, key: SymmetricKey)]

    init(_ sources: [Source]) {
        secrets = sources.flatMap { source in
            source.hmacSecrets.filter { !$0.isEmpty }.map {
                (source, SymmetricKey(data: Array($0.utf8)))
            }
        }
    }

    /// Who signed the request, and a message id for what it says without one; nil when it is not
    /// signed at all.
    func signer(
        of headers: HTTPFields, body: [UInt8], at now: Timestamp
    ) throws(Problem) -> (source: Source, messageID: String)? {
        guard let name = HTTPField.Name("X-Signature"), let given = headers[name] else {
            return nil
        }
        guard let stamp = HTTPField.Name("X-Timestamp").flatMap({ headers[$0] }),
            let sent = Int64(stamp)
        else { throw Self.refusal("The signed request has no X-Timestamp in milliseconds.") }
        let window = now + -Self.tolerance...now + Self.tolerance
        guard window.contains(Timestamp(milliseconds: sent)) else {
            throw Self.refusal("The signed request is more than five minutes off our clock.")
        }
        let signed = Array("\(stamp).".utf8) + body
        guard let digest = digest(given) else {
            throw Self.refusal("X-Signature is not of the form sha256=….")
        }
        for (source, key) in secrets
        where HMAC<SHA256>.isValidAuthenticationCode(digest, authenticating: signed, using: key) {
            let id = hexadecimal(SHA256.hash(data: digest).prefix(16))
            return (source, "sig_\(id)")
        }
        throw Self.refusal("The signature fits no secret of a source.")
    }

    private func digest(_ text: String) -> [UInt8]? {
        guard text.hasPrefix("sha256="), text.utf8.count == 71 else { return nil }
        var bytes: [UInt8] = []
        var rest = text.dropFirst(7)
        while !rest.isEmpty {
            guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    private static func refusal(_ message: String) -> Problem {
        Problem(
            code: "bad_signature", message: message,
            hint: "Sign X-Timestamp + \".\" + the body with the source's secret, at sending time.")
    }
}
