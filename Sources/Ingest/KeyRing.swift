import Accept
import Crypto
import Events

/// Who may send events: a source with its keys.
package final class Source: Sendable {
    package enum Kind: String, Sendable, CaseIterable { case server, browser }
    package let name: String
    package let kind: Kind
    /// Whether what it says about people is believed; a browser key is public.
    package let trusted: Bool
    package let keys: [String]
    /// Secrets of signed requests; two during a rotation.
    package let hmacSecrets: [String]
    /// Origins of pages that may send, exactly as browsers name them.
    package let origins: [String]
    /// Requests a second; nil for no limit.
    package let perSecond: Double?
    let eventSource: EventSource

    package init(
        name: String, kind: Kind, trusted: Bool, keys: [String], hmacSecrets: [String] = [],
        origins: [String] = [], perSecond: Double? = nil
    ) {
        self.name = name
        self.kind = kind
        self.trusted = trusted
        self.keys = keys
        self.hmacSecrets = hmacSecrets
        self.origins = origins
        self.perSecond = perSecond
        eventSource = EventSource(name: name, trusted: trusted)
    }
}

/// Finds the source of a key.
///
/// Keys are looked up by their SHA-256, so that the time a look-up takes says nothing about how
/// much of a key was right. One object for each state of the pipeline.
package final class KeyRing: Sendable {
    private let sources: [SHA256.Digest: Source]
    let signatures: SignatureCheck
    /// Every origin some source lists.
    let origins: Set<String>

    package init(_ sources: [Source]) {
        signatures = SignatureCheck(sources)
        origins = Set(sources.filter { $0.kind == .browser }.flatMap(\.origins))
        var digests: [SHA256.Digest: Source] = [:]
        for source in sources {
            for key in source.keys where !key.isEmpty {
                digests[SHA256.hash(data: Array(key.utf8))] = source
            }
        }
        self.sources = digests
    }

    func source(of key: String?) -> Source? {
        guard var key else { return nil }
        var hash = SHA256()
        key.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return sources[hash.finalize()]
    }

    /// The source an Authorization header names by its key.
    func source(ofHeader header: String?) -> Source? {
        source(of: header.flatMap { Self.key(inHeader: $0) })
    }

    /// The key of a header: the user of Basic, or a Bearer token.
    static func key(inHeader header: String) -> String? {
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2 else { return nil }
        switch parts[0].lowercased() {
        case "bearer": return String(parts[1])
        case "basic": return basicUser(parts[1])
        default: return nil
        }
    }

    /// `base64("key:")`; the colon may be missing (Segment: "without might work").
    private static func basicUser(_ text: Substring) -> String? {
        guard let bytes = Base64.decode(text) else { return nil }
        return String(decoding: bytes.prefix { $0 != 0x3A }, as: UTF8.self)
    }
}
