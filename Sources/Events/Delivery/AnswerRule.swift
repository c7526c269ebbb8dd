/// A blueprint's rule for certain answers: refines their general class, and gives hint and fix.
package struct AnswerRule: Sendable, Equatable {
    /// The statuses that the rule is for; empty for every answer that is not 2xx.
    package var statuses: [Int]
    /// The class to give the answer; nil leaves the general class as it is.
    package var answerClass: AnswerClass?
    /// The likely cause, in a sentence.
    package var hint: String
    /// Advice on what to change.
    package var fix: String

    /// A rule as a blueprint states it.
    package init(statuses: [Int], answerClass: AnswerClass?, hint: String, fix: String) {
        self.statuses = statuses
        self.answerClass = answerClass
        self.hint = hint
        self.fix = fix
    }

    /// True when the rule is for an answer of this status.
    package func applies(to status: Int) -> Bool { statuses.isEmpty || statuses.contains(status) }
}
