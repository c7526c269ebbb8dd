package import Events
import JSON

extension Blueprint {
    /// Characters of a name in a blueprint.
    package static let maximumNameLength = 64

    /// Reads and compiles a blueprint; every fault is reported with its line and column.
    package static func read(file: String, bytes: [UInt8]) throws(Diagnostics) -> Blueprint {
        let source = try ConfigurationFile(name: file, bytes: bytes)
        let blueprint = BlueprintDecoder(source.root).blueprint(bytes)
        try source.throwFaults()
        guard let blueprint else { throw Diagnostics([]) }
        return blueprint
    }
}

/// Reads the file's outer shape; mappings and rules are `MappingDecoder`'s.
private struct BlueprintDecoder {
    let root: ConfigurationValue
    let mappings: MappingDecoder
    let parameters: [Blueprint.Parameter]

    init(_ root: ConfigurationValue) {
        self.root = root
        parameters = Self.parameters(root["parameters"])
        mappings = MappingDecoder(
            needsRawEmail: root["email"]?.json.string == "raw",
            parameters: parameters.map(\.name),
            secrets: parameters.filter(\.isSecret).map(\.name), limits: Self.limits(root["limits"]))
    }

    func blueprint(_ bytes: [UInt8]) -> Blueprint? {
        guard root.json.kind == .object else {
            root.report("A blueprint must be an object.", fix: "Write { … }.")
            return nil
        }
        root.refuseUnknownKeys(
            [
                "$schema", "blueprint", "version", "title", "description", "email", "parameters",
                "tokens", "requests", "limits", "answers", "presets", "tests",
            ], in: "A blueprint")
        for key in ["blueprint", "version", "requests", "presets"] where root[key] == nil {
            root.report("The blueprint has no \"\(key)\".", fix: "Add \"\(key)\".")
        }
        let name = root["blueprint"]?.string("\"blueprint\"") ?? ""
        let version = root["version"]?.integer("\"version\"", in: 1...1_000_000) ?? 0
        if let email = root["email"], email.json.string != "raw" {
            email.report("\"email\" can only be \"raw\".", fix: "Write \"raw\" or leave it out.")
        }
        let requests = requests()
        let presets = presets(requests)
        return Blueprint(
            name: name, version: version, title: root["title"]?.string("\"title\"") ?? name,
            needsRawEmail: mappings.needsRawEmail, parameters: parameters,
            answers: answers(root["answers"]), presets: presets,
            tests: BlueprintTestDecoder(presets: Array(presets.keys)).tests(root["tests"]),
            revision: shortDigest(of: bytes), text: bytes)
    }

    private static func parameters(_ value: ConfigurationValue?) -> [Blueprint.Parameter] {
        (value?.members("\"parameters\"") ?? []).map { name, value in
            value.refuseUnknownKeys(
                ["secret", "required", "per_event", "default", "help"], in: "A parameter")
            if RequestDecoder.reserved.contains(name) || name.contains(":") {
                value.report(
                    "A parameter cannot be called \"\(name)\".",
                    fix: "Use another name; this one has a meaning of its own.")
            }
            if value["per_event"]?.json.bool == true, let standard = value["default"] {
                standard.report(
                    "A parameter with a value for each event has no default.",
                    fix: "Leave it out; the pipeline gives \"*\" for other events.")
            }
            return Blueprint.Parameter(
                name: name, isSecret: value["secret"]?.bool("\"secret\"") ?? false,
                isRequired: value["required"]?.bool("\"required\"") ?? false,
                isPerEvent: value["per_event"]?.bool("\"per_event\"") ?? false,
                value: value["default"]?.string("\"default\""),
                help: value["help"]?.string("\"help\"") ?? "")
        }
    }

    private static func limits(_ value: ConfigurationValue?) -> [String: Int] {
        var limits: [String: Int] = [:]
        for (target, value) in value?.members("\"limits\"") ?? [] {
            value.refuseUnknownKeys(["max_length"], in: "A limit")
            limits[target] = value["max_length"]?.integer("\"max_length\"", in: 1...1_000_000)
        }
        return limits
    }

