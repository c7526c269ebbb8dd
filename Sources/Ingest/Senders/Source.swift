package import Accept

/// A source of the pipeline: who may send events, and with which keys.
package final class Source: Sendable {
    /// The two kinds of source that send events over the ingest API.
    package enum Kind: String, Sendable, CaseIterable { case server, browser }
    /// The source's name in `pipeline.json`.
    package let name: String
    /// The kind of the source.
    package let kind: Kind
    /// True when the source is believed about people; the key of a browser is public.
    package let trusted: Bool
    /// Write keys, any of which names the source.
    package let keys: [String]
    /// Secrets of signed requests; two during a rotation.
    package let hmacSecrets: [String]
    /// Origins of pages that may send, exactly as browsers name them.
    package let origins: [String]
    /// Requests that may come a second; nil for no limit.
    package let perSecond: Double?
    /// The source as the acceptor knows it.
    package let eventSource: EventSource

    /// A source as `pipeline.json` describes it.
    package init(
        name: String, kind: Kind, trusted: Bool, keys: [String], hmacSecrets: [String] = [],
        origins: [String] = [], perSecond: Double? = nil,
        placeholders: PlaceholderIDs = .standard, neverStore: NeverStore = .standard
    ) {
        self.name = name
        self.kind = kind
        self.trusted = trusted
        self.keys = keys
        self.hmacSecrets = hmacSecrets
        self.origins = origins
        self.perSecond = perSecond
        eventSource = EventSource(
            name: name, trusted: trusted, placeholders: placeholders, neverStore: neverStore)
    }

    /// The beginning of a body of this source, with `***` for each of its keys.
    func withoutKeys(in body: [UInt8], limit: Int) -> [UInt8] {
        let longest = keys.map(\.utf8.count).max() ?? 0
        var rest = body.prefix(limit + longest)
        var result: [UInt8] = []
        while let first = rest.first {
            if let key = keys.first(where: { !$0.isEmpty && rest.starts(with: $0.utf8) }) {
                result += Array("***".utf8)
                rest = rest.dropFirst(key.utf8.count)
            } else {
                result.append(first)
                rest = rest.dropFirst()
            }
        }
        return Array(result.prefix(limit))
    }
}
