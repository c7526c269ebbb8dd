package import Events
import JSON
package import Request

/// The meaning of an exchange's end, and the words for people about it.
package struct Judgement: Sendable, Equatable {
    package var answerClass: AnswerClass
    /// A sentence that says what happened.
    package var note: String?
    package var hint: String?
    package var fix: String?
    /// True for an address that one event's name has for itself: it says nothing about others.
    package var isOfAddress = false
}

/// Reads answers: a general class by the status, refined by the blueprint's rules.
///
/// 2xx is delivered as soon as the header block is complete. A status that every request would get
/// (credentials, payment, method or form of the request, redirects), a blocked address and five 404
/// in a row mean a wrong set-up. 429 asks for a slower pace. Network faults, statuses that speak of
/// the moment, and 5xx but 501 and 505 may pass. Every other status refuses the one event.
package struct Classifier: Sendable {
    /// 404 answers in a row after which the address is taken to be wrong.
    package static let missingInARow = 5

    package init() {}

    /// - Parameters:
    ///   - rules: the blueprint's, the most special first.
    ///   - missingBefore: 404 answers in a row from this destination before this one.
    package func judge(
        _ result: TransportResult, rules: [AnswerRule], missingBefore: Int
    ) -> Judgement {
        switch result {
        case .failure(let failure): return judge(failure)
        case .answer(let answer) where (200..<300).contains(answer.status):
            return Judgement(answerClass: .delivered, note: answer.note)
        case .answer(let answer):
            let rule = rules.first { $0.applies(to: answer.status) }
            var judgement = general(answer, missingBefore: missingBefore)
            if let rule {
                judgement.answerClass = rule.answerClass ?? judgement.answerClass
                judgement.hint = rule.hint.isEmpty ? judgement.hint : rule.hint
                judgement.fix = rule.fix.isEmpty ? judgement.fix : rule.fix
            }
            return judgement
        }
    }

    private func general(_ answer: TransportResult.Answer, missingBefore: Int) -> Judgement {
        func judge(
            _ answerClass: AnswerClass, _ hint: String, fix: String
        ) -> Judgement {
            Judgement(answerClass: answerClass, note: answer.note, hint: hint, fix: fix)
        }
        switch answer.status {
        case 300..<400:
            let target = answer.location.map { " to \($0)" } ?? ""
            return judge(
                .setup, "The address redirects\(target); redirects are never followed.",
                fix: "Put the final address into the destination's parameters.")
        case 401, 403:
            return judge(
                .setup, "The destination does not accept the credentials.",
                fix: "Correct the destination's credentials.")
        case 402:
            return judge(
                .setup, "The destination asks for payment.", fix: "Settle the account there.")
        case 405, 407, 415, 426:
            return judge(
                .setup, "The destination does not take requests of this form at this address.",
                fix: "Correct the destination's address, or the request in the blueprint.")
        case 404 where missingBefore + 1 >= Self.missingInARow:
            return judge(
                .setup, "The destination answered 404 \(missingBefore + 1) times in a row.",
                fix: "Correct the destination's address.")
        case 404:
            return judge(
                .transient, "The destination does not know this address.",
                fix: "Check the destination's address.")
        case 429:
            return judge(
                .throttle, "The destination limits how fast we may send.",
                fix: "Nothing to do: it is tried again no earlier than the destination asks.")
        case 408, 409, 421, 423, 424, 425, 449, 460, 499:
            return judge(
                .transient, "The destination could not take it at that moment.",
                fix: "Nothing to do: it is tried again on schedule.")
        case 501, 505:
            return judge(
                .invalid, "The destination cannot do what was asked.",
                fix: "Check the request in the blueprint.")
        case 500...:
            return judge(
                .transient, "The destination has a problem of its own.",
                fix: "Nothing to do: it is tried again on schedule.")
        case ..<200:
            return judge(.transient, "The answer was not complete.", fix: "Nothing to do.")
        default:
            return judge(
                .invalid, "The destination refused this event.",
                fix: "Read the answer with: sluice delivery ID.")
        }
    }

    private func judge(_ failure: TransportResult.Failure) -> Judgement {
        let ambiguous =
            failure.maybeSent
            ? " It may have arrived; the repeat carries the same message id." : ""
        let words = failure.kind.words
        return Judgement(
            answerClass: words.isSetup ? .setup : .transient, note: failure.message + ambiguous,
            hint: words.hint, fix: words.fix)
    }
}
