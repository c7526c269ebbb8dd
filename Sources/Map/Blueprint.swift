package import Events
package import JSON

/// A complete connector, as data: what it asks for, what it sends, how it reads answers.
///
/// A file is read and compiled once, when the pipeline is loaded. `presets` say what each event
/// becomes: an `EventPlan` with one or more `Step`s, each a request with the event's mappings laid
/// over the request's and put together as a `RequestTree`. Building a request walks that tree once
/// and writes the body. The same event gives the same bytes every time; secrets stand in the result
/// only as places (`MaskedText`), so that it can be stored and shown. Nothing here does I/O.
package struct Blueprint: Sendable {
    package let name: String
    package let version: Int
    package let title: String
    /// True when the destination needs email addresses as they are.
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
        /// The pipeline gives one value for each event's name, and `*` for the others.
        package let isPerEvent: Bool
        package let value: String?
        package let help: String
    }

    /// The fixed part of one of the destination's requests.
    package struct Request: Sendable {
        package let name: String
        package let method: String
        /// Names parameters, and `{event_name}` for the event's name there.
        package let url: TextTemplate
        package let encoding: MappedRequest.Encoding
        /// Beside those that every request has.
        package let headers: [Header]
        package let signing: Signing?
        package let token: TokenRequest?
        package let require: Requirement
        /// Takes something away (unsubscribe, delete): skips consent and suppression.
        package let reduces: Bool
        /// Read before the blueprint's own answers.
        package let answers: [AnswerRule]
        package let mappings: [Mapping]
    }

    /// A header of a request.
    ///
    /// Names parameters, `{event_id}`, `{timestamp}`, `{signature}` and `{access_token}`.
    package struct Header: Sendable, Equatable {
        package let name: String
        package let value: TextTemplate
    }

    /// The way a request's `{signature}` is made.
    package struct Signing: Sendable, Equatable {
        /// The parameter that holds the secrets: one, or two with a space while one is changed.
        package let parameter: String
        package let scheme: SignatureScheme
    }

    /// A request that is made first, for the access token that others carry (OAuth 2.0, client
    /// credentials).
    package struct TokenRequest: Sendable {
        package let name: String
        package let url: TextTemplate
        package let encoding: MappedRequest.Encoding
        /// Keys in the answer.
        package let tokenKey: String
        package let expiresKey: String
        /// Seconds a token is used when the answer does not say.
        package let lifetime: Int
        let mappings: [Mapping]
        let tree: RequestTree
    }

    /// A named set of mappings.
    package struct Preset: Sendable {
        package let name: String
        /// The plan for events that are not listed; nil drops them.
        package let otherEvents: EventPlan?
        package let events: [String: EventPlan]
        /// Folded names and aliases to the names they stand for.
        let aliases: [String: String]
    }

    /// The requests that one event becomes.
    ///
    /// An object, because it goes along with every delivery that was decided by it.
    package final class EventPlan: Sendable {
        package let name: String
        package let isEnabled: Bool
        /// The destination's name for the event; nil: the event's own.
        package let vendorName: String?
        package let steps: [Step]

        init(name: String, isEnabled: Bool, vendorName: String?, steps: [Step]) {
            self.name = name
            self.isEnabled = isEnabled
            self.vendorName = vendorName
            self.steps = steps
        }
    }

    /// One of the requests an event becomes, with the event's mappings over the request's.
    package final class Step: Sendable {
        package let request: Request
        /// The request's mappings with the event's over them.
        package let mappings: [Mapping]
        let tree: RequestTree
        /// The leaves of the targets that the request requires; nil where nothing is mapped.
        private let required: [RequestTree.Leaf?]

        init(request: Request, mappings: [Mapping], tree: RequestTree) {
            self.request = request
            self.mappings = mappings
            self.tree = tree
            required = request.require.targets.map { tree.leaf(at: $0) }
        }

        /// True when everything that the request requires has a value.
        package func isSatisfied(by input: MapInput) -> Bool {
            func hasValue(_ leaf: RequestTree.Leaf?) -> Bool {
                leaf?.hasValue(in: input) ?? false
            }
            switch request.require {
            case .nothing: return true
            case .any: return required.contains(where: hasValue)
            case .all: return required.allSatisfy(hasValue)
            }
        }
    }
}

/// The values that must be there before a request may be sent, as targets of its mappings.
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

