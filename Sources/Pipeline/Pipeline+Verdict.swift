import Consent
import Events
import Map
import Request

extension Pipeline {
    /// The facts about an event and its person that every destination's verdict rests on.
    struct Grounds {
        /// The reason why the event may not say what it says about a person; nil when it may.
        let refusal: Reason?
        /// The event's own consent.
        let consent: ConsentReading
        /// How far its yes is believed.
        let belief: ConsentGate.Belief
        /// Stored consent and suppressions of the person.
        let stored: StoredConsent
        /// The service whose webhook the event was.
        let service: String?
        /// The event itself suppresses its person.
        let suppresses: Bool
    }

    /// Decides whether an event goes to one destination, and how it becomes requests there.
    ///
    /// The plan is given with every verdict that lets the event pass.
    func decide(
        _ event: Event, of identity: Identity, for destination: Destination, by grounds: Grounds
    ) -> (verdict: ConsentGate.Verdict, plan: RequestPlan?) {
        func refuse(
            _ reason: Reason, _ detail: String? = nil
        ) -> (verdict: ConsentGate.Verdict, plan: RequestPlan?) {
            (ConsentGate.Verdict(reason: reason, detail: detail, record: nil), nil)
        }
        guard open(destination.name) != nil else { return refuse(.destinationDisabled) }
        let builder = destination.builder
        if let service = grounds.service, service == destination.blueprint.name {
            return refuse(.loop, "it came from \(destination.blueprint.title)")
        }
        guard let found = builder.plan(for: event) else {
            let what = event.type == .track ? "\"\(event.label)\"" : "\(event.label) events"
            return refuse(
                .noMapping, "preset \"\(destination.preset.name)\" has nothing for \(what)")
        }
        guard found.isEnabled else { return refuse(.eventDisabled, "event \"\(found.name)\"") }
        if let name = found.missingParameter(builder.parameters, for: event) {
            return refuse(
                .noMapping, "the parameter \"\(name)\" has no value for \"\(event.label)\"")
        }
        if let refusal = grounds.refusal { return refuse(refusal) }
        if destination.blueprint.needsRawEmail, identity.emailState == .hashed {
            return refuse(.hashedEmail)
        }
        let plan = builder.plan(found, for: event, of: identity)
        if let request = plan.unsatisfied {
            let needs =
                event.aliasFault(identity)
                ?? "the request \"\(request.name)\" needs \(request.require.text)"
            let isKept = destination.anonymous != nil && identity.isOnlyDevice
            return refuse(
                identity.emailState.reasonNobodyIsKnown,
                isKept ? "\(needs); it goes when an identify call names the person" : needs)
        }
        let verdict = destination.gate.decide(
            event, own: grounds.consent, stored: grounds.stored, belief: grounds.belief,
            reduces: found.reduces, suppresses: grounds.suppresses)
        return (verdict, verdict.reason == nil ? plan : nil)
    }
}

extension Event {
    /// The reason in words why an alias names no former user; nil when it does, and for other
    /// events.
    fileprivate func aliasFault(_ identity: Identity) -> String? {
        guard type == .alias, identity.formerID == nil else { return nil }
        guard let previousID else { return "the alias names no previous id" }
        return previousID == userID
            ? "the alias names the same id as the new and the old one"
            : "the previous id of the alias was never a user's, only anonymous"
    }
}

extension Identity {
    /// True when nothing but an anonymous id is known of the person.
    fileprivate var isOnlyDevice: Bool { person == nil && anonymousID != nil }
}

extension Identity.EmailState {
    /// The reason why a destination cannot know the person, when an id and an email are missing.
    fileprivate var reasonNobodyIsKnown: Reason {
        switch self {
        case .invalid: .invalidEmail
        case .untrusted: .untrustedIdentity
        case .fine, .hashed: .anonymous
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
