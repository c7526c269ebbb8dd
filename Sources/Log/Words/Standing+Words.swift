package import Consent
import Events

extension StoredStanding {
    /// The stored answers and suppressions, a sentence each.
    package var sentences: [String] {
        let names = keys.map { key in
            switch key.kind {
            case .user: "user \(key.value)"
            case .email: "email \(key.value)"
            case .anonymous: "anonymous id \(key.value)"
            }
        }
        return standing.sentences(storedFor: names.joined(separator: ", "))
    }
}

extension Standing {
    fileprivate func sentences(storedFor names: String) -> [String] {
        let given = answers.map { answer in
            let word = answer.granted ? "granted" : "denied"
            return "Stored for \(names): \(answer.category) \(word) on \(answer.at.iso8601), "
                + "by \(answer.origin).\(answer.ending)"
        }
        let held = suppressions.map { suppression in
            if suppression.liftedAt == suppression.at {
                let cause = suppression.cause.replacing("_", with: " ")
                return "Stored for \(names): no \(cause) from before "
                    + "\(suppression.at.iso8601) counts, said \(suppression.origin)."
            }
            if let lifted = suppression.liftedAt {
                return "Stored for \(names): \(suppression.text); lifted on \(lifted.iso8601)."
            }
            return "Stored for \(names): \(suppression.text); nothing is sent. "
                + suppression.ending
        }
        return given + held
    }
}

extension ConsentAnswer {
    /// The way in which a no ends; empty for a yes.
    fileprivate var ending: String {
        if granted { return "" }
        return isOperators
            ? " Events do not change it; sluice consent set does."
            : " A later yes of the person ends it."
    }
}

extension Suppression {
    /// The way in which it is lifted.
    package var ending: String {
        switch cause {
        case Self.byOperator: "It is lifted with sluice suppress ID --lift."
        case Self.unsubscribed: "A resubscribe lifts it, and a consent event with a yes."
        case Self.erased: "Only sluice forget ID --allow-again lets the id come back."
        default: "A resubscribe lifts it, and sluice consent set ID --lift."
        }
    }
}
