import JSON

/// Text in which each secret is masked by `***`, so that it can be stored and shown.
///
/// `secrets` names the parameter whose value takes each place when the request is sent.
package struct MaskedText: Sendable, Equatable {
    /// The text in UTF-8, with `***` in place of each secret.
    package var bytes: [UInt8]
    /// The masked places, in the order of the text.
    package var secrets: [Place]

    /// A masked place: where its `***` begins, and which parameter belongs there.
    package struct Place: Sendable, Equatable {
        /// Byte offset of the `***`.
        package let offset: Int
        /// The name of the parameter.
        package let parameter: String
        /// A place at an offset.
        package init(offset: Int, parameter: String) {
            self.offset = offset
            self.parameter = parameter
        }
    }

    /// The mask, `***`.
    package static let mask = Array("***".utf8)

    /// A text with its masks already in place.
    package init(_ bytes: [UInt8] = [], secrets: [Place] = []) {
        self.bytes = bytes
        self.secrets = secrets
    }

    /// The text as it is shown.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The text as it is sent: `value` gives the secret of each parameter.
    package func revealed(_ value: (String) -> [UInt8]) -> [UInt8] {
        guard !secrets.isEmpty else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 64 * secrets.count)
        var from = 0
        for place in secrets {
            result.append(contentsOf: bytes[from..<place.offset])
            result.append(contentsOf: value(place.parameter))
            from = place.offset + Self.mask.count
        }
        result.append(contentsOf: bytes[from...])
        return result
    }

    /// A JSON object rewritten as form fields (`application/x-www-form-urlencoded`).
    package var form: MaskedText {
        guard let root = try? JSONReader.read(bytes).root else { return self }
        var result = MaskedText()
        for member in root.members {
            if !result.bytes.isEmpty { result.bytes.append(UInt8(ascii: "&")) }
            result.bytes += Array(percentEncoded(member.key.string ?? "").utf8)
            result.bytes.append(UInt8(ascii: "="))
            let value = member.value
            if let place = secrets.first(where: { value.range.contains($0.offset) }) {
                result.secrets.append(
                    Place(offset: result.bytes.count, parameter: place.parameter))
                result.bytes += Self.mask
            } else if !value.isNull {
                let text = value.string ?? String(decoding: value.raw, as: UTF8.self)
                result.bytes += Array(percentEncoded(text).utf8)
            }
        }
        return result
    }

    /// The masked places as the store keeps them: `offset:parameter`, separated by spaces.
    package var placesText: String {
        var text = ""
        for place in secrets {
            if !text.isEmpty { text += " " }
            text += String(place.offset)
            text += ":"
            text += place.parameter
        }
        return text
    }

    /// A text that was stored, with its places as `placesText` gives them.
    package init(_ bytes: [UInt8], placesText: String) {
        self.bytes = bytes
        secrets = placesText.split(separator: " ").compactMap { place in
            let parts = place.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let offset = Int(parts[0]) else { return nil }
            return Place(offset: offset, parameter: String(parts[1]))
        }
    }
}
