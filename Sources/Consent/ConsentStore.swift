package import Events

/// A yes or no to one category, and where it came from.
package struct ConsentAnswer: Sendable, Equatable {
    package var category: String
    package var granted: Bool
    package var at: Timestamp
    /// Such as `context.consent.canonical.marketing`, or `consent set`.
    package var origin: String

    package init(category: String, granted: Bool, at: Timestamp, origin: String) {
        self.category = category
        self.granted = granted
        self.at = at
        self.origin = origin
    }
}

/// This person must not be sent to, whatever an event says; kept when it is lifted, so that it can
/// be seen and an older one cannot come back.
package struct Suppression: Sendable, Equatable {
    /// Such as `unsubscribed`, `complained`, `hard_bounce`.
    package var cause: String
    package var at: Timestamp
    /// Who said so, such as `Vero`.
    package var origin: String
    /// The event that said so.
    package var event: EventID?
    package var liftedAt: Timestamp?

    /// The cause of a person who was forgotten.
    package static let erased = "erased"

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

/// What is stored about the consent of one identifier.
package struct Standing: Sendable, Equatable {
    /// The newest answer for each category; on a tie the denial.
    package private(set) var answers: [ConsentAnswer]
    /// One for each cause, lifted ones too.
    package private(set) var suppressions: [Suppression]

    package init(answers: [ConsentAnswer] = [], suppressions: [Suppression] = []) {
        self.answers = answers
        self.suppressions = suppressions
    }

    /// Takes an answer in when it is newer than what stands for its category.
    package mutating func take(_ answer: ConsentAnswer) {
        guard let index = answers.firstIndex(where: { $0.category == answer.category }) else {
            answers.append(answer)
            return
        }
        if answer.outweighs(answers[index]) { answers[index] = answer }
    }

    /// Takes a suppression in unless a newer one of its cause, or a newer lifting, is known.
    package mutating func take(_ suppression: Suppression) {
        guard let index = suppressions.firstIndex(where: { $0.cause == suppression.cause }) else {
            suppressions.append(suppression)
            return
        }
        let known = suppressions[index]
        // At the time of its lifting the denial wins, as with answers.
        let isNewer = known.liftedAt.map { suppression.at >= $0 } ?? (suppression.at > known.at)
        if isNewer { suppressions[index] = suppression }
    }

    /// Lifts every suppression said before `moment`.
    package mutating func lift(at moment: Timestamp) {
        for index in suppressions.indices { lift(index, at: moment) }
    }

    /// Lifts what has these causes, and keeps the lifting for one that comes late.
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

    /// What holds now, the newest first.
    package var active: [Suppression] {
        suppressions.filter { $0.liftedAt == nil }.sorted { $0.at > $1.at }
    }
}

extension ConsentAnswer {
    /// The newer answer wins; of two at the same time, the denial.
    func outweighs(_ other: ConsentAnswer) -> Bool {
        at != other.at ? at > other.at : !granted
    }
}

/// The stored consent, inside the store's transaction.
package protocol ConsentStore {
    func standing(_ key: IdentityKey) throws -> Standing?
    mutating func save(_ standing: Standing, for key: IdentityKey) throws
}
