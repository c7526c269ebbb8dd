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

/// This person must not be sent to, whatever an event says.
package struct Suppression: Sendable, Equatable {
    /// Such as `unsubscribed`, `complained`, `hard_bounce`.
    package var cause: String
    package var at: Timestamp
    /// Who said so, such as a destination's name.
    package var origin: String

    package init(cause: String, at: Timestamp, origin: String) {
        self.cause = cause
        self.at = at
        self.origin = origin
    }
}

/// What is stored about the consent of one identifier.
package struct Standing: Sendable, Equatable {
    /// The newest answer for each category; on a tie the denial.
    package private(set) var answers: [ConsentAnswer]
    package var suppression: Suppression?

    package init(answers: [ConsentAnswer] = [], suppression: Suppression? = nil) {
        self.answers = answers
        self.suppression = suppression
    }

    /// Takes an answer in when it is newer than what stands for its category.
    package mutating func take(_ answer: ConsentAnswer) {
        guard let index = answers.firstIndex(where: { $0.category == answer.category }) else {
            answers.append(answer)
            return
        }
        if answer.outweighs(answers[index]) { answers[index] = answer }
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
