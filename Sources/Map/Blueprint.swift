package import Events

/// A complete connector, as data: what it asks for, what it sends, how it reads answers.
package struct Blueprint: Sendable {
    package let name: String
    package let version: Int
    package let title: String
    /// Whether the destination needs email addresses as they are.
    package let needsRawEmail: Bool
    package let parameters: [Parameter]
    package let answers: [AnswerRule]
    package let presets: [String: Preset]
    package let tests: [BlueprintTest]
    /// The first 12 hex digits of the SHA-256 of the file's bytes.
    package let revision: String
    /// The file's text; the store keeps each revision once.
    package let text: [UInt8]

    /// A value a pipeline gives: a credential, an address, a name.
    package struct Parameter: Sendable, Equatable {
        package let name: String
        package let isSecret: Bool
        package let isRequired: Bool
        package let value: String?
        package let help: String
    }

    /// The fixed part of one of the destination's requests.
    package struct Request: Sendable {
        package let name: String
        package let method: String
        package let url: URLTemplate
        package let require: Requirement
        /// Takes something away (unsubscribe, delete): skips consent and suppression.
        package let reduces: Bool
        /// Read before the blueprint's own answers.
        package let answers: [AnswerRule]
        package let mappings: [Mapping]
    }

    /// A named set of mappings.
    package struct Preset: Sendable {
        package let name: String
        /// What happens to events that are not listed; nil drops them.
        package let otherEvents: EventPlan?
        package let events: [String: EventPlan]
        /// Folded names and aliases to the names they stand for.
        let aliases: [String: String]
    }

    /// What one event becomes.
    package struct EventPlan: Sendable {
        package let name: String
        package let isEnabled: Bool
        /// Nil: the event's own name.
        package let vendorName: String?
        package let steps: [Step]
    }

    /// One of the requests an event becomes, with the event's mappings over the request's.
    package struct Step: Sendable {
        package let request: Request
        /// The request's mappings with the event's over them.
        package let mappings: [Mapping]
        let tree: RequestTree
    }
}

/// What must be there before a request may be sent, as targets of its mappings.
package enum Requirement: Sendable, Equatable {
    case nothing
    case any([String])
    case all([String])

    var targets: [String] {
        switch self {
        case .nothing: []
        case .any(let targets), .all(let targets): targets
        }
    }
}

/// An address with parameters in braces: `{base_url}/events/track`.
package struct URLTemplate: Sendable, Equatable {
    enum Part: Sendable, Equatable { case text(String), parameter(String) }
    let parts: [Part]

    package init(_ text: String) {
        var parts: [Part] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            if open > rest.startIndex { parts.append(.text(String(rest[..<open]))) }
            parts.append(.parameter(String(rest[rest.index(after: open)..<close])))
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
    }

    package var parameters: [String] {
        parts.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
    }

    /// The address with plain parameters in place and secret ones masked.
    package func fill(_ values: ParameterValues) -> MaskedText {
        var result = MaskedText()
        for part in parts {
            switch part {
            case .text(let text): result.bytes += Array(text.utf8)
            case .parameter(let name) where values.secret.contains(name):
                result.secrets.append(.init(offset: result.bytes.count, parameter: name))
                result.bytes += MaskedText.mask
            case .parameter(let name): result.bytes += Array((values.plain[name] ?? "").utf8)
            }
        }
        return result
    }
}

/// An example that stands in the blueprint and is run with it.
package struct BlueprintTest: Sendable {
    /// What should come out.
    package enum Expectation: Sendable {
        /// The requests in order: name and body, compared by value.
        case requests([(name: String, body: JSONValue)])
        case reason(Reason)
    }
    package let name: String
    package let preset: String
    package let given: JSONValue
    /// An event accepted before, such as the identify that made the email known.
    package let before: [JSONValue]
    package let parameters: [String: String]
    package let expect: Expectation
    package let line: Int
}

extension Blueprint.Preset {
    /// The plan for an event: exact name, then the folded name or alias; nil drops it.
    ///
    /// Track and screen events go by their name, all others by their type.
    package func plan(for event: Event) -> Blueprint.EventPlan? {
        if event.type == .track || event.type == .screen, let name = event.name {
            // The keys that stand for types are no names: a track called "page" is no page.
            if EventType(rawValue: name) == nil, let found = events[name] { return found }
            if let found = aliases[folded(name)].flatMap({ events[$0] }) { return found }
        }
        if let found = events[event.type.rawValue] { return found }
        // What is said about a person is no event, and does not pass for one.
        return [.track, .page, .screen].contains(event.type) ? otherEvents : nil
    }
}

extension Blueprint.EventPlan {
    /// Takes something away; a blueprint may not mix such requests with others in one event.
    package var reduces: Bool { steps.first?.request.reduces ?? false }

    package func vendorName(of event: Event) -> String { vendorName ?? event.label }
}

extension Blueprint.Step {
    /// Whether everything the request requires has a value.
    package func isSatisfied(by input: MapInput, vendorName: String) -> Bool {
        func hasValue(_ target: String) -> Bool {
            tree.hasValue(at: target, input, vendorName: vendorName)
        }
        switch request.require {
        case .nothing: return true
        case .any(let targets): return targets.contains(where: hasValue)
        case .all(let targets): return targets.allSatisfy(hasValue)
        }
    }

    /// The request for an event: pure, the same bytes for the same input.
    package func build(
        _ input: MapInput, vendorName: String
    ) throws(MappingFault) -> MappedRequest {
        MappedRequest(
            name: request.name, method: request.method,
            url: request.url.fill(input.parameters),
            body: try tree.render(input, vendorName: vendorName))
    }
}
