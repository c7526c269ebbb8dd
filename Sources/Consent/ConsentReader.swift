package import Events
import JSON

/// Reads the consent answers that an event carries, in the shapes that real consent tools write.
package struct ConsentReader: Sendable {
    /// The site's codes, such as `C0004`, and the canonical categories they mean.
    package let codes: [String: String]
    /// The categories that are read; no destination asks for any other.
    private let known: Set<String>

    /// The categories that every pipeline knows.
    package static let canonical: Set<String> = [
        "essential", "functional", "analytics", "marketing", "personalization",
    ]

    /// A reader of these codes.
    ///
    /// - Parameter required: the site's own categories that some destination asks for.
    package init(codes: [String: String], required: Set<String> = []) {
        self.codes = codes
        known = Self.canonical.union(codes.values).union(required)
    }

    /// The answers in the event, with the event's own time but never one in the future: an answer
    /// of tomorrow could not be withdrawn today.
    package func answers(in event: Event) -> [ConsentAnswer] {
        guard let context = event.context else { return [] }
        var found: [ConsentAnswer] = []
        let moment = min(event.timestamp, event.receivedAt)
        var parts: (consent: JSONValue?, management: JSONValue?, snake: JSONValue?)
        Self.keys.find(in: context) { name, value in
            switch name {
            case 0: parts.consent = value
            case 1: parts.management = value
            default: parts.snake = value
            }
        }
        if let consent = parts.consent { readConsent(consent, at: moment, into: &found) }
        guard let management = parts.management ?? parts.snake else { return found }
        for (key, granted) in [("allowedConsentIds", true), ("deniedConsentIds", false)] {
            for code in management[key]?.elements.compactMap(\.string) ?? [] {
                add(
                    code, granted: granted, at: moment,
                    from: "context.consentManagement.\(key)", to: &found)
            }
        }
        return found
    }

    private static let keys = JSONKeySet(["consent", "consentManagement", "consent_management"])

    private static let groups: Set = [
        "canonical", "categories", "categoryPreferences", "category_preferences",
    ]

    private func readConsent(
        _ consent: JSONValue, at moment: Timestamp, into found: inout [ConsentAnswer]
    ) {
        for member in consent.members {
            guard let key = member.key.string else { continue }
            if let granted = member.value.bool {
                add(
                    key, granted: granted, at: moment, from: "context.consent.\(key)", to: &found)
            } else if Self.groups.contains(key) {
                for answer in member.value.members {
                    guard let code = answer.key.string, let granted = answer.value.bool else {
                        continue
                    }
                    add(
                        code, granted: granted, at: moment,
                        from: "context.consent.\(key).\(code)", to: &found)
                }
            }
        }
    }

    /// Adds the answer to a category, given by its name or by the site's code for it.
    private func add(
        _ code: String, granted: Bool, at moment: Timestamp, from origin: String,
        to found: inout [ConsentAnswer]
    ) {
        let category = codes[code] ?? code
        guard known.contains(category) else { return }
        found.append(
            ConsentAnswer(category: category, granted: granted, at: moment, origin: origin))
    }
}

extension Event {
    /// True when the event's consent is stored: of an identify, and of an event about consent
    /// alone.
    package var recordsConsent: Bool {
        type == .identify || isConsentEvent
    }

    /// True for an event that says nothing but that consent has changed.
    var isConsentEvent: Bool {
        guard type == .track, let name else { return false }
        return consentNames.contains { folds(name, to: $0) }
    }
}

/// The names of events about consent alone, folded; Segment's, and those of other SDKs.
private let consentNames = [
    "consentupdated", "consentpreferenceupdated", "segmentconsentpreferenceupdated",
]
