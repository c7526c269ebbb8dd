import Crypto
import Events
package import Map

extension SignatureScheme {
    /// The bytes that are signed; nil when a name has no value.
    package func message(body: [UInt8], _ value: (String) -> String?) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(body.count + 64)
        for part in signed.parts {
            switch part {
            case .text(let text): result += Array(text.utf8)
            case .name("body"): result += body
            case .name(let name):
                guard let text = value(name) else { return nil }
                result += Array(text.utf8)
            }
        }
        return result
    }

    /// The header's text: one signature for each secret.
    package func sign(_ message: [UInt8], secrets: [String]) -> String {
        let signatures = secrets.compactMap(key).map { key in
            let code = Array(HMAC<SHA256>.authenticationCode(for: message, using: key))
            return prefix + (encoding == .hex ? hexadecimal(code) : Base64.encode(code))
        }
        return signatures.joined(separator: separator ?? " ")
    }

    /// The signature of the header that fits a secret; compared in constant time.
    package func valid(
        _ header: String, for message: [UInt8], secrets: [String]
    ) -> [UInt8]? {
        let keys = secrets.compactMap(key)
        for piece in pieces(header) where piece.hasPrefix(prefix) {
            guard let code = decode(piece.dropFirst(prefix.count)), code.count == 32 else {
                continue
            }
            for key in keys
            where HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: message, using: key)
            { return code }
        }
        return nil
    }

    /// The header's pieces, without space around them; at most 16.
    package func pieces(_ header: String) -> [Substring] {
        guard let separator, let first = separator.first else { return [header[...]] }
        return header.split(separator: first, maxSplits: 16).map { piece in
            piece.drop { $0 == " " }
        }
    }

    private func decode(_ text: Substring) -> [UInt8]? {
        switch encoding {
        case .base64: return Base64.decode(text)
        case .hex:
            return text.utf8.count == 64 ? bytes(ofHexadecimal: text) : nil
        }
    }

    /// True when a text can be a secret of this scheme.
    package func accepts(_ secret: String) -> Bool { key(secret) != nil }

    private func key(_ secret: String) -> SymmetricKey? {
        guard !secret.isEmpty else { return nil }
        let text =
            secret.hasPrefix(secretPrefix) ? secret.dropFirst(secretPrefix.count) : secret[...]
        guard !text.isEmpty else { return nil }
        switch secretEncoding {
        case .text: return SymmetricKey(data: Array(text.utf8))
        case .base64:
            return Base64.decode(text).flatMap { $0.isEmpty ? nil : SymmetricKey(data: $0) }
        }
    }
}
