package import Consent
import Events

extension Standing {
    /// The stored answers and suppressions, a sentence each.
    package var sentences: [String] {
        let given = answers.map { answer in
            let word = answer.granted ? "granted" : "denied"
            return "Stored: \(answer.category) \(word) on \(answer.at.iso8601), by "
                + "\(answer.origin).\(answer.ending)"
        }
        let held = suppressions.map { suppression in
            if let lifted = suppression.liftedAt {
                return "Stored: \(suppression.text); lifted on \(lifted.iso8601)."
            }
            return "Stored: \(suppression.text); nothing is sent. \(suppression.ending)"
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
    fileprivate var ending: String {
        switch cause {
        case Self.byOperator: "It is lifted with sluice suppress ID --lift."
        case Self.unsubscribed: "A resubscribe lifts it, and a consent event with a yes."
        case Self.erased: "Only sluice forget ID --allow-again lets the id come back."
        default: "A resubscribe lifts it, and sluice consent set ID --lift."
        }
    }
}
