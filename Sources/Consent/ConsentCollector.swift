import Events
import JSON

/// Collects the answers of one event from every place in which consent tools put them.
struct ConsentCollector {
    let reader: ConsentReader
    /// The time of every answer.
    let moment: Timestamp
    private(set) var reading = ConsentReading()

    /// The keys of `context.consent` that hold answers or lists one level deeper.
    private static let groups: Set = [
        "canonical", "categories", "categoryPreferences", "categorypreferences",
        "category_preferences", "groups",
        "purposes", "preferences", "google", "consentmode", "consent_mode",
    ]

    private static func isGroup(_ key: String) -> Bool {
        groups.contains(key) || groups.contains(ConsentWords.folded(key))
    }

    init(reader: ConsentReader, moment: Timestamp) {
        self.reader = reader
        self.moment = moment
    }

    /// Adds what stands under `context.consent`.
    mutating func addConsent(_ consent: JSONValue) {
        let path = "context.consent"
        if consent.isNull { return }
        guard consent.kind == .object else {
            if ConsentWords.answer(consent) == false { return denyAll(from: path) }
            return addList(consent, from: path)
        }
        // `{"status": "denied"}` answers for everything.
        if consent.members.contains(where: { ConsentWords.isAnswerKey($0.key) }) {
            if ConsentWords.answer(consent) == false { return denyAll(from: path) }
            return cannotRead(consent, at: path)
        }
        addAnswers(in: consent, from: path, alsoGroups: true)
    }

    /// Adds RudderStack's lists of allowed and denied ids.
    mutating func addManagement(_ management: JSONValue) {
        let path = "context.consentManagement"
        if management.isNull { return }
        guard management.kind == .object else { return cannotRead(management, at: path) }
        let allowed = Self.values(["allowedConsentIds", "allowed_consent_ids"], in: management)
        let denied = Self.values(["deniedConsentIds", "denied_consent_ids"], in: management)
        if allowed.isEmpty, denied.isEmpty {
            if !management.isEmpty { cannotRead(management, at: path) }
            return
        }
        for value in allowed {
            addIDs(value, granted: true, isComplete: denied.isEmpty, "\(path).allowedConsentIds")
        }
        for value in denied {
            addIDs(value, granted: false, isComplete: false, "\(path).deniedConsentIds")
        }
    }

    private static func values(_ names: [String], in object: JSONValue) -> [JSONValue] {
        object.members.filter { names.contains($0.key.string ?? "") && !$0.value.isNull }
            .map(\.value)
    }

    // MARK: Shapes

    /// An answer for each code, or a list of the granted codes.
    private mutating func addGroup(_ group: JSONValue, from path: String) {
        if group.isNull { return }
        guard group.kind == .object else { return addList(group, from: path) }
        addAnswers(in: group, from: path, alsoGroups: false)
    }

    /// The members of an object, each an answer; a no under names that are all unknown may be meant
    /// for anything, so the object cannot be understood then.
    ///
    /// - Parameter alsoGroups: members may hold answers or lists one level deeper.
    private mutating func addAnswers(
        in object: JSONValue, from path: String, alsoGroups: Bool
    ) {
        var isUnderstood = object.isEmpty
        for member in object.members {
            guard let key = member.key.string else { continue }
            if member.value.isNull {
                isUnderstood = true
            } else if alsoGroups, Self.isGroup(key) {
                isUnderstood = true
                addGroup(member.value, from: "\(path).\(key)")
            } else if let category = reader.category(of: key) {
                isUnderstood = true
                add(category, member.value, from: "\(path).\(key)")
            } else if ConsentWords.answer(member.value) == true, ConsentWords.answer(key) != false {
                // A yes to a category that nobody asks for.
                isUnderstood = true
            } else if mayHoldCodes(member.value) {
                cannotRead(member.value, at: "\(path).\(key)")
            }
        }
        if !isUnderstood { cannotRead(object, at: path) }
    }

    /// True for a list with a code or category that is known: it says something about consent, and
    /// its name does not say what.
    private func mayHoldCodes(_ value: JSONValue) -> Bool {
        value.kind == .array
            && value.elements.contains { element in
                (element.string ?? element.numberText).map { reader.knows($0) } ?? false
            }
    }

    /// A list of granted codes, or a text: codes with commas between, or OneTrust's groups.
    private mutating func addList(_ value: JSONValue, from path: String) {
        if let text = value.string { return addText(text, from: path) }
        let texts = value.elements.compactMap { $0.string ?? $0.numberText }
        guard value.kind == .array, !texts.isEmpty, texts.count == value.elements.count else {
            return cannotRead(value, at: path)
        }
        addComplete(texts, from: path)
    }

