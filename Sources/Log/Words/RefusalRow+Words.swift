import Events

/// The sentences about refused calls: the same for the command line, alerts and pages.
extension RefusalRow {
    /// The number of calls and the reason, in a sentence.
    package var sentence: String {
        let calls = count == 1 ? "1 call" : "\(count) calls"
        let whom = source.map { " to \"\($0)\"" } ?? ""
        return "\(calls)\(whom) \(count == 1 ? "was" : "were") refused: \(meaning) (\(code))."
    }

    /// The last call: when, where, and who made it.
    package var lastCall: String {
        var parts = [path]
        if let origin { parts.append("from \(origin)") }
        if let keyEnding { parts.append("with a key that ends in \(keyEnding)") }
        if let userAgent { parts.append("by \(userAgent)") }
        let since = count == 1 ? "" : "Since \(firstAt.iso8601). "
        return "\(since)The last one at \(lastAt.iso8601): \(parts.joined(separator: ", "))."
    }

    private var meaning: String {
        switch code {
        case "unknown_key": "no source has this key"
        case "missing_key": "no key was given"
        case "bad_signature": "the signature is missing, too old, or fits no secret"
        case "origin_not_allowed": "pages of this origin may not send"
        case "wrong_token": "no webhook source has this address"
        case "source_off": "the source is off"
        case "verification_failed": "the webhook's secret or signature is wrong"
        case "bad_handshake": "the service's handshake could not be answered"
        case "too_fast": "the source sends faster than its limit"
        case "body_too_large": "the body is too large"
        case "unsupported_encoding": "the body's encoding is not known"
        default: "the body could not be read"
        }
    }

    /// The advice to an operator.
    package var advice: String {
        switch code {
        case "unknown_key":
            "Compare the sender's key with \"keys\" of the source in the pipeline."
        case "missing_key":
            "If it is a sender of yours, give it a key of the source; else there is nothing to do."
        case "bad_signature":
            "Compare the secret with \"hmac_secrets\" of the source, and the sender's clock."
        case "origin_not_allowed":
            "If the page is yours, add its origin to \"origins\" of the source."
        case "wrong_token":
            "Compare the address at the service with \"tokens\" of the webhook source."
        case "source_off":
            "Give the source a token and \"enabled\": true, or have the service stop."
        case "verification_failed":
            "Compare \"secrets\" of the webhook source with the secret that the service shows."
        case "bad_handshake":
            "Compare \"handshakes\" of the source's blueprint with what the service asks."
        case "too_fast": "Raise \"per_second\" of the source if it sends what it should."
        case "body_too_large": "Have the sender send smaller batches."
        case "unsupported_encoding": "Have the sender use gzip or deflate, or nothing."
        default:
            source == nil
                ? "Correct the sender; it was answered with the place of the fault."
                : "See the body with: sluice rejected. Correct the sender."
        }
    }
}
