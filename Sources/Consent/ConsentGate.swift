package import Events
import JSON

/// Decides whether an event may go to one destination, by consent and suppressions, and why not.
package struct ConsentGate: Sendable {
    /// The destination's rule; nil when it asks for no consent.
    package let rule: ConsentRule?
    /// The names under which an event's `integrations` may exclude this destination.
    package let names: [String]

    /// The gate of one destination.
    package init(rule: ConsentRule?, names: [String]) {
        self.rule = rule
        self.names = names.map { $0.lowercased() }
    }

    /// The gate's decision, and the record of it for the log.
    package struct Verdict: Sendable, Equatable {
        /// The reason not to send; nil when the event may go.
        package let reason: Reason?
        /// The reason in detail, in words.
        package let detail: String?
        /// The answer that decided.
        package let record: ConsentRecord?

        /// A decision.
        package init(reason: Reason?, detail: String?, record: ConsentRecord?) {
            self.reason = reason
            self.detail = detail
            self.record = record
        }
    }

    /// How far the event's own yes is believed.
    package enum Belief: Sendable {
        /// The key is public: only a no counts.
        case denials
        /// A yes counts for the event, but never against a stored no of a known person.
        case event
        /// A yes counts like the person's own.
        case person
    }

    /// Decides from the event, its own answers, and the stored consent of the person.
    ///
    /// - Parameters:
    ///   - reduces: the request takes something away (unsubscribe, delete). It skips consent and
    ///     suppression, because a withdrawal has to reach the destination.
    ///   - suppresses: the event itself reports a suppression. It is not held back by one, because
    ///     other destinations have to hear of it.
    package func decide(
        _ event: Event, own: ConsentReading, stored: StoredConsent, belief: Belief, reduces: Bool,
        suppresses: Bool = false
    ) -> Verdict {
        if let excluded = exclusion(in: event) {
            return Verdict(reason: .integrations, detail: excluded, record: nil)
        }
        if reduces { return Verdict(reason: nil, detail: nil, record: nil) }
        if let bar = stored.suppression, !suppresses || bar.isFinal {
            let reason: Reason = bar.cause == Suppression.erased ? .erased : .suppressed
            return Verdict(reason: reason, detail: bar.text, record: nil)
        }
        guard let rule else { return Verdict(reason: nil, detail: nil, record: nil) }
        var record: ConsentRecord?
        for category in rule.require where category != "essential" {
            let verdict = self.verdict(
                on: category, by: rule, event, own: own, stored: stored, belief: belief)
            if verdict.reason != nil { return verdict }
            record = verdict.record
        }
        return Verdict(reason: nil, detail: nil, record: record)
    }

    /// The verdict on one category.
    ///
    /// The event's own no comes first, then what cannot be understood, then the stored no, unless
    /// the event's yes is believed and later, then any yes.
    private func verdict(
        on category: String, by rule: ConsentRule, _ event: Event, own: ConsentReading,
        stored: StoredConsent, belief: Belief
    ) -> Verdict {
        func record(_ answer: ConsentAnswer) -> ConsentRecord {
            ConsentRecord(
                category: category, answer: answer.granted ? "granted" : "denied",
                origin: answer.origin, at: answer.at, rule: rule.text)
        }
        func deny(_ answer: ConsentAnswer) -> Verdict {
            Verdict(
                reason: .consent,
                detail: "\(category) was denied in \(answer.origin) on \(answer.at.iso8601)",
                record: record(answer))
        }
        let mine = own.answers.first { $0.category == category }
        if let mine, !mine.granted { return deny(mine) }
        if let unreadable = own.unreadable {
            let record = ConsentRecord(
                category: category, answer: "unreadable", origin: "the event",
                at: event.timestamp, rule: rule.text)
            return Verdict(
                reason: .consent, detail: "consent cannot be understood: \(unreadable)",
                record: record)
        }
        let kept = stored.answer(to: category)
        if let kept, !kept.granted {
            guard let mine, isEnded(kept, by: mine, of: stored, belief: belief) else {
                return deny(kept)
            }
            return Verdict(reason: nil, detail: nil, record: record(mine))
        }
        if let mine, belief != .denials {
            let isNewer = kept.map { mine.at >= $0.at } ?? true
            return Verdict(reason: nil, detail: nil, record: record(isNewer ? mine : kept ?? mine))
        }
        if let kept { return Verdict(reason: nil, detail: nil, record: record(kept)) }
        return missing(category, by: rule, event, unbelieved: mine)
    }

    /// True when the event's yes ends a stored no: it is later, and it is the person's own; of a
    /// page, only the no of the same device.
    private func isEnded(
        _ kept: ConsentAnswer, by mine: ConsentAnswer, of stored: StoredConsent, belief: Belief
    ) -> Bool {
        guard mine.at > kept.at, !kept.isOperators else { return false }
        return switch belief {
        case .denials: false
        case .event: stored.device.answer(to: kept.category) == kept
        case .person: true
        }
    }

    private func missing(
        _ category: String, by rule: ConsentRule, _ event: Event, unbelieved: ConsentAnswer?
    ) -> Verdict {
        let record = ConsentRecord(
            category: category, answer: "missing", origin: unbelieved?.origin ?? "the event",
            at: event.timestamp, rule: rule.text)
        if rule.missing == .allow { return Verdict(reason: nil, detail: nil, record: record) }
        return Verdict(
            reason: unbelieved == nil ? .consent : .untrustedIdentity,
            detail: "there is no believable answer for \(category)", record: record)
    }

    /// The entry of `integrations` that excludes the destination: `{"<name>": false}` does; so does
    /// `{"All": false}` unless this destination is true.
    private func exclusion(in event: Event) -> String? {
        guard let integrations = event.integrations else { return nil }
        var all: Bool?
        var isNamed = false
        for member in integrations.members {
            guard let key = member.key.string?.lowercased() else { continue }
            // Options for a destination name it as well as true does.
            let answer = member.value.kind == .object ? true : ConsentWords.answer(member.value)
            if key == "all" { all = answer }
            guard names.contains(key) else { continue }
            if answer == false { return "integrations.\(key) is false" }
            if answer == true { isNamed = true }
        }
        return all == false && !isNamed ? "integrations.All is false" : nil
    }
}
