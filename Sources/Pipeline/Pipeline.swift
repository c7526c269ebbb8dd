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
    private let byName: [String: Destination]
    private let rulesByName: [String: SourceRules]

    package init(
        destinations: [Destination], sources: [SourceRules] = [],
        consentCodes: [String: String] = [:]
    ) {
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
        fileprivate let rules: SourceRules?
        fileprivate let effect: Effect?
        fileprivate let email: StatedEmail
        fileprivate let answers: [ConsentAnswer]
    }

    /// Reads everything that `decide` needs of the event alone, on any thread.
    package func read(_ event: Event) -> Reading {
        let rules = rulesByName[event.source]
        return Reading(
            pipeline: self, rules: rules, effect: event.trusted ? rules?.effect(of: event) : nil,
            email: StatedEmail(in: event), answers: consent.answers(in: event))
    }

    /// Identify, consent, queue: everything the accept transaction decides about an event.
    ///
    /// - Parameter reading: what was read of it before; by another pipeline it counts for nothing.
    package func decide(
        _ event: Event, _ reading: Reading? = nil,
        in store: inout some IdentityStore & ConsentStore
    ) throws -> Decision {
        let reading = reading.flatMap { $0.pipeline === self ? $0 : nil } ?? read(event)
        let (rules, effect, own) = (reading.rules, reading.effect, reading.answers)
        let (identity, refusal) = try Identifier.resolve(
            event, reading.email, teaches: effect?.teachesIdentity ?? false, in: &store)
        // From a browser key only denials are learnt, and these always count.
        try consent.learn(
            from: event, identity, own: own,
            lifts: event.isResubscribe && rules?.service == nil && effect == nil,
            in: &store)
        var changes: [String] = []
        if let effect, let rules {
            changes = try effect.apply(event, identity, origin: rules.title, in: &store)
        }
        let standings = try identity.keys.compactMap { try store.standing($0) }
        let deliveries = destinations.map { destination in
            let (verdict, plan) = decide(
                event, of: identity, for: destination,
                by: Grounds(
                    refusal: refusal, answers: own, standings: standings,
                    service: rules?.service, suppresses: effect?.suppress != nil))
            return Planned(
                destination: destination.name, reason: verdict.reason,
                detail: verdict.reason == nil ? destination.remark : verdict.detail,
                consent: verdict.record, revision: destination.blueprint.revision, plan: plan)
        }
        return Decision(identity: identity, deliveries: deliveries, changes: changes)
    }

    /// Consent and suppression once more, just before an attempt.
    package func recheck(
        _ event: Event, _ identity: Identity, destination: Destination,
        in store: some ConsentStore
    ) throws -> ConsentGate.Verdict {
        let standings = try identity.keys.compactMap { try store.standing($0) }
        let reduces = destination.builder.plan(for: event)?.reduces ?? false
        let reading = read(event)
        return destination.gate.decide(
            event, own: reading.answers, stored: standings, reduces: reduces,
            suppresses: reading.effect?.suppress != nil)
    }

    /// The whole decision once more, for an event that is replayed: who it is and what they allow
    /// now, and the blueprint as it is now.
    package func replan(
        _ event: Event, _ identity: Identity, destination: Destination,
        in store: some ConsentStore
    ) throws -> ConsentGate.Verdict {
        let reading = read(event)
        return decide(
            event, of: identity, for: destination,
            by: Grounds(
                refusal: Identifier.refusal(of: event, identity.emailState),
                answers: reading.answers,
                standings: try identity.keys.compactMap { try store.standing($0) },
                service: reading.rules?.service,
                suppresses: reading.effect?.suppress != nil)
        ).verdict
    }
}

extension Pipeline: RequestBuilders {
    package func builder(for destination: String) -> RequestBuilder? { open(destination)?.builder }
}
