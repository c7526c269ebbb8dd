/// An error as users see it: a code for programs, and a message and a hint for people.
package struct Problem: Error, Sendable, Equatable {
    /// A stable word in lower case, for programs.
    package let code: String
    /// The error in a sentence.
    package let message: String
    /// Advice on what to do about it, in a sentence.
    package let hint: String

    /// An error with its three parts.
    package init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}

/// A fault in a file that a person wrote, with its place and with advice.
package struct Diagnostic: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file as the person named it.
    package let file: String
    /// The line, from 1.
    package let line: Int
    /// The column in characters, from 1.
    package let column: Int
    /// The fault in a sentence.
    package let message: String
    /// Advice on what to write instead.
    package let fix: String

    /// A fault at a place.
    package init(file: String, line: Int, column: Int, message: String, fix: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
        self.fix = fix
    }

    /// The fault in one line, as compilers print theirs.
    package var description: String { "\(file):\(line):\(column): \(message) \(fix)" }
}

/// All faults of a file, thrown together; never empty.
package struct Diagnostics: Error, Sendable, CustomStringConvertible {
    /// The faults in the order of the file.
    package let all: [Diagnostic]

    /// An error of these faults.
    package init(_ all: [Diagnostic]) { self.all = all }

    /// One line for each fault.
    package var description: String { all.map(\.description).joined(separator: "\n") }
}
