import SluiceTesting
import Testing

/// How the sources are worded: parameters, comments and literals.
@Suite struct `The wording of the sources` {
    @Test func `gives a function at most two unlabelled parameters`() throws {
        for file in try swiftFiles() {
            for declaration in Self.declarations(in: file) {
                let unlabelled = declaration.parameters.count { $0.hasPrefix("_ ") }
                if unlabelled > 2 {
                    Issue.record(
                        "\(file.path):\(declaration.line): \(unlabelled) unlabelled parameters")
                }
            }
        }
    }

    @Test func `begins no doc comment with a pronoun or an indefinite word`() throws {
        let words: Set<Substring> = [
            "What", "Whether", "Those", "Who", "That", "It", "They", "It's", "That's", "What's",
        ]
        for file in try swiftFiles() {
            for (number, line) in file.lines.enumerated() {
                guard let text = Self.docText(line),
                    number == 0 || Self.docText(file.lines[number - 1]) == nil
                else { continue }
                let first = text.prefix { $0.isLetter || $0 == "'" }
                if words.contains(first) {
                    Issue.record("\(file.path):\(number + 1): \(text)")
                }
            }
        }
    }

    @Test func `points to no document outside the repository`() throws {
        // Spelled so that this file does not find itself.
        let words = ["DES" + "IGN", "fac" + "ts/", "STY" + "LE.md"]
        for file in try swiftFiles() {
            for (number, line) in file.lines.enumerated() {
                guard let mark = line.firstRange(of: "//") else { continue }
                let comment = line[mark.upperBound...]
                if words.contains(where: { comment.contains($0) }) {
                    Issue.record("\(file.path):\(number + 1): \(comment)")
                }
            }
        }
    }

    @Test func `writes an ASCII character as a character, not as a hexadecimal number`() throws {
        for file in try swiftFiles() {
            for (number, line) in file.lines.enumerated() where !Self.isBytes(line) {
                for match in line.matches(of: /0x([2-7][0-9A-Fa-f])(?![0-9A-Fa-f_])/) {
                    guard let value = UInt8(match.1, radix: 16), value < 0x7F else { continue }
                    // 0x20 is the bound below which characters are controls; a mask is a number.
                    if value == 0x20 { continue }
                    let before = line[..<match.range.lowerBound].filter { $0 != " " }
                    if let last = before.last, "&|^".contains(last), !before.hasSuffix("||"),
                        !before.hasSuffix("&&")
                    {
                        continue
                    }
                    Issue.record("\(file.path):\(number + 1): \(match.0)")
                }
            }
        }
    }

    /// True for a line of bytes that are no text, such as a picture's.
    private static func isBytes(_ line: Substring) -> Bool {
        line.contains(/0x[89A-Fa-f][0-9A-Fa-f](?![0-9A-Fa-f_])/)
            && line.matches(of: /0x[0-9A-Fa-f]{2}/).count > 1
    }

    /// The text of a doc comment's line; nil for any other line.
    private static func docText(_ line: Substring) -> Substring? {
        let line = line.drop { $0 == " " }
        guard line.hasPrefix("///") else { return nil }
        return line.dropFirst(3).drop { $0 == " " }
    }

    /// The parameters of a function or an initializer, as they are written.
    private struct Declaration {
        let line: Int
        let parameters: [Substring]
    }

    private static func declarations(in file: SourceFile) -> [Declaration] {
        var found: [Declaration] = []
        for (number, line) in file.lines.enumerated() {
            let code = line.drop { $0 == " " }
            let opening =
                code.hasPrefix("//")
                ? nil : code.firstMatch(of: /(?:\bfunc [^ (]+ ?|\binit[?]?)(?:<[^(]*>)?\(/)
            guard let opening else { continue }
            let rest = file.lines[(number + 1)...].prefix(40).joined(separator: "\n")
            let text = code[opening.range.upperBound...] + "\n" + rest
            found.append(Declaration(line: number + 1, parameters: parameters(text[...])))
        }
        return found
    }

    /// Splits what stands in parentheses at the commas of the outermost level.
    private static func parameters(_ text: Substring) -> [Substring] {
        var depth = 0
        var parameters: [Substring] = []
        var begin = text.startIndex
        func end(_ index: Substring.Index) {
            let parameter = text[begin..<index].drop { $0 == " " || $0 == "\n" }
            if !parameter.isEmpty { parameters.append(parameter) }
        }
        for index in text.indices {
            switch text[index] {
            case "(", "[", "{": depth += 1
            case ")" where depth == 0:
                end(index)
                return parameters
            case ")", "]", "}": depth -= 1
            case "," where depth == 0:
                end(index)
                begin = text.index(after: index)
            default: break
            }
        }
        return parameters
    }
}
