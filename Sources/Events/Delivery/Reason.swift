import JSON

/// The reason of a delivery that ended in another state than `delivered`.
///
/// A closed table: code, log, command line, documentation and tests all read it.
package enum Reason: String, Sendable, CaseIterable {
    case anonymous
    case hashedEmail = "hashed_email"
    case invalidEmail = "invalid_email"
    case untrustedIdentity = "untrusted_identity"
    case consent
    case suppressed
    case integrations
    case noMapping = "no_mapping"
    case eventDisabled = "event_disabled"
    case filter
    case destinationDisabled = "destination_disabled"
    case loop
    case erased
    case overLimit = "over_limit"
    case mapping
    case refused
    case exhausted
    case dropped

    /// The state that goes with the reason.
    package var state: DeliveryState {
        switch self {
        case .overLimit, .mapping, .refused: .failed
        case .exhausted: .expired
        case .dropped: .cancelled
        default: .filtered
        }
    }

    /// True for a reason that is the person's or the event's own, and not the blueprint's: it also
    /// keeps back a request that is sent again as it was.
    package var isPersons: Bool {
        switch self {
        case .consent, .suppressed, .erased, .integrations, .destinationDisabled: true
        default: false
        }
    }

    /// The reason in words, as the end of "It was not sent: …".
    package var sentence: String {
        switch self {
        case .anonymous: "the event names no user that this destination can know"
        case .hashedEmail: "the email looks hashed, and this destination needs the raw address"
        case .invalidEmail: "the email is not an address, and there is no user id beside it"
        case .untrustedIdentity:
            "a browser key said something about a person that only a server may say"
        case .consent: "the consent this destination needs was not given"
        case .suppressed: "this person must not be sent to"
        case .integrations: "the event itself excludes this destination"
        case .noMapping: "the blueprint maps no event of this name"
        case .eventDisabled: "this event is switched off in the blueprint"
        case .filter: "a filter of the blueprint left it out"
        case .destinationDisabled: "the destination is switched off in the pipeline"
        case .loop: "it came from this destination and must not go back"
        case .erased: "the person's data was erased"
        case .overLimit: "a value is longer than the destination takes"
        case .mapping: "the blueprint could not build the request"
        case .refused: "the destination refused this event"
        case .exhausted: "every attempt of the schedule failed"
        case .dropped: "an operator dropped it"
        }
    }

    /// Advice for the reader of the log.
    package var hint: String {
        switch self {
        case .anonymous:
            "Send a user id, or an email in traits, with the event: call identify first."
        case .hashedEmail:
            "Send the plain address in traits.email; do not hash it before Sluice."
        case .invalidEmail: "Correct traits.email where the event is made, or send a user id."
        case .untrustedIdentity:
            "Send it from the backend with a server key. For an identify, a proof that the backend "
                + "made is enough (context.proof)."
        case .consent:
            "Send context.consent with the event, or record the consent with an identify call."
        case .suppressed: "Only a resubscribe or a later consent event lifts this."
        case .integrations: "Remove the destination from the event's \"integrations\" object."
        case .noMapping:
            "Add the event under \"events\" in the preset, or set \"defaults\": {\"action\": \"pass\"}."
        case .eventDisabled: "Set \"enabled\": true at the event in the blueprint's preset."
        case .filter: "Change the event's \"filter\" in the blueprint."
        case .destinationDisabled: "Set \"enabled\": true at the destination in pipeline.json."
        case .loop: "Nothing to do: this protects against endless circles."
        case .erased: "Nothing to do."
        case .overLimit: "Shorten the value where the event is made."
        case .mapping: "Correct the mapping named in the detail; sluice explain shows each step."
        case .refused: "Read the answer with: sluice delivery ID."
        case .exhausted: "See the last answer with: sluice delivery ID."
        case .dropped: "Nothing to do."
        }
    }
}
