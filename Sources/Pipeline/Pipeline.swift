package import Consent
package import Events
package import Identify
import Map
package import Request

/// The sentence of the whole program, in one place: who is it, may it go, and to whom.
///
/// Pure but for the store it is given: the store calls `decide` inside its one transaction, and
/// `read` before it. An object, so that one can be told from the next.
package final class Pipeline: Sendable {
    package let destinations: [Destination]
    package let sources: [SourceRules]
    package let consent: ConsentReader
    /// The revision of the file that it was read from; empty for one that came from no file.
    package let revision: String
    private let byName: [String: Destination]
    private let rulesByName: [String: SourceRules]

    package init(
        destinations: [Destination], sources: [SourceRules] = [],
        consentCodes: [String: String] = [:], revision: String = ""
    ) {
        self.revision = revision
        self.destinations = destinations
        self.sources = sources
        byName = Dictionary(
            destinations.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        rulesByName = Dictionary(
            sources.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let required = destinations.flatMap { $0.gate.rule?.require ?? [] }
        consent = ConsentReader(codes: consentCodes, required: Set(required))
    }

    /// The destination of that name, switched off or not.
    package subscript(name: String) -> Destination? { byName[name] }

    /// The destination of that name when deliveries may go to it: nil when it is gone from the
    /// pipeline or switched off.
    package func open(_ name: String) -> Destination? {
        byName[name].flatMap { $0.isEnabled ? $0 : nil }
    }

    /// The limits of every destination that deliveries may go to.
    package var limits: [String: DeliveryLimits] {
        byName.compactMapValues { open($0.name)?.limits }
    }

    /// The decision about one event, taken when it is stored.
    package struct Decision: Sendable {
        package var identity: Identity
        package var deliveries: [Planned]
        /// The event's changes to its person, in words.
        package var changes: [String]
        /// True for a person who was forgotten: nothing of the event may be kept.
        package var isForgotten = false
        /// The anonymous id whose person this event made known; nil for most events.
        package var knownDevice: KnownDevice?
    }

    /// One delivery as it begins: filtered for good, or queued.
    package struct Planned: Sendable {
        package let destination: String
        package let reason: Reason?
        package let detail: String?
        package let consent: ConsentRecord?
        package let revision: String
        /// The way from the event to requests there; nil when it is filtered.
        package let plan: RequestPlan?
    }

    /// Everything that an event says by itself, whatever is stored.
    package struct Reading: Sendable {
        fileprivate let pipeline: Pipeline
        let rules: SourceRules?
        let effect: Effect?
        let email: StatedEmail
        let consent: ConsentReading
        /// The event carries a proof of its user id and email.
        let isProven: Bool

        /// How far the event's yes is believed: a server's for the person it names.
        func belief(in event: Event) -> ConsentGate.Belief {
            let namesPerson = event.userID != nil || email.isUsable
            if event.trusted { return namesPerson ? .person : .event }
            guard rules?.believesConsent ?? false else { return .denials }
            return isProven && namesPerson ? .person : .event
        }
    }

    /// Reads everything that `decide` needs of the event alone, on any thread.
    package func read(_ event: Event) -> Reading {
        let rules = rulesByName[event.source]
        let email = StatedEmail(in: event)
        return Reading(
            pipeline: self, rules: rules, effect: event.trusted ? rules?.effect(of: event) : nil,
            email: email, consent: consent.reading(of: event),
            isProven: event.trusted
                ? false : Proof.holds(for: event, email, secrets: rules?.proofSecrets ?? []))
    }

    /// Identify, consent, queue: everything the accept transaction decides about an event.
    ///
    /// - Parameters:
    ///   - reading: what was read of it before; by another pipeline it counts for nothing.
    ///   - order: how its consent is weighed; by its own time for events that are imported or read
    ///     again.
    package func decide(
        _ event: Event, _ reading: Reading? = nil, weighing order: AnswerOrder = .accepted,
        in store: inout some IdentityStore & ConsentStore
    ) throws -> Decision {
        let reading = reading.flatMap { $0.pipeline === self ? $0 : nil } ?? read(event)
        let isForgotten = try isForgotten(event, reading, in: store)
        let isFormerForgotten = try isFormerForgotten(event, in: store)
        let person = try Identifier.resolve(
            event, reading.email, isProven: reading.isProven,
            teaches: reading.effect?.teachesIdentity ?? false, isForgotten: isForgotten,
            isFormerForgotten: isFormerForgotten, in: &store)
        var changes: [String] = []
        if !isForgotten {
            for handover in person.handovers { try carryOut(handover, in: &store) }
            changes = try learn(
                from: event, of: person, by: reading, weighing: order, in: &store)
        }
        let grounds = try grounds(
            for: event, of: person.identity, refusal: person.refusal, by: reading, in: store)
        let deliveries = destinations.map { destination in
            let (verdict, plan) = decide(
                event, of: person.identity, for: destination, by: grounds)
            return Planned(
                destination: destination.name, reason: verdict.reason,
                detail: verdict.reason == nil ? destination.remark : verdict.detail,
                consent: verdict.record, revision: destination.blueprint.revision, plan: plan)
        }
        return Decision(
            identity: person.identity, deliveries: deliveries, changes: changes,
            isForgotten: isForgotten || isFormerForgotten,
            knownDevice: isForgotten ? nil : person.knownDevice)
    }

    /// Consent and suppression once more, just before an attempt.
    package func recheck(
        _ event: Event, _ identity: Identity, destination: Destination,
        in store: some IdentityStore & ConsentStore
    ) throws -> ConsentGate.Verdict {
        let reduces = destination.builder.plan(for: event)?.reduces ?? false
        let reading = read(event)
        return destination.gate.decide(
            event, own: reading.consent, stored: try stored(of: identity, in: store),
            belief: reading.belief(in: event), reduces: reduces,
            suppresses: reading.effect?.suppress != nil)
    }

    /// The whole decision once more, for an event that is replayed: who it is and what they allow
    /// now, and the blueprint as it is now.
    package func replan(
        _ event: Event, _ identity: Identity, destination: Destination,
        in store: some IdentityStore & ConsentStore
    ) throws -> ConsentGate.Verdict {
        let refusal = Identifier.refusal(of: event, identity.emailState)
        let grounds = try grounds(
            for: event, of: identity, refusal: refusal, by: read(event), in: store)
        return decide(event, of: identity, for: destination, by: grounds).verdict
    }
}

extension Pipeline: RequestBuilders {
    package func builder(for destination: String) -> RequestBuilder? { open(destination)?.builder }
}
