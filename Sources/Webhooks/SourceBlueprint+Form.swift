package import Events

extension SourceBlueprint {
    /// The JSON of a webhook's body: the body itself, or the field of a form that holds it.
    ///
    /// Only a blueprint that names such a field reads forms. A body that begins as a JSON object or
    /// list is read as it is, whatever its content type says.
    package func json(of body: [UInt8]) throws(Problem) -> [UInt8] {
        guard let form, !Self.isJSON(body) else { return body }
        let values = body.split(separator: UInt8(ascii: "&")).compactMap { field in
            Self.value(of: form, in: field)
        }
        guard values.count == 1, let value = values.first else {
            throw Problem(
                code: "no_form_field",
                message: values.isEmpty
                    ? "The form has no field \"\(form)\"."
                    : "The form has the field \"\(form)\" \(values.count) times.",
                hint: "The blueprint's \"form\" names the field. See the body: sluice rejected"
            )
        }
        return value
    }

    private static func isJSON(_ body: [UInt8]) -> Bool {
        let first = body.first { !"\u{FEFF} \t\r\n".utf8.contains($0) }
        return first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
    }

    /// The decoded value of a field; nil when it has another name.
    private static func value(of name: String, in field: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = field.split(
            separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        guard formDecoded(parts[0]).elementsEqual(name.utf8) else { return nil }
        return parts.count == 2 ? formDecoded(parts[1]) : []
    }
}
