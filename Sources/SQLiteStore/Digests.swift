import Crypto
import Events

/// 128 bits that stand for a text: of a message id, or of an identifier.
struct Digest128: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The first sixteen bytes.
    init(_ bytes: UnsafeRawBufferPointer) {
        high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
        low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// As the file keeps it.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian), body)
    }

    var bytes: [UInt8] { withBytes { Array($0) } }

    /// The first 64 bits, as an index keeps them.
    var number: Int64 { Int64(bitPattern: high) }
}

/// Keyed hashes of identifiers, and the digests of message ids.
struct Hasher128: Sendable {
    /// Has taken the key in; copied for each text.
    private let keyed: HMAC<SHA256>

    init(key: [UInt8]) { keyed = HMAC<SHA256>(key: SymmetricKey(data: key)) }

    /// 128 bits of HMAC-SHA256 over the kind and the value.
    func digest(_ identity: IdentityKey) -> Digest128 {
        var code = keyed
        var text = "\(identity.kind.rawValue):\(identity.value)"
        text.withUTF8 { code.update(data: UnsafeRawBufferPointer($0)) }
        return code.finalize().withUnsafeBytes { Digest128($0) }
    }

    /// 128 bits of SHA-256.
    static func digest(messageID: String) -> Digest128 {
        var hash = SHA256()
        var text = messageID
        text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return hash.finalize().withUnsafeBytes { Digest128($0) }
    }
}
