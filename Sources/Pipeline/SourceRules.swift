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
    /// By the event's folded name; tried in order, the first that holds counts.
    package let effects: [String: [Effect]]

    package init(
        name: String, kind: String, offReason: String? = nil, service: String? = nil,
        title: String? = nil, effects: [String: [Effect]] = [:]
    ) {
        self.name = name
        self.kind = kind
        self.offReason = offReason
        self.service = service
        self.title = title ?? name
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
    func apply(
        _ event: Event, _ identity: Identity, origin: String, in store: inout some ConsentStore
    ) throws -> [String] {
        // Nobody can be unsubscribed in the future.
        let at = min(event.timestamp, event.receivedAt)
        var changed = false
        for key in identity.keys where key.kind != .anonymous {
            let before = try store.standing(key) ?? Standing()
            var standing = before
            if let suppress {
                standing.merge(
                    Suppression(cause: suppress, at: at, origin: origin, event: event.id))
            }
            if !lift.isEmpty { standing.lift(lift, at: at, origin: origin) }
            for (categories, granted) in [(deny, false), (grant, true)] {
                for category in categories {
                    standing.merge(
                        ConsentAnswer(category: category, granted: granted, at: at, origin: origin))
                }
            }
            if standing == before { continue }
            changed = true
            try store.save(standing, for: key)
        }
        if identity.keys.allSatisfy({ $0.kind == .anonymous }) {
            return ["nobody is known whom this could be kept for"]
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