    /// Codes with commas between, or OneTrust's groups; also inside its whole cookie.
    private mutating func addText(_ text: String, from path: String) {
        let fields = text.split(separator: "&").map { String($0).removingPercent }
        let groups = fields.first { $0.hasPrefix("groups=") }.map { String($0.dropFirst(7)) }
        if groups == nil, fields.count > 1 { return cannotRead(quoted(text), at: path) }
        let list = groups ?? text.removingPercent
        let parts = list.split(separator: ",").map { ConsentWords.folded(String($0)) }
            .filter { !$0.isEmpty }
        if parts.contains(where: { $0.contains(":") }) {
            return addPairs(parts, from: path)
        }
        // One word that nobody knows is no list of codes; OneTrust writes a comma even with one.
        guard !parts.isEmpty,
            list.contains(",") || parts.contains(where: { reader.knows($0) })
        else { return cannotRead(quoted(text), at: path) }
        addComplete(parts, from: path)
    }

    private func quoted(_ text: String) -> String { "\"\(text.prefix(40))\"" }

    /// OneTrust's `C0001:1,C0004:0`.
    private mutating func addPairs(_ parts: [String], from path: String) {
        for part in parts {
            let pair = part.split(separator: ":", omittingEmptySubsequences: false)
            guard pair.count == 2, let granted = ConsentWords.answer(String(pair[1])) else {
                cannotRead(quoted(part), at: path)
                continue
            }
            if let category = reader.category(of: String(pair[0])) {
                add(category, isGranted: granted, from: "\(path).\(pair[0])")
            }
        }
    }

    /// The granted codes, all of them: every other category is denied.
    private mutating func addComplete(_ names: [String], from path: String) {
        let granted = Set(names.compactMap { reader.category(of: $0) })
        for category in reader.known {
            add(category, isGranted: granted.contains(category), from: path)
        }
        // Two codes can mean one category: it is granted when all its codes are.
        let listed = Set(names.map(ConsentWords.folded))
        for (code, category) in reader.codes where granted.contains(category) {
            if listed.contains(ConsentWords.folded(category)) { continue }
            if !listed.contains(ConsentWords.folded(code)) {
                add(category, isGranted: false, from: "\(path).\(code)")
            }
        }
    }

    /// RudderStack's ids: a list, a text, or an object with an answer for each.
    private mutating func addIDs(
        _ value: JSONValue, granted: Bool, isComplete: Bool, _ path: String
    ) {
        var names: [String]?
        switch value.kind {
        case .string: names = value.string.map { $0.split(separator: ",").map(String.init) }
        case .array:
            let texts = value.elements.compactMap { $0.string ?? $0.numberText }
            names = texts.count == value.elements.count ? texts : nil
        case .object: names = ids(in: value, granted: granted, path)
        default: break
        }
        guard let names, !isComplete || !names.isEmpty || !value.isEmpty else {
            return cannotRead(value, at: path)
        }
        if isComplete, !names.isEmpty { return addComplete(names, from: path) }
        for name in names {
            if let category = reader.category(of: name) {
                add(category, isGranted: granted, from: path)
            }
        }
    }

    /// The ids of an object: PHP's list with numbers as keys, or ids as keys.
    ///
    /// An id whose value says no is not in the list.
    private mutating func ids(in object: JSONValue, granted: Bool, _ path: String) -> [String] {
        var names: [String] = []
        for member in object.members {
            guard let key = member.key.string, !member.value.isNull else { continue }
            if let text = member.value.string, Int(key) != nil {
                names.append(text)
            } else if let answer = ConsentWords.answer(member.value) {
                if answer {
                    names.append(key)
                } else if granted, let category = reader.category(of: key) {
                    add(category, isGranted: false, from: "\(path).\(key)")
                }
            } else if let category = reader.category(of: key) {
                // An id with its purpose's name. A yes counts only when the name says the same.
                let name = member.value.string
                if let name, !granted || reader.category(of: name) == category {
                    names.append(key)
                } else {
                    cannotRead(member.value, at: "\(path).\(key)")
                }
            }
        }
        return names
    }

    // MARK: Answers

    private mutating func add(_ category: String, _ value: JSONValue, from path: String) {
        guard let granted = ConsentWords.answer(value) else { return cannotRead(value, at: path) }
        add(category, isGranted: granted, from: path)
    }

    private mutating func denyAll(from path: String) {
        for category in reader.known { add(category, isGranted: false, from: path) }
    }

    /// Adds an answer; where two places disagree, the no stays.
    private mutating func add(_ category: String, isGranted: Bool, from path: String) {
        if category == "essential" { return }
        if let index = reading.answers.firstIndex(where: { $0.category == category }) {
            if reading.answers[index].granted, !isGranted {
                reading.answers[index].granted = false
                reading.answers[index].origin = path
            }
            return
        }
        reading.answers.append(
            ConsentAnswer(category: category, granted: isGranted, at: moment, origin: path))
    }

    private mutating func cannotRead(_ value: JSONValue, at path: String) {
        let text = String(decoding: value.raw.prefix(40), as: UTF8.self)
        cannotRead(value.isEmpty && value.kind == .array ? "an empty list" : text, at: path)
    }

    private mutating func cannotRead(_ what: String, at path: String) {
        reading.unreadable = reading.unreadable ?? "\(path) is \(what)"
    }
}