/// An example that stands in the blueprint and is run with it.
package struct BlueprintTest: Sendable {
    /// The result that the test expects.
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

extension Blueprint.Preset {
    private var steps: [Blueprint.Step] {
        (Array(events.values) + [otherEvents].compactMap { $0 }).flatMap(\.steps)
    }

    /// The parameters that its requests use.
    package var parameters: Set<String> {
        var names: Set<String> = []
        for step in steps {
            let request = step.request
            names.formUnion(request.url.names)
            names.formUnion(request.headers.flatMap(\.value.names))
            names.formUnion([request.signing?.parameter].compactMap { $0 })
            names.formUnion(request.token?.url.names ?? [])
            names.formUnion(
                (step.mappings + (request.token?.mappings ?? [])).flatMap(\.rule.parameters))
        }
        return names
    }

    /// The addresses of its requests and of their tokens, each once.
    package var addresses: [TextTemplate] {
        let all = steps.flatMap { step in
            [step.request.url, step.request.token?.url].compactMap { $0 }
        }
        return all.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// The signatures that its requests carry.
    package var signings: [Blueprint.Signing] { steps.compactMap(\.request.signing) }
}

extension Blueprint.EventPlan {
    /// Takes something away; a blueprint may not mix such requests with others in one event.
    package var reduces: Bool { steps.first?.request.reduces ?? false }

    /// The destination's name for an event of this plan.
    package func vendorName(of event: Event) -> String { vendorName ?? event.label }

    /// A parameter the address needs and the pipeline gives no value of for this event.
    package func missingParameter(_ parameters: ParameterValues, for event: Event) -> String? {
        steps.lazy.compactMap { $0.request.missingParameter(parameters, for: event) }.first
    }
}

extension Condition {
    /// Reads a `when` object about an event.
    package init?(_ value: ConfigurationValue) {
        let decoder = MappingDecoder(needsRawEmail: false, parameters: [], secrets: [], limits: [:])
        guard let condition = decoder.condition(value) else { return nil }
        self = condition
    }

    /// True when it holds for an event and the person it belongs to.
    package func holds(_ event: Event, _ identity: Identity) -> Bool {
        holds(
            MapInput(
                event: event, identity: identity,
                parameters: ParameterValues(plain: [:], secret: [])), element: nil)
    }
}

extension Blueprint.Step {
    /// The request for an event: pure, the same bytes for the same input.
    ///
    /// - Parameter url: where it goes, when that is known to be the same for every event.
    package func build(
        _ input: MapInput, url: MaskedText? = nil
    ) throws(MappingFault) -> MappedRequest {
        let body = try tree.render(input)
        return MappedRequest(
            name: request.name, method: request.method,
            url: url ?? request.address(for: input),
            encoding: request.encoding, body: request.encoding == .form ? body.form : body)
    }
}

extension Blueprint.Request {
    /// The address of the request for an event, secrets masked.
    package func address(for input: MapInput) -> MaskedText {
        url.fill { name in
            name == Self.eventName
                ? .plain(Self.segment(input.vendorName))
                : input.parameters.value(name, for: input.event)
        }
    }

    /// The address for every event; nil when it depends on the event.
    package func fixedAddress(_ parameters: ParameterValues) -> MaskedText? {
        guard
            !url.names.contains(where: { $0 == Self.eventName || parameters.perEvent.contains($0) })
        else { return nil }
        return url.fill { parameters.plainOrSecret($0) }
    }

    /// A text as one part of a path; `.` and `..` would lead to another one.
    private static func segment(_ text: String) -> String {
        let encoded = percentEncoded(text)
        return encoded.allSatisfy { $0 == "." } ? encoded.replacing(".", with: "%2E") : encoded
    }

    /// The name in an address that stands for the event's name at the destination.
    static let eventName = "event_name"

    /// The first parameter of the address that the pipeline gives no value for this event.
    func missingParameter(_ parameters: ParameterValues, for event: Event) -> String? {
        if parameters.perEvent.isEmpty { return nil }
        return url.names.first { name in
            parameters.perEvent.contains(name) && parameters.value(name, for: event) == .plain("")
        }
    }
}

extension Blueprint.TokenRequest {
    /// The request for a token, secrets masked.
    package func build(_ parameters: ParameterValues) throws(MappingFault) -> MappedRequest {
        let nobody = Event(
            source: "", trusted: false, type: .track, timestamp: Timestamp(milliseconds: 0),
            receivedAt: Timestamp(milliseconds: 0), document: .emptyObject)
        let input = MapInput(event: nobody, identity: .nobody, parameters: parameters)
        let body = try tree.render(input)
        return MappedRequest(
            name: name, method: "POST", url: url.fill { parameters.value($0, for: nobody) },
            encoding: encoding, body: encoding == .form ? body.form : body)
    }
}
