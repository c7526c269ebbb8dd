package import Consent
import Events

extension Standing {
    /// The stored answers and suppressions, a sentence each.
    package var sentences: [String] {
        let given = answers.map { answer in
            let word = answer.granted ? "granted" : "denied"
            return
                "Stored: \(answer.category) \(word) on \(answer.at.iso8601), by \(answer.origin)."
        }
        let held = suppressions.map { suppression in
            let lifted = suppression.liftedAt.map { "; lifted on \($0.iso8601)" }
            return "Stored: \(suppression.text)\(lifted ?? "; nothing is sent")."
        }
        return given + held
    }
}
