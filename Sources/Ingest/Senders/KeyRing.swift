import Crypto
import Events

/// All keys of the pipeline, to find the source of a request.
///
/// Keys are looked up by their SHA-256, so that the time a look-up takes says nothing about how
/// much of a key was right. Never changed: a new pipeline has a new key ring.
package final class KeyRing: Sendable {
    private let sources: [SHA256.Digest: Source]
    let signatures: SignatureCheck
    /// Every origin that some browser source lists.
    let origins: Set<String>

    /// The keys of these sources.
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

    /// The source that a key belongs to; nil when nobody has such a key.
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

    /// Reads `base64("key:")`; the colon may be missing (Segment: "without might work").
    private static func basicUser(_ text: Substring) -> String? {
        guard let bytes = Base64.decode(text) else { return nil }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
    }
}
