package import Consent
package import Events
package import Identify
import Map

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

    package subscript(name: String) -> Destination? { byName[name] }

    /// What is decided about one event when it is stored.
    package struct Decision: Sendable {
        package var identity: Identity
        package var deliveries: [Planned]
        /// What the event changed about its person, in words.
        package var changes: [String]
    }

    /// One delivery as it begins: filtered for good, or queued.
    package struct Planned: Sendable {
        package let destination: String
        package let reason: Reason?
        package let detail: String?
        package let consent: ConsentRecord?
        package let revision: String
    }

    /// What an event says by itself, whatever is stored.
    package struct Reading: Sendable {
        /// Whose rules it was read by.
        fileprivate let pipeline: Pipeline
        fileprivate let rules: SourceRules?
        fileprivate let effect: Effect?
        fileprivate let email: StatedEmail
        fileprivate let answers: [ConsentAnswer]
    }

    /// Reads what `decide` needs of the event alone, on any thread.
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
            let verdict = verdict(
                destination, event, identity, refusal: refusal, own: own, standings,
                service: rules?.service, suppresses: effect?.suppress != nil)
            return Planned(
                destination: destination.name, reason: verdict.reason,
                detail: verdict.reason == nil ? destination.remark : verdict.detail,
                consent: verdict.record, revision: destination.blueprint.revision)
        }
        return Decision(identity: identity, deliveries: deliveries, changes: changes)
    }

    /// Consent and suppression once more, just before an attempt.
    package func recheck(
        _ event: Event, _ identity: Identity, destination: Destination,
        in store: some ConsentStore
    ) throws -> ConsentGate.Verdict {
        let standings = try identity.keys.compactMap { try store.standing($0) }
        let reduces = destination.preset.plan(for: event)?.reduces ?? false
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
        return verdict(
            destination, event, identity,
            refusal: Identifier.refusal(of: event, identity.emailState),
            own: reading.answers,
            try identity.keys.compactMap { try store.standing($0) },
            service: reading.rules?.service, suppresses: reading.effect?.suppress != nil)
    }

    private func verdict(
        _ destination: Destination, _ event: Event, _ identity: Identity, refusal: Reason?,
        own: [ConsentAnswer], _ standings: [Standing], service: String?,
        suppresses: Bool
    ) -> ConsentGate.Verdict {
        func refuse(_ reason: Reason, _ detail: String? = nil) -> ConsentGate.Verdict {
            ConsentGate.Verdict(reason: reason, detail: detail, record: nil)
        }
        guard destination.isEnabled else { return refuse(.destinationDisabled) }
        if let service, service == destination.blueprint.name {
            return refuse(.loop, "it came from \(destination.blueprint.title)")
        }
        guard let plan = destination.preset.plan(for: event) else {
            let what = event.type == .track ? "\"\(event.label)\"" : "\(event.label) events"
            return refuse(
                .noMapping, "preset \"\(destination.preset.name)\" has nothing for \(what)")
        }
        guard plan.isEnabled else { return refuse(.eventDisabled, "event \"\(plan.name)\"") }
        if let name = plan.missingParameter(destination.parameters, for: event) {
            return refuse(
                .noMapping, "the parameter \"\(name)\" has no value for \"\(event.label)\"")
        }
        if let refusal { return refuse(refusal) }
        if let reason = identityReason(destination, plan, event, identity) {
            return refuse(reason.0, reason.1)
        }
        return destination.gate.decide(
            event, own: own, stored: standings, reduces: plan.reduces, suppresses: suppresses)
    }

    /// Whether the destination can know who this is.
    private func identityReason(
        _ destination: Destination, _ plan: Blueprint.EventPlan, _ event: Event,
        _ identity: Identity
    ) -> (Reason, String?)? {
        if destination.blueprint.needsRawEmail, identity.emailState == .hashed {
            return (.hashedEmail, nil)
        }
        let input = MapInput(event: event, identity: identity, parameters: destination.parameters)
        let name = plan.vendorName(of: event)
        guard let step = plan.steps.first, !step.isSatisfied(by: input, vendorName: name) else {
            return nil
        }
        let detail = "the request \"\(step.request.name)\" needs \(step.request.require.text)"
        switch identity.emailState {
        case .invalid: return (.invalidEmail, detail)
        case .untrusted: return (.untrustedIdentity, detail)
        case .fine, .hashed: return (.anonymous, detail)
        }
    }
}

extension Requirement {
    fileprivate var text: String {
        switch self {
        case .nothing: "nothing"
        case .any(let targets): targets.joined(separator: " or ")
        case .all(let targets): targets.joined(separator: " and ")
        }
    }
}