    private func requests() -> [String: Blueprint.Request] {
        let decoder = RequestDecoder(parameters: parameters, mappings: mappings)
        let tokens = decoder.tokens(root["tokens"])
        var result: [String: Blueprint.Request] = [:]
        for (name, value) in root["requests"]?.members("\"requests\"") ?? [] {
            result[name] = decoder.request(
                name, value, tokens: tokens, answers: answers(value["answers"]))
        }
        return result
    }

    private func answers(_ value: ConfigurationValue?) -> [AnswerRule] {
        (value?.elements("\"answers\"") ?? []).map { value in
            value.refuseUnknownKeys(["when", "class", "hint", "fix"], in: "An answer")
            value["when"]?.refuseUnknownKeys(["status"], in: "\"when\"")
            let status = value["when"]?["status"]
            let statuses =
                status?.json.kind == .array
                ? status?.elements("\"status\"").compactMap {
                    $0.integer("A status", in: 100...599)
                }
                : status?.integer("\"status\"", in: 100...599).map { [$0] }
            return AnswerRule(
                statuses: statuses ?? [],
                answerClass: value["class"].flatMap(answerClass),
                hint: value["hint"]?.string("\"hint\"") ?? "",
                fix: value["fix"]?.string("\"fix\"") ?? "")
        }
    }

    private func answerClass(_ value: ConfigurationValue) -> AnswerClass? {
        let known = value.word("\"class\"", as: AnswerClass.self)
        guard known == .unknown else { return known }
        value.report(
            "\"class\" cannot be \"unknown\": no answer means that.",
            fix: "Write delivered, invalid, setup, throttle or transient.")
        return nil
    }

    private func presets(_ requests: [String: Blueprint.Request]) -> [String: Blueprint.Preset] {
        let decoder = PresetDecoder(requests: requests, mappings: mappings)
        let given = root["presets"]?.members("\"presets\"") ?? []
        var result: [String: Blueprint.Preset] = [:]
        for (name, value) in given {
            // A preset can build on those that stand before it.
            var base: Blueprint.Preset?
            if let other = value["extends"], let text = other.string("\"extends\"") {
                base = result[text]
                if base == nil {
                    other.report(
                        "No preset \"\(text)\" stands before this one.",
                        fix: suggestion(for: text, among: Array(result.keys)))
                }
            }
            result[name] = decoder.preset(name, value, on: base)
        }
        return result
    }
}

/// Reads a preset and compiles what each of its events becomes.
private struct PresetDecoder {
    let requests: [String: Blueprint.Request]
    let mappings: MappingDecoder

    func preset(
        _ name: String, _ value: ConfigurationValue, on base: Blueprint.Preset?
    ) -> Blueprint.Preset {
        value.refuseUnknownKeys(["description", "extends", "defaults", "events"], in: "A preset")
        var events = base?.events ?? [:]
        var aliases = base?.aliases ?? [:]
        for (event, value) in value["events"]?.members("\"events\"") ?? [] {
            events[event] = plan(event, value, known: Self.eventKeys)
            let own = EventType(rawValue: event) == nil ? [event] : []
            for name in own + (value["aliases"]?.strings("\"aliases\"") ?? []) {
                if let other = aliases[folded(name)], other != event {
                    (value["aliases"] ?? value).report(
                        "\"\(name)\" stands for \"\(other)\" already.",
                        fix: "Keep it at one event; case, spaces, - and _ make no difference.")
                }
                aliases[folded(name)] = event
            }
        }
        return Blueprint.Preset(
            name: name,
            otherEvents: value["defaults"] == nil
                ? base?.otherEvents : otherEvents(value["defaults"]),
            events: events,
            aliases: aliases)
    }

    private static let eventKeys = [
        "aliases", "description", "enabled", "request", "vendor_event_name", "mappings",
    ]

