/// The consent that a destination asks for before anything is sent to it.
package struct ConsentRule: Sendable, Equatable {
    /// The meaning of no answer at all.
    package enum Missing: String, Sendable, CaseIterable { case deny, allow }
    /// The categories that all have to be granted.
    package let require: [String]
    /// The meaning of no answer.
    package let missing: Missing
    /// The rule in words, for the log; made once, because every delivery keeps it.
    package let text: String

    /// A rule that asks for these categories.
    package init(require: [String], missing: Missing) {
        self.require = require
        self.missing = missing
        text = "needs \(require.joined(separator: " and ")); no answer means \(missing.rawValue)"
    }
}
