import Crypto
package import Events

/// 128 bits that stand for a text in an index: a message id's digest, or an identifier's keyed
/// hash.
package struct Digest128: Hashable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Takes the first sixteen bytes, the highest first.
    package init(_ bytes: UnsafeRawBufferPointer) {
        high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
        low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// The sixteen bytes as a store keeps them, the highest first.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian), body)
    }

    package var bytes: [UInt8] { withBytes { Array($0) } }

    /// The first 64 bits, as an index keeps them.
    package var number: Int64 { Int64(bitPattern: high) }
}

/// Makes the keyed hashes of identifiers and the digests of message ids.
package struct Hasher128: Sendable {
    /// A code that has taken the key in; it is copied for each text.
    private let keyed: HMAC<SHA256>

    package init(key: [UInt8]) { keyed = HMAC<SHA256>(key: SymmetricKey(data: key)) }

    /// 128 bits of HMAC-SHA256 over the kind and the value.
    package func digest(of identity: IdentityKey) -> Digest128 {
        var code = keyed
        var text = "\(identity.kind.rawValue):\(identity.value)"
        text.withUTF8 { code.update(data: UnsafeRawBufferPointer($0)) }
        return code.finalize().withUnsafeBytes { Digest128($0) }
    }

    /// 128 bits of SHA-256 of a message id.
    package static func digest(ofMessageID messageID: String) -> Digest128 {
        var hash = SHA256()
        var text = messageID
        text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
        return hash.finalize().withUnsafeBytes { Digest128($0) }
    }
}

/// The text that a store keeps in place of a message id when the event is emptied.
///
/// The digest alone stays, so that a repeat is recognised as long as there is a row, and can be
/// removed with it.
package enum EmptiedMessageID {
    /// Marks a digest whose event was emptied later; it is in the table of message ids.
    package static let mark: Unicode.Scalar = "\u{1}"
    /// Marks a digest whose event was empty from the beginning.
    private static let markAtOnce: Unicode.Scalar = "\u{2}"

    /// The text for a digest.
    ///
    /// - Parameter atOnce: the event is stored empty.
    package static func text(_ digest: Digest128, atOnce: Bool) -> String {
        String(Character(atOnce ? markAtOnce : mark)) + hexadecimal(digest.bytes)
    }

    /// The digest of a message id, as a store keeps the id or its text.
    package static func digest(of text: String) -> Digest128 {
        guard let bytes = bytes(of: text) else { return Hasher128.digest(ofMessageID: text) }
        return bytes.withUnsafeBytes { Digest128($0) }
    }

    /// The message id as the log shows it: empty for an event that was emptied.
    package static func shown(_ text: String) -> String { bytes(of: text) == nil ? text : "" }

    private static func bytes(of text: String) -> [UInt8]? {
        guard let first = text.utf8.first, first <= 2, text.utf8.count == 33 else { return nil }
        return Events.bytes(ofHexadecimal: text.dropFirst())
    }
}
