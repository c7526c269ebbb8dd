package import Events

/// The sentences about a delivery: the same for the command line, the API and pages.
extension DeliveryRow {
    /// The delivery's fate so far, in a sentence.
    ///
    /// - Parameter now: the moment at which it is read; what is due is not said to be in the past.
    package func sentence(at now: Timestamp) -> String {
        let destination = id.destination
        switch state {
        case .delivered:
            let answer = status.map { " with \($0)" } ?? ""
            let when = endedAt.map { " at \($0.iso8601)" } ?? ""
            let tries = attempt > 1 ? " on attempt \(attempt)" : ""
            let remark = detail.map { " (\($0))" } ?? ""
            return "Delivered to \(destination)\(when)\(tries); it answered\(answer)\(remark)."
        case .filtered:
            return "Not sent to \(destination): \(reasonText)."
        case .failed: return "Failed at \(destination): \(reasonText)."
        case .expired: return "Given up for \(destination) after \(attempt) attempts."
        case .cancelled: return "Cancelled for \(destination): \(reasonText)."
        case .queued, .retrying:
            return standing.sends ? waiting(at: now) : "Waits: \(standingSentence(at: now))"
        case .sending:
            // The store knows that the attempt was opened, and not whether a byte was sent.
            let open =
                "Attempt \(attempt) to \(destination) is open: "
                + "it waits for a place or for the answer."
            return standing.sends ? open : "\(open) \(standingSentence(at: now))"
        }
    }

    private func standingSentence(at now: Timestamp) -> String {
        standing.sentence(of: id.destination, host: host, waiting: nil, at: now)
    }

    private func waiting(at now: Timestamp) -> String {
        guard let dueAt else {
            return "Waits for \(id.destination) behind an earlier event of the same person."
        }
        guard state == .retrying else { return "Waits for its turn at \(id.destination)." }
        let next =
            dueAt <= now
            ? "follows as soon as a place is free" : "is due at \(moment(dueAt, from: now))"
        return "Attempt \(attempt) at \(id.destination) failed; the next one \(next)."
    }

    private var reasonText: String {
        let text = reason?.sentence ?? "no reason was recorded"
        return detail.map { "\(text) (\($0))" } ?? text
    }

    /// The advice to an operator; nil when there is nothing to do.
    package var advice: String? {
        state.isFinal ? hint : standing.advice(for: id.destination) ?? hint
    }

    /// The advice that fits the reason; nil without one.
    package var hint: String? { reason?.hint(consent: consent, detail: detail) }

    /// The answer of the consent check; nil when the destination asked for none.
    package var consentSentence: String? {
        consent.map { consent in
            "Consent: \(consent.category) was \(consent.answer) in \(consent.origin) "
                + "(\(consent.at.iso8601)); the destination \(consent.rule)."
        }
    }
}

extension Reason {
    /// The advice that fits what decided; of consent and suppressions, who can change it.
    package func hint(consent: ConsentRecord?, detail: String?) -> String {
        switch (self, consent?.answer) {
        case (.consent, "denied") where consent?.origin == "sluice consent set":
            "An operator said no for this person; only sluice consent set changes it."
        case (.consent, "denied"):
            "The person said no: there is nothing to mend. Only a later yes of the person counts."
        case (.consent, "unreadable"):
            "Send context.consent in a form that the manual lists, such as {\"marketing\": true}."
        case (.suppressed, _) where detail?.hasPrefix("operator in ") == true:
            "An operator stopped this person; lift it with sluice suppress ID --lift."
        case (.suppressed, _) where detail?.hasPrefix("unsubscribed ") == false:
            "Only a resubscribe of the person, or sluice consent set ID --lift, ends this."
        default: hint
        }
    }
}
