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

    /// Decides from the event, its own answers, and the stored standing of each of the person's
    /// identifiers.
    ///
    /// - Parameters:
    ///   - reduces: the request takes something away (unsubscribe, delete). It skips consent and
    ///     suppression, because a withdrawal has to reach the destination.
    ///   - suppresses: the event itself reports a suppression. It is not held back by one, because
    ///     other destinations have to hear of it.
    package func decide(
        _ event: Event, own: [ConsentAnswer], stored: [Standing], reduces: Bool,
        suppresses: Bool = false
    ) -> Verdict {
        if let excluded = exclusion(in: event) {
            return Verdict(reason: .integrations, detail: excluded, record: nil)
        }
        if reduces { return Verdict(reason: nil, detail: nil, record: nil) }
        if !suppresses, let newest = suppression(in: stored) {
            let reason: Reason = newest.cause == Suppression.erased ? .erased : .suppressed
            return Verdict(reason: reason, detail: newest.text, record: nil)
        }
        guard let rule else { return Verdict(reason: nil, detail: nil, record: nil) }
        var record: ConsentRecord?
        for category in rule.require where category != "essential" {
            let (mine, reason) = answer(
                for: category, event, own: own, stored: stored, by: rule)
            record = mine
            if let reason { return Verdict(reason: reason, detail: describe(mine), record: mine) }
        }
        return Verdict(reason: nil, detail: nil, record: record)
    }

    private func answer(
        for category: String, _ event: Event, own: [ConsentAnswer], stored: [Standing],
        by rule: ConsentRule
    ) -> (ConsentRecord, Reason?) {
        var newest: ConsentAnswer?
        func weigh(_ answer: ConsentAnswer) {
            guard answer.category == category else { return }
            if newest.map({ answer.outweighs($0) }) ?? true { newest = answer }
        }
        for standing in stored { standing.answers.forEach(weigh) }
        for answer in own where event.trusted || !answer.granted { weigh(answer) }
        if let newest {
            let record = ConsentRecord(
                category: category, answer: newest.granted ? "granted" : "denied",
                origin: newest.origin, at: newest.at, rule: rule.text)
            return (record, newest.granted ? nil : .consent)
        }
        let unbelieved = own.first { $0.category == category }
        let record = ConsentRecord(
            category: category, answer: "missing", origin: unbelieved?.origin ?? "the event",
            at: event.timestamp, rule: rule.text)
        if rule.missing == .allow { return (record, nil) }
        return (record, unbelieved == nil ? .consent : .untrustedIdentity)
    }

    private func describe(_ record: ConsentRecord) -> String {
        switch record.answer {
        case "denied":
            "\(record.category) was denied in \(record.origin) on \(record.at.iso8601)"
        default: "there is no believable answer for \(record.category)"
        }
    }

    /// The newest suppression that holds.
    ///
    /// A suppression that is stored under two identifiers is lifted by lifting either.
    private func suppression(in stored: [Standing]) -> Suppression? {
        if stored.allSatisfy(\.suppressions.isEmpty) { return nil }
        let lifted = stored.flatMap(\.suppressions).filter { $0.liftedAt != nil }
        return stored.flatMap(\.active).filter { active in
            !lifted.contains { other in
                other.cause == active.cause
                    && (other.event != nil && other.event == active.event
                        || other.liftedAt ?? active.at > active.at)
            }
        }.max { $0.at < $1.at }
    }

    /// The entry of `integrations` that excludes the destination: `{"<name>": false}` does; so does
    /// `{"All": false}` unless this destination is true.
    private func exclusion(in event: Event) -> String? {
        guard let integrations = event.integrations else { return nil }
        var all: Bool?
        var isNamed = false
        for member in integrations.members {
            guard let key = member.key.string?.lowercased() else { continue }
            if key == "all" { all = member.value.bool }
            guard names.contains(key) else { continue }
            if member.value.bool == false { return "integrations.\(key) is false" }
            // Options for a destination name it as well as true does.
            if member.value.bool == true || member.value.kind == .object { isNamed = true }
        }
        return all == false && !isNamed ? "integrations.All is false" : nil
    }
}
