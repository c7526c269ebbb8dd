package import Events
import JSON

/// What a destination asks for before anything goes to it.
package struct ConsentRule: Sendable, Equatable {
    /// What no answer at all means.
    package enum Missing: String, Sendable, CaseIterable { case deny, allow }
    /// Every one of these has to be granted.
    package let require: [String]
    package let missing: Missing
    /// The rule in words, for the log; made once, because every delivery keeps it.
    package let text: String

    package init(require: [String], missing: Missing) {
        self.require = require
        self.missing = missing
        text = "needs \(require.joined(separator: " and ")); no answer means \(missing.rawValue)"
    }
}

/// May this event go to this destination, and why not (DESIGN §6).
package struct ConsentGate: Sendable {
    package let rule: ConsentRule?
    /// The names under which an event's `integrations` may exclude this destination.
    package let names: [String]

    package init(rule: ConsentRule?, names: [String]) {
        self.rule = rule
        self.names = names.map { $0.lowercased() }
    }

    /// The gate's answer: a reason when the delivery must not go, and what was read.
    package struct Verdict: Sendable, Equatable {
        package let reason: Reason?
        package let detail: String?
        package let record: ConsentRecord?

        package init(reason: Reason?, detail: String?, record: ConsentRecord?) {
            self.reason = reason
            self.detail = detail
            self.record = record
        }
    }

    /// Decides from the event, its own answers, and what is stored about the person.
    ///
    /// `suppresses` marks an event that says itself that somebody must not be sent to: others have
    /// to hear of it.
    ///
    /// `reduces` marks a request that takes something away (unsubscribe, delete); those skip
    /// consent and suppression, because withdrawing has to reach the destination.
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
            let (mine, reason) = answer(for: category, event, own, stored, rule)
            record = mine
            if let reason { return Verdict(reason: reason, detail: describe(mine), record: mine) }
        }
        return Verdict(reason: nil, detail: nil, record: record)
    }

    private func answer(
        for category: String, _ event: Event, _ own: [ConsentAnswer], _ stored: [Standing],
        _ rule: ConsentRule
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
    /// One that was kept under two identifiers is lifted by either.
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

    /// `{"Vero": false}` blocks; so does `{"All": false}` unless this destination is true.
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

extension Suppression {
    /// Such as "unsubscribed in Vero on 2026-06-06T10:15:30.000Z".
    package var text: String {
        let source = event.map { ", said event \($0.text)" } ?? ""
        return "\(cause.replacing("_", with: " ")) in \(origin) on \(at.iso8601)\(source)"
    }
}

extension ConsentReader {
    /// Stores what the event says for good: answers, and the lifting of a suppression.
    ///
    /// From a browser key only denials are stored.
    package func learn(
        from event: Event, _ identity: Identity, own: [ConsentAnswer], lifts: Bool,
        in store: inout some ConsentStore
    ) throws {
        let answers = event.recordsConsent ? own.filter { event.trusted || !$0.granted } : []
        let lifts =
            event.trusted
            && (lifts || event.isConsentEvent && answers.contains(where: \.granted))
        guard lifts || !answers.isEmpty else { return }
        for key in identity.keys {
            let before = try store.standing(key) ?? Standing()
            var standing = before
            for answer in answers { standing.take(answer) }
            if lifts { standing.lift(at: event.timestamp) }
            if standing != before { try store.save(standing, for: key) }
        }
    }
}
