import Crypto
import Events

/// How a text is signed with HMAC-SHA256: one description for what comes in and what goes out.
///
/// It is wide enough for Stripe's, Shopify's, GitHub's, Slack's and the Standard Webhooks scheme.
package struct SignatureScheme: Sendable, Equatable {
    /// How a signature is written.
    package enum Encoding: String, Sendable, CaseIterable { case hex, base64 }
    /// How a secret is written.
    package enum SecretEncoding: String, Sendable, CaseIterable { case text, base64 }

    package var encoding = Encoding.hex
    /// What stands before each signature, such as `sha256=` or `v1,`.
    package var prefix = ""
    /// What stands between several pieces of the header; nil when there is one.
    package var separator: String?
    /// What is signed; `{body}`, `{timestamp}` and other names as the caller knows them.
    package var signed = TextTemplate("{body}")
    package var secretEncoding = SecretEncoding.text
    /// What stands before a secret and does not belong to it, such as `whsec_`.
    package var secretPrefix = ""

    package init() {}

    /// Whether the signed text differs for every request, so that an equal one is a repeat.
    ///
    /// A time does that, and a header that ends with "id"; any other may be the same for all.
    package var isUnique: Bool {
        signed.names.contains { name in
            name == "timestamp" || name.hasPrefix("header:") && name.lowercased().hasSuffix("id")
        }
    }

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
        _ header: String, _ message: [UInt8], secrets: [String]
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
            guard text.utf8.count == 64 else { return nil }
            var bytes: [UInt8] = []
            var rest = text
            while !rest.isEmpty {
                guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
                bytes.append(byte)
                rest = rest.dropFirst(2)
            }
            return bytes
        }
    }

    /// Whether a text can be a secret here.
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

extension SignatureScheme {
    static let keys = [
        "encoding", "prefix", "separator", "signed", "secret_encoding", "secret_prefix",
    ]

    /// Reads the scheme's members of an object; `known` are the names that may be signed.
    init(_ value: ConfigurationValue, known: (String) -> Bool) {
        self.init()
        encoding = value["encoding"]?.word("\"encoding\"", as: Encoding.self) ?? .hex
        prefix = value["prefix"]?.string("\"prefix\"") ?? ""
        separator = value["separator"]?.string("\"separator\"")
        secretPrefix = value["secret_prefix"]?.string("\"secret_prefix\"") ?? ""
        secretEncoding =
            value["secret_encoding"]?.word("\"secret_encoding\"", as: SecretEncoding.self) ?? .text
        guard let text = value["signed"], let template = text.string("\"signed\"") else { return }
        signed = TextTemplate(template)
        for name in signed.names where !known(name) {
            text.report(
                "\"{\(name)}\" cannot be signed.",
                fix: "Write {body}, {timestamp} or {header:name}.")
        }
        if !signed.names.contains("body") {
            text.report("\"signed\" leaves the body out.", fix: "Write {body} in it.")
        }
    }
}
