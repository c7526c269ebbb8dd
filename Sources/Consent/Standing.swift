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

    /// An answer to one category.
    package init(category: String, granted: Bool, at: Timestamp, origin: String) {
        self.category = category
        self.granted = granted
        self.at = at
        self.origin = origin
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

    /// The cause of a person who was forgotten.
    package static let erased = "erased"

    /// A suppression of one cause.
    package init(
        cause: String, at: Timestamp, origin: String, event: EventID? = nil,
        liftedAt: Timestamp? = nil
    ) {
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

    /// Adds an answer when it is newer than what stands for its category.
    package mutating func merge(_ answer: ConsentAnswer) {
        guard let index = answers.firstIndex(where: { $0.category == answer.category }) else {
            answers.append(answer)
            return
        }
        if answer.outweighs(answers[index]) { answers[index] = answer }
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

    /// Lifts every suppression reported before `moment`.
    package mutating func lift(at moment: Timestamp) {
        for index in suppressions.indices { lift(index, at: moment) }
    }

    /// Lifts the suppressions of these causes; the lifting is stored also for one that comes late.
    package mutating func lift(_ causes: [String], at moment: Timestamp, origin: String) {
        for cause in causes {
            if let index = suppressions.firstIndex(where: { $0.cause == cause }) {
                lift(index, at: moment)
            } else {
                suppressions.append(
                    Suppression(cause: cause, at: moment, origin: origin, liftedAt: moment))
            }
        }
    }

    private mutating func lift(_ index: Int, at moment: Timestamp) {
        guard suppressions[index].at <= moment else { return }
        suppressions[index].liftedAt = max(moment, suppressions[index].liftedAt ?? moment)
    }

    /// The suppressions that hold now, the newest first.
    package var active: [Suppression] {
        suppressions.filter { $0.liftedAt == nil }.sorted { $0.at > $1.at }
    }
}

extension ConsentAnswer {
    /// True for the answer that counts: the newer one, and of two at the same time the denial.
    func outweighs(_ other: ConsentAnswer) -> Bool {
        at != other.at ? at > other.at : !granted
    }
}

extension Suppression {
    /// The suppression in words, such as "unsubscribed in crm on 2026-06-06T10:15:30.000Z".
    package var text: String {
        let source = event.map { ", said event \($0.text)" } ?? ""
        return "\(cause.replacing("_", with: " ")) in \(origin) on \(at.iso8601)\(source)"
    }
}
