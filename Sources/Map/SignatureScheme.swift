package import Events

/// A way to sign texts with HMAC-SHA256, as a blueprint describes it: for webhooks that come in and
/// for requests that go out.
///
/// This is the description alone; module Request computes with it. It is wide enough for Stripe's,
/// Shopify's, GitHub's, Slack's and the Standard Webhooks scheme.
package struct SignatureScheme: Sendable, Equatable {
    /// The characters a signature is written in.
    package enum Encoding: String, Sendable, CaseIterable { case hex, base64 }
    /// The form a secret is given in.
    package enum SecretEncoding: String, Sendable, CaseIterable { case text, base64 }

    package var encoding = Encoding.hex
    /// The text before each signature, such as `sha256=` or `v1,`.
    package var prefix = ""
    /// The text between several pieces of the header; nil when there is one piece.
    package var separator: String?
    /// The text that is signed, with `{body}`, `{timestamp}` and other names that the caller knows.
    package var signed = TextTemplate("{body}")
    package var secretEncoding = SecretEncoding.text
    /// The text before a secret that does not belong to it, such as `whsec_`.
    package var secretPrefix = ""

    package init() {}

    /// True when the signed text differs for every request, so that an equal one is a repeat.
    ///
    /// A time does that, and a header that ends with "id"; any other may be the same for all.
    package var isUnique: Bool {
        signed.names.contains { name in
            name == "timestamp" || name.hasPrefix("header:") && name.lowercased().hasSuffix("id")
        }
    }
}

extension SignatureScheme {
    /// The members that describe a scheme in a file.
    package static let keys = [
        "encoding", "prefix", "separator", "signed", "secret_encoding", "secret_prefix",
    ]

    /// Reads the scheme's members of an object; `known` are the names that may be signed.
    package init(_ value: ConfigurationValue, known: (String) -> Bool) {
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
