/// The form in which the store keeps small records: the fields in one text, separated by U+001F.
package enum Fields {
    private static let separator: UInt8 = 0x1F

    /// Joins fields to one text; none of them may hold the separator.
    package static func join(_ fields: [String]) -> String {
        let count = fields.reduce(max(0, fields.count - 1)) { $0 + $1.utf8.count }
        return String(unsafeUninitializedCapacity: count) { buffer in
            var at = 0
            for (index, field) in fields.enumerated() {
                if index > 0 {
                    buffer[at] = separator
                    at += 1
                }
                var field = field
                field.withUTF8 { at = buffer[at...].initialize(fromContentsOf: $0) }
            }
            return at
        }
    }

    /// Splits a text into its fields.
    package static func split(_ text: some StringProtocol) -> [String] {
        text.split(separator: "\u{1F}", omittingEmptySubsequences: false).map { String($0) }
    }
}
