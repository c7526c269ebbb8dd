package import Events

/// A person's yes or no to one consent category, and where it came from.
package struct ConsentAnswer: Sendable, Equatable {
    /// The category.
    package var category: String
    /// True for a yes.
    package var granted: Bool
    /// The moment of the answer.
    package var at: Timestamp
    /// The place where it was given, such as `context.consent.canonical.marketing`, or `consent
    /// set`.
    package var origin: String
    /// True for an operator's order (`consent set`): such a no outranks events.
    package var isOperators: Bool
    /// True when it came under an address without a user id.
    package var isAlone: Bool

    /// An answer to one category.
    package init(
        category: String, granted: Bool, at: Timestamp, origin: String, isOperators: Bool = false,
        isAlone: Bool = false
    ) {
        self.category = category
        self.granted = granted
        self.at = at
        self.origin = origin
        self.isOperators = isOperators
        self.isAlone = isAlone
    }
}

/// The way in which an answer is weighed against the stored one.
package enum AnswerOrder: Sendable {
    /// The answer was given to us now: a no counts whatever time it bears.
    case accepted
    /// The answer is read again, imported, or taken over from another identifier: times decide.
    case ownTime
}

/// The reason for which suppressions are lifted; it decides which ones.
package enum Lifting: Sendable {
    /// A consent event with a yes: ends an unsubscribe.
    case consent
    /// A resubscribe, or `consent set --lift`: ends all but an operator's suppression and erasure.
    case resubscribe
    /// `suppress --lift`: ends an operator's suppression.
    case byOperator

    fileprivate func ends(_ cause: String) -> Bool {
        switch self {
        case .consent: cause == Suppression.unsubscribed
        case .resubscribe: cause != Suppression.byOperator && cause != Suppression.erased
        case .byOperator: cause == Suppression.byOperator
        }
    }
}

/// A bar on sending to a person, whatever an event says.
///
/// A lifted one is kept, so that it can be seen and an older one cannot come back.
package struct Suppression: Sendable, Equatable {
    /// The cause, such as `unsubscribed`, `complained`, `hard_bounce`.
    package var cause: String
    /// The moment it was reported for.
    package var at: Timestamp
    /// The destination or source that reported it.
    package var origin: String
    /// The event that reported it.
    package var event: EventID?
    /// The moment it was lifted; nil while it holds.
    package var liftedAt: Timestamp?
    /// True when it was lifted under an address without a user id.
    package var isAlone: Bool

    /// The cause of a person who was forgotten.
    package static let erased = "erased"
    /// The cause of a person whom an operator suppressed.
    package static let byOperator = "operator"
    /// The cause of a person who unsubscribed.
    package static let unsubscribed = "unsubscribed"

    /// A suppression of one cause.
    package init(
        cause: String, at: Timestamp, origin: String, event: EventID? = nil,
        liftedAt: Timestamp? = nil, isAlone: Bool = false
    ) {
        self.isAlone = isAlone
        self.cause = cause
        self.at = at
        self.origin = origin
        self.event = event
        self.liftedAt = liftedAt
    }
}

