import Deliver
import Events
import Map
import Request
import SluiceTesting
import Testing

/// The meaning of each status for three kinds of request, asked of the code and written as the
/// Reference has it.
@Suite struct `The Reference's table of statuses` {
    /// The kinds: without a rule of its own; about a person, as Vero's requests say it; with a rule
    /// for everything, as a blueprint may have it.
    private func rules() throws -> [[AnswerRule]] {
        let vero = try Fixtures.vero()
        let all = AnswerRule(statuses: [], answerClass: .invalid, hint: "", fix: "")
        let person = vero.presets["default"]?.events.values.flatMap(\.steps).map(\.request)
            .first { $0.name == "unsubscribe" }
        return [[], try #require(person).answers, [all]]
    }

    private func classes(_ status: Int, _ rules: [[AnswerRule]]) -> [String] {
        let result = TransportResult.answer(.init(status: status))
        return rules.map { rules in
            let first = Classifier().judge(result, rules: rules, missingBefore: 0).answerClass
            let fifth = Classifier().judge(
                result, rules: rules, missingBefore: Classifier.missingInARow - 1
            ).answerClass
            return first == fifth
                ? "`\(first.rawValue)`"
                : "`\(first.rawValue)`, the fifth in a row `\(fifth.rawValue)`"
        }
    }

    @Test func `is what the code does`() throws {
        let rules = try rules()
        var rows: [(statuses: ClosedRange<Int>, classes: [String])] = []
        for status in 100...599 {
            let classes = classes(status, rules)
            if let last = rows.last, last.classes == classes {
                rows[rows.count - 1].statuses = last.statuses.lowerBound...status
            } else {
                rows.append((status...status, classes))
            }
        }
        let lines = rows.map { row in
            let (first, last) = (row.statuses.lowerBound, row.statuses.upperBound)
            let statuses = first == last ? "\(first)" : "\(first)–\(last)"
            return "| \(statuses) | \(row.classes.joined(separator: " | ")) |"
        }
        let table =
            """
            | status | event | about a person (404 is `invalid` in the blueprint) | a rule `invalid` for all |
            |---|---|---|---|

            """ + lines.joined(separator: "\n") + "\n"
        let reference = try Fixtures.text("Sources/sluice/Documentation.docc/Reference.md")
        #expect(reference.contains(table), "it should be:\n\(table)")
    }
}
