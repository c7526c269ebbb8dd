package import Events
import JSON

/// The answers that an event carries about its person's consent.
package struct ConsentReading: Sendable, Equatable {
    /// One answer for each category that was answered; where places disagree, the no.
    package var answers: [ConsentAnswer] = []
    /// A description of consent that is there and cannot be understood; nil when all of it can.
    ///
    /// Such an event goes to no destination that asks for consent.
    package var unreadable: String?

    /// Nothing answered.
    package init() {}

    /// True when the event carries no consent at all.
    package var isEmpty: Bool { answers.isEmpty && unreadable == nil }
}

/// Reads the consent answers that an event carries, in the shapes that real consent tools write.
///
/// A code or category is compared without blanks around it and without case. Three shapes occur:
/// an answer for each code, a list of the granted codes (it is complete: everything else is
/// denied), and a text of either. An answer that cannot be read makes the event unreadable, never
/// a yes.
package struct ConsentReader: Sendable {
    /// The site's codes, such as `C0004`, and the canonical categories they mean.
    package let codes: [String: String]
    /// The categories that are read; no destination asks for any other.
    let known: Set<String>
    /// Every spelling, as the pipeline writes it and in lower case, and its category.
    private let categories: [String: String]

    /// The categories that every pipeline knows.
    package static let canonical: Set<String> = [
        "essential", "functional", "analytics", "marketing", "personalization",
    ]

    /// The category that an unsubscribe is about.
    static let marketing = "marketing"

    /// A reader of these codes.
    ///
    /// - Parameter required: the site's own categories that some destination asks for.
    package init(codes: [String: String], required: Set<String> = []) {
        self.codes = codes
        known = Self.canonical.union(codes.values).union(required)
        var categories = Self.googleSignals
        for name in known {
            categories[name] = name
            categories[ConsentWords.folded(name)] = name
        }
        for (code, category) in codes {
            categories[code] = category
            categories[ConsentWords.folded(code)] = category
        }
        self.categories = categories
    }

    /// The names of Google Consent Mode's signals.
    private static let googleSignals = [
        "ad_storage": "marketing", "ad_user_data": "marketing", "ad_personalization": "marketing",
        "analytics_storage": "analytics", "functionality_storage": "functional",
        "personalization_storage": "personalization", "security_storage": "essential",
    ]

    /// True when the pipeline knows the category, or the site's code for one.
    package func knows(_ name: String) -> Bool { category(of: name) != nil }

    /// The categories of the pipeline, in order.
    package var categoryNames: [String] { known.sorted() }

    /// The canonical category that a name or code stands for; nil for one that nobody asks for.
    package func category(of name: String) -> String? {
        // Most events write it as the pipeline does.
        categories[name] ?? categories[ConsentWords.folded(name)]
    }

    /// The answers in the event, with the event's own time but never one in the future: an answer
    /// of tomorrow could not be withdrawn today.
    package func reading(of event: Event) -> ConsentReading {
        guard let context = event.context else { return ConsentReading() }
        var parts: (consent: JSONValue?, management: JSONValue?, snake: JSONValue?)
        Self.keys.find(in: context) { name, value in
            switch name {
            case 0: parts.consent = value
            case 1: parts.management = value
            default: parts.snake = value
            }
        }
        guard parts.consent != nil || parts.management != nil || parts.snake != nil else {
            return ConsentReading()
        }
        var collector = ConsentCollector(
            reader: self, moment: min(event.timestamp, event.receivedAt))
        if let consent = parts.consent { collector.addConsent(consent) }
        if let management = parts.management { collector.addManagement(management) }
        if let management = parts.snake { collector.addManagement(management) }
        return collector.reading
    }

    /// The answers in the event.
    package func answers(in event: Event) -> [ConsentAnswer] { reading(of: event).answers }

    private static let keys = JSONKeySet(["consent", "consentManagement", "consent_management"])
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
