import Consent
import Events
import Identify
package import Map

/// The rules that follow from an event's source, once the event has been taken.
package final class SourceRules: Sendable {
    package let name: String
    /// `server`, `browser` or `webhook`.
    package let kind: String
    /// The reason why it takes nothing, such as that it is switched off; nil when it takes events.
    package let offReason: String?
    /// The service whose webhooks these are: nothing of it goes back there.
    package let service: String?
    /// The source's name for people.
    package let title: String
    /// True: a yes that a page gives counts, as far as a public key can be believed.
    package let believesConsent: Bool
    /// The secrets with which a backend proves to a page's events who their person is.
    package let proofSecrets: [String]
    /// By the event's folded name; tried in order, the first that holds counts.
    package let effects: [String: [Effect]]

    package init(
        name: String, kind: String, offReason: String? = nil, service: String? = nil,
        title: String? = nil, believesConsent: Bool = false, proofSecrets: [String] = [],
        effects: [String: [Effect]] = [:]
    ) {
        self.name = name
        self.kind = kind
        self.offReason = offReason
        self.service = service
        self.title = title ?? name
        self.believesConsent = believesConsent
        self.proofSecrets = proofSecrets
        self.effects = effects
    }

    /// The effect of an event of this source on its person's consent.
    func effect(of event: Event) -> Effect? {
        guard !effects.isEmpty, event.type == .track, let name = event.name else { return nil }
        return effects[folded(name)]?.first { effect in
            effect.condition?.holds(event, .nobody) ?? true
        }
    }
}

/// A change that an event makes to its person's stored facts, as the pipeline says.
package struct Effect: Sendable {
    /// The suppression's cause, such as `unsubscribed`.
    package var suppress: String?
    /// Causes of suppressions that end.
    package var lift: [String] = []
    /// Consent categories that are denied or granted from then on.
    package var deny: [String] = []
    package var grant: [String] = []
    /// The event's user id and email are kept as belonging together.
    package var teachesIdentity = false
    package var condition: Condition?

    package init() {}

    /// Changes what is stored about the person; says what, in words.
    ///
    /// What restricts is stored for the owner of the event's device too; what allows, for the
    /// identifiers alone that the event names.
    func apply(
        _ event: Event, for targets: ConsentTargets, origin: String, by order: AnswerOrder,
        in store: inout some ConsentStore
    ) throws -> [String] {
        if targets.person.isEmpty, targets.owner.isEmpty {
            return ["nobody is known whom this could be kept for"]
        }
        // Nobody can be unsubscribed in the future.
        let at = min(event.timestamp, event.receivedAt)
        var changed = false
        for key in targets.person + targets.owner {
            let isOwn = targets.person.contains(key)
            changed =
                try store.change(key) { standing in
                    if let suppress {
                        standing.merge(
                            Suppression(cause: suppress, at: at, origin: origin, event: event.id))
                    }
                    if isOwn, !lift.isEmpty {
                        standing.lift(lift, at: at, origin: origin, isAlone: targets.isAlone)
                    }
                    for (categories, granted) in [(deny, false), (isOwn ? grant : [], true)] {
                        for category in categories {
                            standing.merge(
                                ConsentAnswer(
                                    category: category, granted: granted, at: at, origin: origin,
                                    isAlone: targets.isAlone), by: order)
                        }
                    }
                } || changed
        }
        return changed || teachesIdentity ? words : []
    }

    /// The effect in words.
    package var words: [String] {
        [
            suppress.map { "suppressed: \($0)" },
            lift.isEmpty ? nil : "lifted: \(lift.joined(separator: ", "))",
            deny.isEmpty ? nil : "denied: \(deny.joined(separator: ", "))",
            grant.isEmpty ? nil : "granted: \(grant.joined(separator: ", "))",
            teachesIdentity ? "identity kept" : nil,
        ].compactMap { $0 }
    }
}
