/// Texts that stand in the place of an id and mean nobody, such as `undefined` or `guest`.
///
/// A program writes them when it has no id. Taken for ids, they would make one person of everybody
/// who is unknown. The list is `placeholder_ids` of the pipeline.
package struct PlaceholderIDs: Sendable {
    /// The texts in lower case, by their length in bytes.
    private let texts: [[[UInt8]]]

    /// The list that holds when a pipeline gives none.
    package static let standard = PlaceholderIDs(standardTexts)

    /// The texts of the list that holds when a pipeline gives none.
    package static let standardTexts = [
        "undefined", "null", "nil", "none", "nan", "anonymous", "guest", "[object Object]", "0",
        "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000",
        "{00000000-0000-0000-0000-000000000000}",
    ]

    /// A list of these texts; the case of the letters A to Z makes no difference.
    package init(_ list: [String]) {
        var texts: [[[UInt8]]] = []
        for text in list {
            let bytes = text.utf8.map { lowercase($0) }
            while texts.count <= bytes.count { texts.append([]) }
            texts[bytes.count].append(bytes)
        }
        self.texts = texts
    }

    /// True when a text without outer blanks means nobody; the empty text always does.
    package func contains(_ text: Substring) -> Bool {
        let bytes = text.utf8
        let count = bytes.count
        guard count > 0 else { return true }
        guard count < texts.count else { return false }
        return texts[count].contains { zip($0, bytes).allSatisfy { $0 == lowercase($1) } }
    }
}

private func lowercase(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}
