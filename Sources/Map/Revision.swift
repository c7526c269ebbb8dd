import Crypto
import Events

/// The revision of a file that people write: the first 12 hexadecimal digits of the SHA-256 of its
/// bytes.
package func shortDigest(of bytes: [UInt8]) -> String {
    String(hexadecimal(SHA256.hash(data: bytes)).prefix(12))
}
