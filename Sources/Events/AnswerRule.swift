/// A blueprint's own reading of an answer: refines the general classes and gives hint and fix.
package struct AnswerRule: Sendable, Equatable {
    /// The statuses it speaks about; empty for every answer that is not 2xx.
    package var statuses: [Int]
    /// Nil leaves the general class as it is.
    package var answerClass: AnswerClass?
    package var hint: String
    package var fix: String

    package init(statuses: [Int], answerClass: AnswerClass?, hint: String, fix: String) {
        self.statuses = statuses
        self.answerClass = answerClass
        self.hint = hint
        self.fix = fix
    }

    package func applies(to status: Int) -> Bool { statuses.isEmpty || statuses.contains(status) }
}
