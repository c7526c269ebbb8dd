import Crypto
package import Events
import Map
import Request

extension WebhookSource {
    /// Checks that a request comes from whom it says.
    ///
    /// - Parameter header: a header's value by its name in any case.
    /// - Returns: what makes a repeat of the same signed request recognisable; nil when nothing
    ///   does, because equal requests are then real.
    package func verify(
        body: [UInt8], at now: Timestamp, header: (String) -> String?
    ) throws(Problem) -> String? {
        switch verification {
        case .token: return nil
        case .header(let name, let prefix):
            guard let given = header(name), given.hasPrefix(prefix),
                isSecret(String(given.dropFirst(prefix.count)))
            else { throw Self.refusal("The header \(name) does not hold the source's secret.") }
            return nil
        case .basic:
            let parts = (header("Authorization") ?? "").split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "basic",
                let bytes = Base64.decode(parts[1]),
                isSecret(String(decoding: bytes, as: UTF8.self))
            else { throw Self.refusal("The request has not the user and password of the source.") }
            return nil
        case .signature(let name, let scheme, let stamp):
            return try verifySignature(
                in: name, by: scheme, stamp: stamp, body: body, at: now, header: header)
        }
    }

    /// True for one of the secrets.
    ///
    /// They are compared by digest, so that the time says nothing about how much was right.
    private func isSecret(_ text: String) -> Bool { isOne(text, of: secrets) }

    /// True for one of the tokens of the address.
    func isToken(_ text: String) -> Bool { isOne(text, of: tokens) }

    private func isOne(_ text: String, of known: [String]) -> Bool {
        let digest = SHA256.hash(data: Array(text.utf8))
        return known.contains { SHA256.hash(data: Array($0.utf8)) == digest }
    }

    private func verifySignature(
        in name: String, by scheme: SignatureScheme, stamp: Verification.Stamp?, body: [UInt8],
        at now: Timestamp, header: (String) -> String?
    ) throws(Problem) -> String? {
        guard let given = header(name) else {
            throw Self.refusal("The request has no header \(name).")
        }
        let time = try stamp.map { stamp throws(Problem) in
            try checkedTime(of: stamp, in: scheme, at: now, header: header)
        }
        let message = scheme.message(body: body) { part in
            part == "timestamp" ? time : header(String(part.dropFirst("header:".count)))
        }
        guard let message else {
            throw Self.refusal("A header that is signed is missing.")
        }
        guard scheme.valid(given, for: message, secrets: secrets) != nil else {
            throw Self.refusal("The signature in \(name) fits no secret of the source.")
        }
        return scheme.isUnique ? "sig_\(hexadecimal(SHA256.hash(data: message).prefix(16)))" : nil
    }

    /// The time of signing, as it is written; refused when it is too far off.
    private func checkedTime(
        of stamp: Verification.Stamp, in scheme: SignatureScheme, at now: Timestamp,
        header: (String) -> String?
    ) throws(Problem) -> String {
        let pieces = header(stamp.header).map { scheme.pieces($0) } ?? []
        let text = pieces.lazy.compactMap { piece -> String? in
            piece.hasPrefix(stamp.prefix) ? String(piece.dropFirst(stamp.prefix.count)) : nil
        }.first
        guard let text, let number = Int64(text), number >= 0, number < 1 << 53 else {
            throw Self.refusal("The request does not say when it was signed.")
        }
        let sent = Timestamp(milliseconds: stamp.unit == .seconds ? number * 1000 : number)
        let off = max(now.since(sent), sent.since(now))
        guard off <= stamp.tolerance else {
            let seconds = stamp.tolerance.milliseconds / 1000
            throw Self.refusal(
                "The request was signed more than \(seconds) seconds off our clock.")
        }
        return text
    }

    /// The headers with which a sample of our own passes the check, for testing a source.
    package func headers(for body: [UInt8], id: String, at now: Timestamp) -> [String] {
        switch verification {
        case .token: return []
        case .header(let name, let prefix): return ["\(name): \(prefix)\(secrets.first ?? "")"]
        case .basic:
            return ["Authorization: Basic \(Base64.encode(Array((secrets.first ?? "").utf8)))"]
        case .signature(let name, let scheme, let stamp):
            return signedHeaders(name, by: scheme, stamp: stamp, body: body, id: id, at: now)
        }
    }

    private func signedHeaders(
        _ name: String, by scheme: SignatureScheme, stamp: Verification.Stamp?, body: [UInt8],
        id: String, at now: Timestamp
    ) -> [String] {
        let time = String(stamp?.unit == .milliseconds ? now.milliseconds : now.milliseconds / 1000)
        let message = scheme.message(body: body) { $0 == "timestamp" ? time : id } ?? []
        let signature = scheme.sign(message, secrets: Array(secrets.prefix(1)))
        let fields = scheme.signed.names.filter { $0.hasPrefix("header:") }
            .map { String($0.dropFirst("header:".count)) }
        var headers = fields.map { "\($0): \(id)" }
        guard let stamp else { return headers + ["\(name): \(signature)"] }
        if stamp.header.lowercased() == name.lowercased() {
            let separator = scheme.separator ?? ","
            headers.append("\(name): \(stamp.prefix)\(time)\(separator)\(signature)")
        } else {
            headers += ["\(stamp.header): \(stamp.prefix)\(time)", "\(name): \(signature)"]
        }
        return headers
    }

    private static func refusal(_ message: String) -> Problem {
        Problem(
            code: "verification_failed", message: message,
            hint: "Compare the secret in the pipeline with the one the service shows.")
    }
}
