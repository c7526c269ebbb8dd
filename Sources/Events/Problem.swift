/// Something that is wrong, in the three parts every error here has.
package struct Problem: Error, Sendable, Equatable {
    /// Stable, lower case, for programs.
    package let code: String
    /// What is wrong, in a sentence.
    package let message: String
    /// What to do about it, in a sentence.
    package let hint: String

    package init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

/// Something wrong in a file that a person wrote: where, what, and what to do.
package struct Diagnostic: Error, Sendable, Equatable, CustomStringConvertible {
    package let file: String
    package let line: Int
    package let column: Int
    package let message: String
    package let fix: String

    package init(file: String, line: Int, column: Int, message: String, fix: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
        self.fix = fix
    }

    package var description: String { "\(file):\(line):\(column): \(message) \(fix)" }
}

/// Everything that is wrong in a file; never empty.
package struct Diagnostics: Error, Sendable, CustomStringConvertible {
    package let all: [Diagnostic]

    package init(_ all: [Diagnostic]) { self.all = all }

    package var description: String { all.map(\.description).joined(separator: "\n") }
}