    private func otherEvents(_ value: ConfigurationValue?) -> Blueprint.EventPlan? {
        guard let value else { return nil }
        guard let action = value["action"] else {
            value.report("\"defaults\" has no \"action\".", fix: "Write \"drop\" or \"pass\".")
            return nil
        }
        switch action.string("\"action\"") {
        case "drop":
            value.refuseUnknownKeys(Self.eventKeys + ["action"], in: "\"defaults\"")
            return nil
        case "pass":
            return plan("defaults", value, known: Self.eventKeys + ["action"])
        default:
            action.report(
                "\"action\" must be \"drop\" or \"pass\".", fix: "Write one of the two.")
            return nil
        }
    }

    private func plan(
        _ name: String, _ value: ConfigurationValue, known: [String]
    ) -> Blueprint.EventPlan {
        value.refuseUnknownKeys(known, in: "An event")
        let own = value["mappings"].map(mappings.mappings) ?? []
        return Blueprint.EventPlan(
            name: name, isEnabled: value["enabled"]?.bool("\"enabled\"") ?? true,
            vendorName: value["vendor_event_name"]?.string("\"vendor_event_name\""),
            steps: unmixed(steps(value, own), at: value))
    }

    /// Consent is asked once for all of an event's requests.
    private func unmixed(
        _ steps: [Blueprint.Step], at event: ConfigurationValue
    ) -> [Blueprint.Step] {
        if Set(steps.map(\.request.reduces)).count > 1 {
            (event["request"] ?? event).report(
                "The list mixes requests that take something away with others.",
                fix: "Give them events of their own.")
        }
        return steps
    }

    private func steps(_ event: ConfigurationValue, _ own: [Mapping]) -> [Blueprint.Step] {
        guard let request = event["request"] else {
            event.report("The event has no \"request\".", fix: "Name one of \"requests\".")
            return []
        }
        let names =
            request.json.kind == .array
            ? request.elements("\"request\"") : [request]
        if names.isEmpty { request.report("The list of requests is empty.", fix: "Name one.") }
        return names.enumerated().compactMap { index, value in
            guard let name = value.string("\"request\"") else { return nil }
            guard let shape = requests[name] else {
                value.report(
                    "There is no request \"\(name)\".",
                    fix: suggestion(for: name, among: Array(requests.keys)))
                return nil
            }
            // The event's mappings belong to its first request; later steps bring their own.
            return step(shape, index == 0 ? own : [], of: event, at: value)
        }
    }

    /// An anonymous id names a browser, not a person: it is never sent as an id.
    private func refuseAnonymousIDs(
        _ mappings: [Mapping], _ identifiers: [String], at value: ConfigurationValue
    ) {
        for mapping in mappings where identifiers.contains(mapping.target) {
            guard mapping.rule.paths.contains(where: { $0.root == .anonymousID }) else { continue }
            (value[mapping.target] ?? value).report(
                "\"\(mapping.target)\" would send an anonymous id as an id.",
                fix: "Use identity.user_id or identity.email.")
        }
    }

    private func step(
        _ request: Blueprint.Request, _ own: [Mapping], of event: ConfigurationValue,
        at value: ConfigurationValue
    ) -> Blueprint.Step? {
        let kept = request.mappings.filter { theirs in
            !own.contains { $0.target == theirs.target }
        }
        refuseAnonymousIDs(kept + own, request.require.targets, at: event["mappings"] ?? value)
        let targets = Set((kept + own).map(\.target))
        for mapping in kept + own where request.require.targets.contains(mapping.target) {
            if case .object = mapping.rule.origin {
            } else if !mapping.target.contains("[]") {
                continue
            }
            value.report(
                "\"require\" cannot name \"\(mapping.target)\": it is a list or a copy.",
                fix: "Name a target with one value.")
        }
        for target in request.require.targets where !targets.contains(target) {
            value.report(
                "The request \"\(request.name)\" requires \"\(target)\", which nothing maps.",
                fix: suggestion(for: target, among: Array(targets)))
        }
        do {
            return Blueprint.Step(
                request: request, mappings: kept + own, tree: try RequestTree(kept + own))
        } catch {
            (event["mappings"]?[error.target] ?? value).report(
                "\"\(error.target)\" does not fit the mappings beside it.",
                fix: "Map a target once, add members only to an \"object\" copy, "
                    + "and make an array [] from one source array [].")
            return nil
        }
    }
}
