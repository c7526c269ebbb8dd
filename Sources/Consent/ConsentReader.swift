package import Events
import JSON

/// Reads the answers an event carries, in the shapes real consent tools write.
package struct ConsentReader: Sendable {
    /// The site's codes, such as `C0004`, and the canonical categories they mean.
    package let codes: [String: String]
    /// Categories that are read; any other says nothing to anybody here.
    private let known: Set<String>

    /// The categories every pipeline knows (DESIGN §2).
    package static let canonical: Set<String> = [
        "essential", "functional", "analytics", "marketing", "personalization",
    ]

    /// - Parameter required: the site's own categories that some destination asks for.
    package init(codes: [String: String], required: Set<String> = []) {
        self.codes = codes
        known = Self.canonical.union(codes.values).union(required)
    }

    /// Every answer in the event, with the event's own time, but never one in the future: that
    /// could not be withdrawn.
    package func answers(in event: Event) -> [ConsentAnswer] {
        guard let context = event.context else { return [] }
        var found: [ConsentAnswer] = []
        func take(_ code: String, _ granted: Bool, _ path: String) {
            let category = codes[code] ?? code
            guard known.contains(category) else { return }
            found.append(
                ConsentAnswer(
                    category: category, granted: granted,
                    at: min(event.timestamp, event.receivedAt),
                    origin: path))
        }
        var parts: (consent: JSONValue?, management: JSONValue?, snake: JSONValue?)
        Self.keys.find(in: context) { name, value in
            switch name {
            case 0: parts.consent = value
            case 1: parts.management = value
            default: parts.snake = value
            }
        }
        if let consent = parts.consent { readConsent(consent, take) }
        guard let management = parts.management ?? parts.snake else { return found }
        for (key, granted) in [("allowedConsentIds", true), ("deniedConsentIds", false)] {
            for code in management[key]?.elements.compactMap(\.string) ?? [] {
                take(code, granted, "context.consentManagement.\(key)")
            }
        }
        return found
    }

    private static let keys = JSONKeySet(["consent", "consentManagement", "consent_management"])

    private static let groups: Set = [
        "canonical", "categories", "categoryPreferences", "category_preferences",
    ]

    private func readConsent(
        _ consent: JSONValue, _ take: (_ code: String, _ granted: Bool, _ path: String) -> Void
    ) {
        for member in consent.members {
            guard let key = member.key.string else { continue }
            if let granted = member.value.bool {
                take(key, granted, "context.consent.\(key)")
            } else if Self.groups.contains(key) {
                for answer in member.value.members {
                    guard let code = answer.key.string, let granted = answer.value.bool else {
                        continue
                    }
                    take(code, granted, "context.consent.\(key).\(code)")
                }
            }
        }
    }
}

extension Event {
    /// Whether the event's consent is meant to last: an identify, or an event that only says this.
    ///
    /// The names are those of Segment and of Datafly's consent events.
    package var recordsConsent: Bool {
        type == .identify || isConsentEvent
    }

    /// Whether the event says nothing but that consent has changed.
    var isConsentEvent: Bool {
        guard type == .track, let name else { return false }
        return consentNames.contains { folds(name, to: $0) }
    }
}

/// The names of such events, folded.
private let consentNames = [
    "consentupdated", "consentpreferenceupdated", "segmentconsentpreferenceupdated",
]
