package import Events
package import Map

/// Finds the builder of a destination's requests in the pipeline as it is now.
package protocol RequestBuilders: Sendable {
    /// The builder for a destination; nil when the destination is gone or switched off.
    func builder(for destination: String) -> RequestBuilder?
}

/// Builds the requests of one destination: a blueprint's preset with parameters and secrets.
///
/// There are two halves. `requests` applies the blueprint to an event; the result is stored with
/// the delivery, holds no secret and stays the same at every try. `outgoing` makes the request that
/// travels of it: address, headers, secrets and signature as they are at that moment. One
/// builder is one state of the destination: a changed pipeline has others.
package final class RequestBuilder: Sendable {
    /// The destination's name; destinations do not share access tokens.
    let destination: String
    package let blueprint: Blueprint
    package let preset: Blueprint.Preset
    /// Plain values; secret ones are only named.
    package let parameters: ParameterValues
    package let secrets: Secrets
    let options: TransportOptions
    private let shapes: [String: Shape]

    /// The parts that every request of one name has in common; an object, so that it is not copied
    /// for each.
    final class Shape: Sendable {
        let request: Blueprint.Request
        /// The most special first.
        let answerRules: [AnswerRule]
        /// The address, when it is the same for every event, and as it is with secrets in place.
        let address: (masked: MaskedText, revealed: String)?

        init(
            of request: Blueprint.Request, in blueprint: Blueprint, parameters: ParameterValues,
            secrets: Secrets
        ) {
            self.request = request
            answerRules = request.answers + blueprint.answers
            address = request.fixedAddress(parameters).map {
                ($0, String(decoding: $0.revealed(secrets.plain), as: UTF8.self))
            }
        }
    }

    /// - Parameter parameters: what the pipeline gives, by name; `name:event` for a parameter that
    ///   has a value for each event's name. The blueprint says which are secret.
    package init(
        destination: String, blueprint: Blueprint, preset: Blueprint.Preset,
        parameters: [String: String], options: TransportOptions = TransportOptions()
    ) {
        self.destination = destination
        self.blueprint = blueprint
        self.preset = preset
        self.options = options
        let (values, hidden) = Self.values(blueprint.parameters, given: parameters)
        let secrets = Secrets(hidden)
        self.parameters = values
        self.secrets = secrets
        let plans = Array(preset.events.values) + [preset.otherEvents].compactMap { $0 }
        let requests = Dictionary(
            plans.flatMap(\.steps).map { ($0.request.name, $0.request) },
            uniquingKeysWith: { first, _ in first })
        shapes = requests.mapValues {
            Shape(of: $0, in: blueprint, parameters: values, secrets: secrets)
        }
    }

    /// The parameters' values, those that are secret apart.
    private static func values(
        _ parameters: [Blueprint.Parameter], given: [String: String]
    ) -> (ParameterValues, secret: [String: String]) {
        var plain: [String: String] = [:]
        var hidden: [String: String] = [:]
        for parameter in parameters {
            var values = given.filter { key, _ in
                parameter.isPerEvent && key.hasPrefix("\(parameter.name):")
            }
            if !parameter.isPerEvent {
                values[parameter.name] = given[parameter.name] ?? parameter.value
            }
            if parameter.isSecret {
                hidden.merge(values) { $1 }
            } else {
                plain.merge(values) { $1 }
            }
        }
        let values = ParameterValues(
            plain: plain, secret: Set(hidden.keys),
            perEvent: Set(parameters.filter(\.isPerEvent).map(\.name)))
        return (values, hidden)
    }
}

extension RequestBuilder {
    /// The preset's plan for an event; nil when it has none.
    ///
    /// This is the only place that looks it up: when an event is decided about, and for a delivery
    /// that was loaded from the store or decided under another state of the pipeline.
    package func plan(for event: Event) -> Blueprint.EventPlan? { preset.plan(for: event) }

    /// The plan with everything that its mappings read.
    package func plan(
        _ plan: Blueprint.EventPlan, for event: Event, of identity: Identity
    ) -> RequestPlan {
        RequestPlan(
            plan, of: self,
            input: MapInput(
                event: event, identity: identity, parameters: parameters,
                vendorName: plan.vendorName(of: event)))
    }

    /// The plan that goes along with a delivery when this builder made it, else the plan as it is
    /// now; nil when the preset has none for the event any more.
    package func plan(
        for event: Event, of identity: Identity, carried: RequestPlan? = nil
    ) -> RequestPlan? {
        if let carried, carried.builder === self { return carried }
        return plan(for: event).map { plan($0, for: event, of: identity) }
    }

    /// The requests an event becomes here, in order.
    ///
    /// - Parameter carried: the plan that was decided, when it is in memory.
    package func requests(
        for event: Event, of identity: Identity, carried: RequestPlan? = nil
    ) throws(RequestFault) -> [MappedRequest] {
        guard let plan = plan(for: event, of: identity, carried: carried) else {
            throw RequestFault(
                reason: .noMapping, detail: "preset \"\(preset.name)\" no longer has this event")
        }
        do throws(MappingFault) {
            return try requests(by: plan)
        } catch {
            throw RequestFault(reason: error.reason, detail: error.detail)
        }
    }

    private func requests(by plan: RequestPlan) throws(MappingFault) -> [MappedRequest] {
        var requests: [MappedRequest] = []
        for (index, step) in plan.event.steps.enumerated() {
            let url = shapes[step.request.name]?.address?.masked
            // The first decided whether the event is sent; a later one goes along when it can.
            if index == 0 {
                requests.append(try step.build(plan.input, url: url))
            } else if step.isSatisfied(by: plan.input),
                let request = try? step.build(plan.input, url: url)
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

    /// True when the pipeline names the address of such requests for each event's name apart: an
    /// answer then says nothing about the addresses of other events.
    package func hasAddressPerEvent(_ request: String) -> Bool {
        guard !parameters.perEvent.isEmpty, let shape = shapes[request] else { return false }
        return shape.request.url.names.contains { parameters.perEvent.contains($0) }
    }

    /// The revision of the blueprint, which is stored with the requests.
    package var revision: String { blueprint.revision }

    /// A text with every secret that occurs in it masked: for answers that echo one.
    package func mask(_ text: String) -> String { secrets.mask(text) }

    /// The parts that requests of that name have in common now; nil when the blueprint has no such
    /// request any more.
    func shape(of request: MappedRequest) -> Shape? { shapes[request.name] }
}
