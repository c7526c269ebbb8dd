// A parameter of an address is a name before `=`, behind `?`, `&`, `#` or `;` or at the beginning.
// All of these may be percent-encoded, where an address stands in a parameter of another one, or be
// JSON escapes, where the text is raw JSON. So each `=` is looked at from its left: which name ends
// there, and what stands before the name. The value goes on to the next sign that ends one.

import JSON

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The names of secret parameters, which are found in addresses and forms wherever they stand in a
/// text; their values are masked and nothing else is changed.
struct SecretParameters: Sendable {
    private let names: FoldedNames
    /// The kind of each name; nil for those whose values are secret however they look.
    private let kinds: [SecretKind?]

    /// Parameters of these names, in any spelling.
    init(_ names: [(name: String, kind: SecretKind?)]) {
        self.names = FoldedNames(names.map(\.name))
        kinds = names.map { $0.kind == .card || $0.kind == .cardCode ? $0.kind : nil }
    }

    /// True when bytes hold a secret parameter; nothing is allocated unless they do.
    func areIn(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        // An address inside another one's parameter has an `=` before it.
        index(of: UInt8(ascii: "="), in: bytes, 0..<bytes.count) != nil
            && secret(in: bytes, from: 0) != nil
    }

    /// The text with its secret values masked, and the names of their parameters; nil when it has
    /// none.
    func masked(_ text: [UInt8]) -> (text: [UInt8], names: [String])? {
        var result: [UInt8] = []
        var found: [String] = []
        var from = 0
        text.withUnsafeBufferPointer { bytes in
            while let (name, value) = secret(in: bytes, from: from) {
                result.append(contentsOf: bytes[from..<value.lowerBound])
                result.append(contentsOf: secretMask.utf8)
                found.append(String(decoding: bytes[name], as: UTF8.self))
                from = value.upperBound
            }
        }
        if found.isEmpty { return nil }
        return (result + text[from...], found)
    }

    /// The next secret parameter: where its name and its value stand.
    private func secret(
        in bytes: UnsafeBufferPointer<UInt8>, from start: Int
    ) -> (name: Range<Int>, value: Range<Int>)? {
        var at = start
        while let sign = equalsSign(in: bytes, from: at) {
            at = sign.upperBound
            guard let name = name(before: sign.lowerBound, in: bytes),
                let place = names.place(of: UnsafeBufferPointer(rebasing: bytes[name]))
            else { continue }
            let value = value(
                after: sign, in: bytes,
                isOfPath: name.lowerBound > 0 && bytes[name.lowerBound - 1] == UInt8(ascii: ";"))
            if value.isEmpty || bytes[value].elementsEqual(secretMask.utf8) { continue }
            if let kind = kinds[place], !kind.fits(Array(bytes[value])) { continue }
            return (name, value)
        }
        return nil
    }

    /// The next `=`, or `%3D`.
    private func equalsSign(
        in bytes: UnsafeBufferPointer<UInt8>, from start: Int
    ) -> Range<Int>? {
        let plain = index(of: UInt8(ascii: "="), in: bytes, start..<bytes.count)
        var at = start
        while let percent = index(of: UInt8(ascii: "%"), in: bytes, at..<(plain ?? bytes.count)) {
            at = percent + 1
            if isCode("3D", at: at, in: bytes) { return percent..<at + 2 }
        }
        return plain.map { $0..<$0 + 1 }
    }

    private func index(
        of byte: UInt8, in bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
    ) -> Int? {
        guard let base = bytes.baseAddress, !range.isEmpty,
            let found = memchr(base + range.lowerBound, Int32(byte), range.count)
        else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(base)
    }

    /// The name of a parameter that ends at a place; nil when there is none.
    private func name(before end: Int, in bytes: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        var end = end
        var isInBrackets = true
        if end > 0, bytes[end - 1] == UInt8(ascii: "]") {
            end -= 1
        } else if end > 2, bytes[end - 3] == UInt8(ascii: "%"),
            isCode("5D", at: end - 2, in: bytes)
        {
            end -= 3
        } else {
            isInBrackets = false
        }
        var start = end
        while start > 0, end - start < Self.longestName, isNameByte(bytes[start - 1]) {
            start -= 1
        }
        guard start > 0 else { return start < end ? start..<end : nil }
        switch bytes[start - 1] {
        case UInt8(ascii: "?"), UInt8(ascii: "&"), UInt8(ascii: "#"), UInt8(ascii: ";"),
            UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\n"):
            break
        case UInt8(ascii: "[") where isInBrackets: break
        case UInt8(ascii: "%"):
            let codes: StaticString = isInBrackets ? "5B" : "3F26233B"
            guard isCode(codes, at: start, in: bytes) else { return nil }
            start += 2
        case UInt8(ascii: "\\"):
            // A JSON escape: four digits after the letter u.
            guard end - start > 5, bytes[start] == UInt8(ascii: "u") else { return nil }
            start += 5
        default: return nil
        }
        return start < end ? start..<end : nil
    }

    private static let longestName = 64

    private func isNameByte(_ byte: UInt8) -> Bool {
        byte.isASCIIDigit || byte.isASCIIUppercase || byte.isASCIILowercase
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    /// True when one of some codes of two hexadecimal digits stands at a place, in any case.
    private func isCode(
        _ codes: StaticString, at start: Int, in bytes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard start + 2 <= bytes.count else { return false }
        let (first, second) = (bytes[start], bytes[start + 1])
        let upper = second >= UInt8(ascii: "a") ? second & ~0x20 : second
        return codes.withUTF8Buffer { codes in
            stride(from: 0, to: codes.count, by: 2).contains {
                codes[$0] == first && codes[$0 + 1] == upper
            }
        }
    }

    /// The value that begins after a sign, up to what ends it.
    ///
    /// - Parameter isOfPath: true for a parameter before the `?` of an address.
    private func value(
        after sign: Range<Int>, in bytes: UnsafeBufferPointer<UInt8>, isOfPath: Bool
    ) -> Range<Int> {
        var end = sign.upperBound
        scan: while end < bytes.count {
            switch bytes[end] {
            case 0...UInt8(ascii: " "), UInt8(ascii: "&"), UInt8(ascii: "#"),
                UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "<"), UInt8(ascii: ">"),
                UInt8(ascii: "\\"):
                break scan
            case UInt8(ascii: "?") where isOfPath: break scan
            case UInt8(ascii: "%") where sign.count > 1:
                if isCode("2623", at: end + 1, in: bytes) { break scan }
            default: break
            }
            end += 1
        }
        return sign.upperBound..<end
    }
}
