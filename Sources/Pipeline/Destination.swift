package import Consent
package import Deliver
package import Events
import JSON
package import Map

/// Where deliveries go: a blueprint's preset, its parameters, consent and limits.
package final class Destination: Sendable {
    /// Names are identities: a renamed destination is another one.
    package let name: String
    package let isEnabled: Bool
    package let blueprint: Blueprint
    package let preset: Blueprint.Preset
    package let parameters: ParameterValues
    /// Credentials, as JSON-ready text; they leave this type only into a request.
    package let secrets: Secrets
    package let gate: ConsentGate
    package let limits: DeliveryLimits
    /// Shown with every delivery, such as that a stand-in takes them.
    package let remark: String?
    private let shapes: [String: Shape]

    /// What every request of one name has in common; an object, so that it is not copied for each.
    final class Shape: Sendable {
        let request: Blueprint.Request
        /// The most special first.
        let answerRules: [AnswerRule]
        /// The address, when it is the same for every event, and as it is with secrets in place.
        let address: (masked: MaskedText, revealed: String)?

        init(
            _ request: Blueprint.Request, _ blueprint: Blueprint, _ values: ParameterValues,
            _ secrets: Secrets
        ) {
            self.request = request
            answerRules = request.answers + blueprint.answers
            address = request.fixedAddress(values).map {
                ($0, String(decoding: $0.revealed(secrets.plain), as: UTF8.self))
            }
        }
    }

    package init(
        name: String, isEnabled: Bool = true, blueprint: Blueprint, preset: Blueprint.Preset,
        parameters: [String: String], consent: ConsentRule?, limits: DeliveryLimits,
        remark: String? = nil
    ) {
        self.name = name
        self.isEnabled = isEnabled
        self.blueprint = blueprint
        self.preset = preset
        var plain: [String: String] = [:]
        var hidden: [String: String] = [:]
        for parameter in blueprint.parameters {
            var values = parameters.filter { key, _ in
                parameter.isPerEvent && key.hasPrefix("\(parameter.name):")
            }
            if !parameter.isPerEvent {
                values[parameter.name] = parameters[parameter.name] ?? parameter.value
            }
            if parameter.isSecret {
                hidden.merge(values) { $1 }
            } else {
                plain.merge(values) { $1 }
            }
        }
        self.parameters = ParameterValues(
            plain: plain, secret: Set(hidden.keys),
            perEvent: Set(blueprint.parameters.filter(\.isPerEvent).map(\.name)))
        secrets = Secrets(hidden)
        gate = ConsentGate(rule: consent, names: [name, blueprint.name, blueprint.title])
        self.limits = limits
        self.remark = remark
        let plans = Array(preset.events.values) + [preset.otherEvents].compactMap { $0 }
        let requests = Dictionary(
            plans.flatMap(\.steps).map { ($0.request.name, $0.request) },
            uniquingKeysWith: { first, _ in first })
        let (values, own) = (self.parameters, secrets)
        shapes = requests.mapValues { Shape($0, blueprint, values, own) }
    }

    /// Credentials that print as `***`.
    package struct Secrets: Sendable, CustomStringConvertible, CustomReflectable {
        private let values: [String: [UInt8]]
        /// The values as they stand inside a JSON string.
        private let quoted: [String: [UInt8]]
        /// Every form in which a secret may come back in an answer, the longest first.
        private let forms: [String]

        init(_ values: [String: String]) {
            self.values = values.mapValues { Array($0.utf8) }
            quoted = values.mapValues { value in
                Array(JSONWriter.make { $0.string(value) }.dropFirst().dropLast())
            }
            let all = Set(values.values.flatMap(Self.forms))
            forms = all.filter { $0.utf8.count >= Self.shortest }
                .sorted { ($0.utf8.count, $0) > ($1.utf8.count, $1) }
        }

        /// Shorter texts would mask what is no secret.
        private static let shortest = 4
        private static let shortestSegment = 8

        /// The value, its parts, what an address hides in its path and query, and how JSON and
        /// forms write them.
        private static func forms(of value: String) -> [String] {
            var forms = [value] + value.split(separator: " ").map(String.init)
            if let scheme = value.firstRange(of: "://") {
                let rest = value[scheme.upperBound...]
                let path = rest.drop { $0 != "/" && $0 != "?" }
                let segments = path.split { "/?&=#".contains($0) }.map(String.init)
                forms += [String(path)] + segments
                forms.removeAll { $0 != value && $0.utf8.count < shortestSegment }
            }
            return forms.flatMap { [$0, $0.replacing("/", with: "\\/"), percentEncoded($0)] }
        }

        package var description: String { "***" }
        package var customMirror: Mirror { Mirror(self, children: [:]) }

        /// The value as it stands inside a JSON string.
        package func json(_ name: String) -> [UInt8] { quoted[name] ?? [] }

        package func plain(_ name: String) -> [UInt8] { values[name] ?? [] }

        /// The text with every secret that occurs in it masked: for answers that echo one.
        package func mask(_ text: String) -> String {
            var text = text
            for form in forms where text.containsBytes(of: form) {
                text = text.replacing(form, with: "***")
            }
            return text
        }
    }
}

extension Destination {
    /// What an event becomes here: its requests in order, or why there are none.
    package func requests(
        for event: Event, _ identity: Identity
    ) throws(MappingFault) -> [MappedRequest] {
        guard let plan = preset.plan(for: event) else {
            throw MappingFault(
                reason: .noMapping, detail: "preset \"\(preset.name)\" no longer has this event")
        }
        let input = MapInput(event: event, identity: identity, parameters: parameters)
        let name = plan.vendorName(of: event)
        var requests: [MappedRequest] = []
        for (index, step) in plan.steps.enumerated() {
            let url = shapes[step.request.name]?.address?.masked
            // The first decided whether the event is sent; a later one goes along when it can.
            if index == 0 {
                requests.append(try step.build(input, vendorName: name, url: url))
            } else if step.isSatisfied(by: input, vendorName: name),
                let request = try? step.build(input, vendorName: name, url: url)
            {
                requests.append(request)
            }
        }
        return requests
    }

    /// The rules by which an answer to one of the requests is read, the most special first.
    package func answerRules(for request: String) -> [AnswerRule] {
        shapes[request]?.answerRules ?? blueprint.answers
    }

    /// What requests of that name have in common now; nil when the blueprint has none any more.
    func shape(of request: MappedRequest) -> Shape? { shapes[request.name] }

    /// Where a request goes, secrets in place; the pinned address only when the blueprint no longer
    /// has one.
    func address(of request: MappedRequest, _ shape: Shape?, for event: Event) -> String {
        if let fixed = shape?.address { return fixed.revealed }
        var url = request.url
        if let shape, let plan = preset.plan(for: event) {
            url = shape.request.address(
                parameters, event: event, vendorName: plan.vendorName(of: event))
        }
        return reveal(url)
    }

    func reveal(_ url: MaskedText) -> String {
        String(decoding: url.revealed(secrets.plain), as: UTF8.self)
    }

    /// A parameter's value for an event, secret or not.
    func text(of name: String, for event: Event) -> String {
        switch parameters.value(name, for: event) {
        case .plain(let text): text
        case .secret(let key): String(decoding: secrets.plain(key), as: UTF8.self)
        }
    }
}
