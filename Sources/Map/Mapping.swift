package import Events
package import JSON

/// One target path and where its value comes from.
package struct Mapping: Sendable {
    /// Such as `data.product_id`, or `data.items[].title`; `*` is the body itself.
    package let target: String
    package static let body = "*"
    package let rule: ValueRule

    package init(target: String, rule: ValueRule) {
        self.target = target
        self.rule = rule
    }
}

/// The rule for one value: its origin and the changes on its way.
package struct ValueRule: Sendable {
    package enum Origin: Sendable {
        /// The first of these that is present; one that is null only when no other is.
        case paths([EventPath])
        case literal([UInt8])
        case parameter(String)
        /// The first of these rules that gives something.
        case alternatives([ValueRule])
        /// The members of an object, all of them or some.
        case object(EventPath, include: [String]?, exclude: [String])
    }
    package var origin: Origin
    package var transforms: [Transform] = []
    package var format: DatePattern?
    /// Texts to put for texts; `*` stands for any other.
    package var valueMap: [(key: String, value: [UInt8])] = []
    /// The value when nothing is present.
    package var fallback: [UInt8]?
    package var omitNull = false
    /// The value is only looked for when this holds; nil for always.
    package var condition: Condition?
    /// Characters allowed in the resulting text; from the blueprint's `limits`.
    package var maximumLength: Int?

    package init(origin: Origin) { self.origin = origin }

    /// The rule, and those inside it, with the blueprint's limit for their target.
    func limited(to length: Int?) -> ValueRule {
        var rule = self
        rule.maximumLength = length
        if case .alternatives(let rules) = origin {
            rule.origin = .alternatives(rules.map { $0.limited(to: length) })
        }
        return rule
    }

    /// The transforms of this rule and of those inside it.
    var allTransforms: [Transform] {
        guard case .alternatives(let rules) = origin else { return transforms }
        return rules.flatMap(\.allTransforms)
    }

    /// The parameters that are looked at.
    var parameters: [String] {
        var names: [String] = []
        if case .parameter(let name)? = condition?.subject { names.append(name) }
        switch origin {
        case .parameter(let name): names.append(name)
        case .alternatives(let rules): names += rules.flatMap(\.parameters)
        default: break
        }
        return names
    }

    /// The paths that decide whether the rule applies.
    package var conditionPaths: [EventPath] {
        if case .paths(let paths)? = condition?.subject { return paths }
        return []
    }

    /// Every path the rule may read.
    package var paths: [EventPath] {
        switch origin {
        case .paths(let paths): paths
        case .object(let path, _, _): [path]
        case .alternatives(let rules): rules.flatMap(\.paths)
        default: []
        }
    }
}

/// A condition of a mapping: something is there, or is one certain text.
package struct Condition: Sendable {
    package enum Subject: Sendable {
        /// The first of these that is present.
        case paths([EventPath])
        case parameter(String)
    }
    package let subject: Subject
    /// Nil: anything but null will do.
    package let text: String?

    package init(subject: Subject, text: String?) {
        self.subject = subject
        self.text = text
    }

    /// True when it holds for an event; `element` is the member of a list that is being mapped.
    package func holds(_ input: MapInput, element: JSONValue?) -> Bool {
        let found: Found? =
            switch subject {
            case .paths(let paths):
                paths.lazy.compactMap { $0.find(in: input, element: element) }
                    .first { !$0.isNull }
            case .parameter(let name): input.plainParameter(name).map(Found.text)
            }
        guard let found, !found.isNull else { return false }
        return text == nil || found.text == text
    }
}

/// The cause when a request could not be built.
package struct MappingFault: Error, Sendable, Equatable {
    package let reason: Reason
    /// Names the target and what was wrong with its value.
    package let detail: String

    package init(reason: Reason, detail: String) {
        self.reason = reason
        self.detail = detail
    }
}

extension ValueRule {
    /// The value for `target`; nil when there is none and the target stays absent.
    package func value(
        in input: MapInput, element: JSONValue?, target: String
    ) throws(MappingFault) -> Found? {
        let found = try whole(in: input, element: element, target: target)
        // A null that came, or a default that is null: with "omit_null" neither is written.
        return omitNull && found?.isNull == true ? nil : found
    }

    private func whole(
        in input: MapInput, element: JSONValue?, target: String
    ) throws(MappingFault) -> Found? {
        if let condition, !condition.holds(input, element: element) {
            return nil
        }
        if case .alternatives(let rules) = origin {
            var null: Found?
            for index in rules.indices {
                let found = try rules[index].value(in: input, element: element, target: target)
                guard let found else { continue }
                if !found.isNull { return found }
                null = null ?? found
            }
            return null
        }
        guard var found = find(in: input, element: element) else {
            return fallback.map { .raw($0) }
        }
        if omitNull, found.isNull { return fallback.map { .raw($0) } }
        do {
            for transform in transforms { found = try transform.apply(found, format: format) }
        } catch {
            if let fallback { return .raw(fallback) }
            throw MappingFault(reason: .mapping, detail: "\(target): \(error.message).")
        }
        found = mapped(found)
        if let maximumLength, let text = found.text,
            !text.hasFewerScalars(than: maximumLength + 1)
        {
            throw MappingFault(
                reason: .overLimit,
                detail:
                    "\(target) has \(text.unicodeScalars.count) characters; \(maximumLength) are allowed."
            )
        }
        return found
    }

    private func find(in input: MapInput, element: JSONValue?) -> Found? {
        switch origin {
        case .literal(let bytes): return .raw(bytes)
        case .parameter(let name): return input.plainParameter(name).map(Found.text)
        case .alternatives: return nil
        case .object(let path, _, _): return path.find(in: input, element: element)
        case .paths(let paths): return paths.find(in: input, element: element)
        }
    }

    /// The one part of the event that everything it gives comes from; nil when there are more, or
    /// when it gives something without.
    var section: EventPath.Root? {
        guard fallback == nil else { return nil }
        let sections: [EventPath.Root?]
        switch origin {
        case .literal, .parameter: return nil
        case .paths(let paths): sections = paths.map(\.root)
        case .object(let path, _, _): sections = [path.root]
        case .alternatives(let rules): sections = rules.map(\.section)
        }
        guard let first = sections.first, sections.allSatisfy({ $0 == first }) else { return nil }
        return first
    }

    /// The paths that are read, when nothing else is done with what they give.
    var copied: [EventPath]? {
        guard case .paths(let paths) = origin, transforms.isEmpty, valueMap.isEmpty,
            fallback == nil, condition == nil, maximumLength == nil, !omitNull
        else { return nil }
        return paths
    }

    private func mapped(_ found: Found) -> Found {
        guard !valueMap.isEmpty, let text = found.text else { return found }
        let exact = valueMap.first { $0.key == text } ?? valueMap.first { $0.key == "*" }
        return exact.map { .raw($0.value) } ?? found
    }
}

extension [EventPath] {
    /// The value of the first path that is present; null only when no other is.
    func find(in input: MapInput, element: JSONValue?) -> Found? {
        var null: Found?
        for path in self {
            guard let found = path.find(in: input, element: element) else { continue }
            if !found.isNull { return found }
            null = null ?? found
        }
        return null
    }
}
