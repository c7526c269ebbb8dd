/// The consent decision of one delivery, kept with it so that it can be shown later.
package struct ConsentRecord: Sendable, Equatable {
    /// The category that decided.
    package var category: String
    /// `granted`, `denied` or `missing`.
    package var answer: String
    /// The place where the answer was read, such as `context.consent.canonical.marketing`.
    package var origin: String
    /// The moment of the answer.
    package var at: Timestamp
    /// The destination's rule, in words.
    package var rule: String

    /// A decision as the gate took it.
    package init(
        category: String, answer: String, origin: String, at: Timestamp, rule: String
    ) {
        self.category = category
        self.answer = answer
        self.origin = origin
        self.at = at
        self.rule = rule
    }

    /// The record as the store keeps it, in one text.
    package var text: String {
        Fields.join([category, answer, origin, String(at.milliseconds), rule])
    }

    /// Reads a stored record; nil when the text is none.
    package init?(text: String) {
        let parts = Fields.split(text)
        guard parts.count == 5, let milliseconds = Int64(parts[3]) else { return nil }
        self.init(
            category: parts[0], answer: parts[1], origin: parts[2],
            at: Timestamp(milliseconds: milliseconds), rule: parts[4])
    }
}
