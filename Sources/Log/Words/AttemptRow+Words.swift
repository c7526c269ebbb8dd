import Events

extension AttemptRow {
    /// The attempt in a sentence.
    package var sentence: String {
        let start = "Attempt \(attempt.number) at \(attempt.startedAt.iso8601)"
        let duration = attempt.duration.map { " after \($0) ms" } ?? ""
        let end: String
        switch attempt.answerClass {
        case .invalid where attempt.status == nil:
            let why = attempt.note.map { ": \($0)" } ?? ""
            let words = "\(start): nothing was sent, because there was no request\(why)"
            return words.hasSuffix(".") ? words : words + "."
        case .unknown, nil: end = ": no answer was recorded"
        default:
            end = attempt.status.map { ": \($0)\(duration)" } ?? ": no answer\(duration)"
        }
        let meaning = attempt.answerClass.map { " (\($0.meaning))" } ?? ""
        return start + end + meaning + "." + (attempt.note.map { " \($0)" } ?? "")
    }
}

extension AnswerClass {
    fileprivate var meaning: String {
        switch self {
        case .delivered: "delivered"
        case .invalid: "refused for good"
        case .setup: "the destination's set-up is wrong; this attempt does not count"
        case .throttle: "too fast; tried again later"
        case .transient: "tried again on schedule"
        case .unknown: "may have been sent; tried again"
        }
    }
}
