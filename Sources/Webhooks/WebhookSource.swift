package import Accept
import Crypto
import Events
import Map

/// A service that tells about things by webhook: what its requests must show, and what they become.
package struct WebhookSource: Sendable {
    package let name: String
    package let isEnabled: Bool
    package let trusted: Bool
    /// Stand in the address; each has at least 128 bits.
    package let tokens: [String]
    /// For the blueprint's verification; two while one is changed.
    package let secrets: [String]
    package let verification: Verification
    package let blueprint: SourceBlueprint
    /// The answer's body instead of the usual one.
    package let answer: [UInt8]?
    /// Requests a second; nil for no limit.
    package let perSecond: Double?
    /// The ids that mean nobody.
    package let placeholders: PlaceholderIDs
    /// The rules for values of its webhooks that are never stored.
    package let neverStore: NeverStore

    /// Characters that hold 128 bits in base 64.
    package static let shortestToken = 22

    package init(
        name: String, isEnabled: Bool = true, trusted: Bool = true, tokens: [String],
        secrets: [String] = [], verification: Verification? = nil, blueprint: SourceBlueprint,
        answer: [UInt8]? = nil, perSecond: Double? = nil,
        placeholders: PlaceholderIDs = .standard, neverStore: NeverStore = .standardWebhook
    ) {
        self.name = name
        self.isEnabled = isEnabled
        self.trusted = trusted
        self.tokens = tokens
        self.secrets = secrets
        self.verification = verification ?? blueprint.verification
        self.blueprint = blueprint
        self.answer = answer ?? blueprint.answer
        self.perSecond = perSecond
        self.placeholders = placeholders
        self.neverStore = neverStore
    }

    /// The reason why nothing is taken from it; nil when it is on.
    package var offReason: String? {
        if !isEnabled { return "switched off in the pipeline" }
        return tokens.isEmpty ? "no token is set" : nil
    }
}

/// Finds the source of a webhook's address.
///
/// The name and the token are looked up together by their SHA-256, so that neither the answer nor
/// its time tells a wrong token from a path that does not exist.
package struct WebhookRing: Sendable {
    private let sources: [SHA256.Digest: WebhookSource]
    /// The names of the sources that take webhooks.
    package let areOn: Set<String>
    /// The names of those that are off.
    package let areOff: Set<String>

    package init(_ sources: [WebhookSource]) {
        areOn = Set(sources.filter { $0.offReason == nil }.map(\.name))
        areOff = Set(sources.filter { $0.offReason != nil }.map(\.name))
        var digests: [SHA256.Digest: WebhookSource] = [:]
        for source in sources where source.isEnabled {
            for token in source.tokens { digests[Self.digest(source.name, token)] = source }
        }
        self.sources = digests
    }

    package func source(name: String, token: String) -> WebhookSource? {
        sources[Self.digest(name, token)]
    }

    private static func digest(_ name: String, _ token: String) -> SHA256.Digest {
        SHA256.hash(data: Array("\(name)/\(token)".utf8))
    }
}