/// The stored consent of one identifier: answers and suppressions.
package struct Standing: Sendable, Equatable {
    /// The newest answer for each category; on a tie the denial.
    package private(set) var answers: [ConsentAnswer]
    /// The newest suppression of each cause, lifted ones too.
    package private(set) var suppressions: [Suppression]

    /// A standing of these answers and suppressions.
    package init(answers: [ConsentAnswer] = [], suppressions: [Suppression] = []) {
        self.answers = answers
        self.suppressions = suppressions
    }

    /// True when nothing is stored.
    package var isEmpty: Bool { answers.isEmpty && suppressions.isEmpty }

    /// The stored answer to a category; nil when there is none.
    package func answer(to category: String) -> ConsentAnswer? {
        answers.first { $0.category == category }
    }

    /// Weighs an answer against what stands for its category, and keeps the one that counts.
    ///
    /// A no that is accepted now ends a yes, whatever its date says; it then bears the later of
    /// both times, so that the same yes cannot come back. A yes ends a no only when its own time is
    /// later. An operator's no gives way to an operator alone.
    package mutating func merge(_ answer: ConsentAnswer, by order: AnswerOrder = .accepted) {
        guard let index = answers.firstIndex(where: { $0.category == answer.category }) else {
            answers.append(answer)
            return
        }
        let known = answers[index]
        if answer.isOperators {
            answers[index] = answer
        } else if known.isOperators, !known.granted {
            return
        } else if answer.granted {
            if answer.at > known.at { answers[index] = answer }
        } else if known.granted, order == .accepted {
            answers[index] = answer
            answers[index].at = max(answer.at, known.at)
        } else if known.granted ? answer.at >= known.at : answer.at > known.at {
            answers[index] = answer
        }
    }

    /// Takes over what another identifier of the same person restricts: each no, and each
    /// suppression that holds.
    package mutating func restrict(like other: Standing) {
        for answer in other.answers where !answer.granted { merge(answer, by: .ownTime) }
        for suppression in other.suppressions where suppression.liftedAt == nil {
            merge(suppression)
        }
    }

    /// True when a no or a suppression that holds is stored.
    package var restricts: Bool {
        answers.contains { !$0.granted } || suppressions.contains { $0.liftedAt == nil }
    }

    /// The part of the standing that restricts.
    package var restrictions: Standing {
        var restrictions = Standing()
        restrictions.restrict(like: self)
        return restrictions
    }

    /// The standing without a forgetting.
    package var withoutErasure: Standing {
        Standing(
            answers: answers, suppressions: suppressions.filter { $0.cause != Suppression.erased })
    }

    /// Adds a suppression unless a newer one of its cause, or a newer lifting, is known.
    package mutating func merge(_ suppression: Suppression) {
        guard let index = suppressions.firstIndex(where: { $0.cause == suppression.cause }) else {
            suppressions.append(suppression)
            return
        }
        let known = suppressions[index]
        // At the time of its lifting the denial wins, as with answers.
        let isNewer = known.liftedAt.map { suppression.at >= $0 } ?? (suppression.at > known.at)
        if isNewer { suppressions[index] = suppression }
    }

    /// Lifts the suppressions reported until `moment` that `lifting` ends.
    ///
    /// - Parameter isAlone: the lifting came under an address without a user id.
    package mutating func lift(_ lifting: Lifting, at moment: Timestamp, isAlone: Bool = false) {
        for index in suppressions.indices where lifting.ends(suppressions[index].cause) {
            lift(index, at: moment, isAlone: isAlone)
        }
    }

    /// Lifts the suppressions of these causes; the lifting is stored also for one that comes late.
    ///
    /// Erasure and an operator's suppression are never lifted so.
    package mutating func lift(
        _ causes: [String], at moment: Timestamp, origin: String, isAlone: Bool = false
    ) {
        for cause in causes where Lifting.resubscribe.ends(cause) {
            if let index = suppressions.firstIndex(where: { $0.cause == cause }) {
                lift(index, at: moment, isAlone: isAlone)
            } else {
                suppressions.append(
                    Suppression(
                        cause: cause, at: moment, origin: origin, liftedAt: moment,
                        isAlone: isAlone))
            }
        }
    }

    private mutating func lift(_ index: Int, at moment: Timestamp, isAlone: Bool) {
        guard suppressions[index].at <= moment else { return }
        suppressions[index].liftedAt = max(moment, suppressions[index].liftedAt ?? moment)
        suppressions[index].isAlone = isAlone
    }

    /// True for a person who was forgotten.
    package var isErased: Bool {
        suppressions.contains { $0.cause == Suppression.erased && $0.liftedAt == nil }
    }

    /// The suppressions that hold now, the newest first.
    package var active: [Suppression] {
        suppressions.filter { $0.liftedAt == nil }.sorted { $0.at > $1.at }
    }
}

extension Suppression {
    /// The suppression in words, such as "unsubscribed in crm on 2026-06-06T10:15:30.000Z".
    package var text: String {
        let source = event.map { ", said event \($0.text)" } ?? ""
        return "\(cause.replacing("_", with: " ")) in \(origin) on \(at.iso8601)\(source)"
    }
}
