import Events
package import JSON

/// The log in words: the same sentences for the command line, the API and, later, pages.
extension DeliveryRow {
    /// What became of the delivery, in a sentence.
    package var sentence: String {
        let destination = id.destination
        switch state {
        case .delivered:
            let answer = status.map { " with \($0)" } ?? ""
            let when = endedAt.map { " at \($0.iso8601)" } ?? ""
            let tries = attempt > 1 ? " on attempt \(attempt)" : ""
            let remark = detail.map { " (\($0))" } ?? ""
            return "Delivered to \(destination)\(when)\(tries); it answered\(answer)\(remark)."
        case .filtered:
            return "Not sent to \(destination): \(reasonText)."
        case .failed: return "Failed at \(destination): \(reasonText)."
        case .expired: return "Given up for \(destination) after \(attempt) attempts."
        case .cancelled: return "Cancelled for \(destination): \(reasonText)."
        case .queued, .retrying:
            if let hold { return "Waits for \(destination), which is held: \(hold.hint)" }
            return waitingSentence
        case .sending: return "Being sent to \(destination): attempt \(attempt) is open."
        }
    }

    private var waitingSentence: String {
        guard let dueAt else {
            return "Waits for \(id.destination) behind an earlier event of the same person."
        }
        guard state == .retrying else { return "Waits for its turn at \(id.destination)." }
        return
            "Attempt \(attempt) at \(id.destination) failed; the next one is due \(dueAt.iso8601)."
    }

    private var reasonText: String {
        let text = reason?.sentence ?? "no reason was recorded"
        return detail.map { "\(text) (\($0))" } ?? text
    }

    /// What to do, when there is something to do.
    package var advice: String? {
        if let hold, !state.isFinal {
            return "\(hold.fix) Then: sluice destination release \(id.destination)"
        }
        return reason?.hint
    }

    /// What consent said, when a destination asked for it.
    package var consentSentence: String? {
        consent.map { consent in
            "Consent: \(consent.category) was \(consent.answer) in \(consent.origin) "
                + "(\(consent.at.iso8601)); the destination \(consent.rule)."
        }
    }

    /// The delivery as JSON, with the words in it.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writeMembers(to: &writer)
        writer.endObject()
    }

    package func writeMembers(to writer: inout JSONWriter) {
        writer.member("id", id.text)
        writer.member("eventId", id.event.text)
        writer.member("messageId", messageID)
        writer.member("event", eventName)
        writer.member("source", source)
        writer.member("userId", userID)
        writer.member("email", email)
        writer.member("receivedAt", receivedAt.iso8601)
        writer.member("destination", id.destination)
        writer.member("state", shownState)
        writer.member("reason", reason?.rawValue)
        writer.member("detail", detail)
        writer.member("attempts", attempt)
        writer.member("status", status)
        writer.member("dueAt", hold == nil ? dueAt?.iso8601 : nil)
        writer.member("endedAt", endedAt?.iso8601)
        writer.member("blueprintRevision", revision)
        writer.member("outOfOrder", outOfOrder)
        if let consent {
            writer.key("consent")
            writer.beginObject()
            writer.member("category", consent.category)
            writer.member("answer", consent.answer)
            writer.member("origin", consent.origin)
            writer.member("at", consent.at.iso8601)
            writer.member("rule", consent.rule)
            writer.endObject()
        }
        writer.member("message", sentence)
        writer.member("hint", advice)
    }
}

extension AttemptRow {
    /// The attempt in a sentence.
    package var sentence: String {
        let start = "Attempt \(attempt.number) at \(attempt.startedAt.iso8601)"
        let duration = attempt.duration.map { " after \($0) ms" } ?? ""
        let end: String
        switch attempt.answerClass {
        case .unknown, nil: end = ": no answer was recorded"
        default:
            end = attempt.status.map { ": \($0)\(duration)" } ?? ": no answer\(duration)"
        }
        let meaning = attempt.answerClass.map { " (\($0.meaning))" } ?? ""
        return start + end + meaning + "." + (attempt.note.map { " \($0)" } ?? "")
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("run", attempt.run)
        writer.member("number", attempt.number)
        writer.member("step", attempt.step)
        writer.member("startedAt", attempt.startedAt.iso8601)
        writer.member("durationMs", attempt.duration)
        writer.member("status", attempt.status)
        writer.member("class", attempt.answerClass?.rawValue)
        writer.member("note", attempt.note)
        writer.member("answer", attempt.answer)
        writer.member("hint", hint)
        writer.member("fix", fix)
        writer.endObject()
    }
}

extension AnswerClass {
    fileprivate var meaning: String {
        switch self {
        case .delivered: "delivered"
        case .invalid: "refused for good"
        case .setup: "the destination's set-up is wrong; this attempt does not count"
        case .throttle: "too fast; tried again later"
        case .transient: "tried again on schedule"
        case .unknown: "may have been sent; tried again"
        }
    }
}

extension EventRow {
    /// What was noticed about the event on its way in, a sentence each.
    package var remarks: [String] {
        var remarks = event.marks.map(\.sentence)
        switch identity.emailState {
        case .fine: break
        case .hashed: remarks.append("Its email looks hashed and was left out.")
        case .invalid: remarks.append("Its email is not an address and was left out.")
        case .untrusted:
            remarks.append(
                "Its email came with a browser key and is not the stored one; it was left out.")
        }
        return remarks
    }

    package func writeMembers(to writer: inout JSONWriter) {
        writer.member("id", event.id.text)
        writer.member("messageId", event.messageID)
        writer.member("source", event.source)
        writer.member("type", event.type.rawValue)
        writer.member("name", event.name)
        writer.member("userId", event.userID)
        writer.member("anonymousId", event.anonymousID)
        writer.member("email", identity.email)
        writer.member("timestamp", event.timestamp.iso8601)
        writer.member("receivedAt", event.receivedAt.iso8601)
        writer.key("marks")
        writer.beginArray()
        for mark in event.marks { writer.string(mark.rawValue) }
        writer.endArray()
    }
}

extension Event.Mark {
    fileprivate var sentence: String {
        switch self {
        case .nonFiniteNumber:
            "It held NaN or Infinity, which is not JSON; null was put there (\(rawValue))."
        case .loneSurrogate:
            "It held half of a surrogate pair; U+FFFD was put there (\(rawValue))."
        case .large: "It is larger than 32 KB; many services refuse such events (\(rawValue))."
        case .unreadableTimestamp:
            "Its timestamp is no date; the time of receipt was used (\(rawValue))."
        }
    }
}
