package import Events
package import JSON
package import Map

/// A connector for a service's webhooks, as data: how to check them, and what event they become.
///
/// The same language as a destination's blueprint, the other way round: targets are an event's
/// fields, sources are the webhook's body and headers.
package struct SourceBlueprint: Sendable {
    /// The service's name; what came from it never goes to a destination of the same name.
    package let name: String
    package let version: Int
    package let title: String
    package let verification: Verification
    /// The place of the webhook's kind; a missing one is "".
    package let eventType: ValueRule
    package let plans: [String: Plan]
    let aliases: [String: String]
    /// For kinds that are not listed.
    package let otherPlan: Plan
    /// Headers that mappings read, in lower case; all others are forgotten.
    package let headers: [String]
    /// The answer's body, instead of the usual one.
    package let answer: [UInt8]?
    /// The questions that a service asks of an address before it sends there.
    package let handshakes: [Handshake]
    /// The field that holds the JSON of a body which is a form; nil when bodies are JSON.
    package let form: String?
    package let tests: [SourceTest]
    /// The first 12 hex digits of the SHA-256 of the file's bytes.
    package let revision: String

    /// The event that one kind of webhook becomes.
    package struct Plan: Sendable {
        /// The kind, as the service calls it.
        package let kind: String
        /// The event's name; nil: the kind's own.
        package let event: String?
        package let mappings: [Mapping]
        let tree: RequestTree
    }
}

/// The proof that a webhook comes from whom it says; its address holds a token besides.
package enum Verification: Sendable, Equatable {
    /// The token in the address is enough.
    case token
    /// A header carries the secret itself, after `prefix`.
    case header(name: String, prefix: String)
    /// Basic authorization; the secret is `user:password`.
    case basic
    /// A signature.
    case signature(header: String, SignatureScheme, Stamp?)

    /// When it was signed, and how old it may be.
    package struct Stamp: Sendable, Equatable {
        package enum Unit: String, Sendable, CaseIterable { case seconds, milliseconds }
        package let header: String
        /// The text before the number in its piece of the header.
        package let prefix: String
        package let unit: Unit
        /// The span it may be off our clock.
        package let tolerance: Duration
    }
}

extension Verification {
    /// True when a header is signed; without a signature every header counts as signed.
    package func signs(header name: String) -> Bool {
        guard case .signature(_, let scheme, _) = self else { return true }
        return scheme.signed.names.contains { $0.lowercased() == "header:\(name.lowercased())" }
    }
}

/// An example that stands in a source blueprint and is run with it.
package struct SourceTest: Sendable {
    package enum Expectation: Sendable {
        /// The events in order, compared by value.
        case events([JSONValue])
        /// The code of what is wrong with it.
        case code(String)
    }
    package let name: String
    package let given: JSONValue
    package let headers: [String: String]
    package let expect: Expectation
    package let line: Int
}

extension SourceBlueprint {
    /// The kind of a webhook; empty when it says none.
    package func kind(of input: MapInput) -> String {
        let found = try? eventType.value(in: input, element: nil, target: "type")
        return found?.text ?? ""
    }

    /// The plan for a kind: exact, then folded or by an alias, else the one for all others.
    package func plan(for kind: String) -> Plan {
        plans[kind] ?? aliases[folded(kind)].flatMap { plans[$0] } ?? otherPlan
    }
}

extension SourceBlueprint.Plan {
    /// The name of the event a webhook of this kind becomes.
    package func eventName(kind: String) -> String {
        event ?? (kind.isEmpty ? "Webhook Received" : kind)
    }

    /// The event as JSON.
    package func build(_ input: MapInput, kind: String) throws(MappingFault) -> [UInt8] {
        try tree.render(input.named(eventName(kind: kind))).bytes
    }

    /// Follows every value of a webhook through the mappings.
    package func trace(_ input: MapInput, kind: String) -> MappingTrace {
        MappingTrace(
            of: mappings.filter { !$0.isStandard }, in: input.named(eventName(kind: kind)),
            roots: ["body"], freeObject: "properties")
    }
}

extension Mapping {
    /// The event's name, which stands before the mappings in what people are shown.
    fileprivate var isStandard: Bool { rule.paths.contains { $0.root == .vendorEventName } }
}

extension MapInput {
    /// A webhook's body and headers, as mappings read them.
    ///
    /// Nil when the body is nested so deeply that it cannot stand in another object.
    package convenience init?(
        webhook body: JSONValue, headers: [String: String], source: String, at now: Timestamp
    ) {
        let bytes = JSONWriter.make { writer in
            writer.beginObject()
            writer.key("body")
            writer.value(body)
            writer.key("headers")
            writer.beginObject()
            for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
                writer.member(name, value)
            }
            writer.endObject()
            writer.endObject()
        }
        guard let document = try? JSONReader.read(bytes) else { return nil }
        self.init(
            event: Event(
                source: source, trusted: false, type: .track, timestamp: now, receivedAt: now,
                document: document),
            identity: .nobody, parameters: ParameterValues(plain: [:], secret: []))
    }

    /// The same webhook with the name of the event that it becomes.
    fileprivate func named(_ name: String) -> MapInput {
        MapInput(event: event, identity: identity, parameters: parameters, vendorName: name)
    }
}
