package import Events
import JSON

/// Reads mappings and value rules of a blueprint's file; faults are reported with their place.
package struct MappingDecoder {
    let needsRawEmail: Bool
    let parameters: [String]
    let secrets: [String]
    let limits: [String: Int]
    var vocabulary = EventPath.Vocabulary.event

    /// The decoder for a source's blueprint: its mappings read a webhook and know no parameters.
    package static let webhook = MappingDecoder(
        needsRawEmail: false, parameters: [], secrets: [], limits: [:], vocabulary: .webhook)

    /// The mappings of an object: targets with their rules.
    package func mappings(_ value: ConfigurationValue) -> [Mapping] {
        value.members("\"mappings\"").compactMap { target, value in
            guard isTarget(target) else {
                value.report(
                    "\"\(target)\" is no target path.", fix: "Write names with dots between them.")
                return nil
            }
            guard let rule = rule(value) else { return nil }
            check(rule, target, at: value)
            return Mapping(target: target, rule: rule.limited(to: limits[target]))
        }
    }

    private func isTarget(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.allSatisfy { !$0.isEmpty && $0 != "[]" }
            && parts.count { $0.hasSuffix("[]") } <= 1
    }

    private func check(_ rule: ValueRule, _ target: String, at value: ConfigurationValue) {
        if case .alternatives(let rules) = rule.origin {
            for inner in rules {
                if case .paths = inner.origin {
                    check(inner, target, at: value)
                } else if case .literal = inner.origin {
                    continue
                } else {
                    value.report(
                        "A list of alternatives may hold paths, \"source\" and \"value\" only.",
                        fix: "Map \"object\" and \"parameter\" alone.")
                }
            }
            return
        }
        if needsRawEmail, !rule.transforms.isEmpty, rule.paths.contains(where: \.isEmail) {
            value.report(
                "\"\(target)\" changes an email, and this destination needs it as it is.",
                fix: "Remove \"transform\".")
        }
        if needsRawEmail { refuseUncheckedEmail(rule, at: value) }
        let goesThroughArray = rule.paths.contains { $0.elementKeys != nil }
        if goesThroughArray, !target.contains("[]") {
            value.report(
                "The source goes through an array, the target \"\(target)\" does not.",
                fix: "Write the target with [] too, such as \"data.items[].title\".")
        }
        if rule.transforms.contains(.date), rule.format == nil {
            value.report(
                "The transform \"date\" needs a \"format\".",
                fix: "Add \"format\": \"yyyy-MM-dd'T'HH:mm:ssZ\".")
        }
    }

    /// Only `identity.email` has been checked for hashes, validity and trust.
    private func refuseUncheckedEmail(_ rule: ValueRule, at value: ConfigurationValue) {
        for path in rule.paths where path.text.hasSuffix("traits.email") {
            value.report("\"\(path.text)\" has not been checked.", fix: "Use \"identity.email\".")
        }
        let whole = ["traits", "context", "context.traits"]
        for path in rule.paths where whole.contains(path.text) {
            if case .object(_, let include, let exclude) = rule.origin, path.text != "context",
                !(include?.contains("email") ?? true) || exclude.contains("email")
            {
                continue
            }
            refuseCopy(path, at: value)
        }
    }

    private func refuseCopy(_ path: EventPath, at value: ConfigurationValue) {
        value.report(
            "The copy of \"\(path.text)\" takes an email along that has not been checked.",
            fix: "Add \"exclude\": [\"email\"], and map \"identity.email\".")
    }

    package func rule(_ value: ConfigurationValue) -> ValueRule? {
        switch value.json.kind {
        case .array where value.json.elements.contains { $0.kind == .object }:
            return ValueRule(
                origin: .alternatives(value.elements("A mapping").compactMap { rule($0) }))
        case .string, .array:
            return ValueRule(origin: .paths(paths(value)))
        case .object: return objectRule(value)
        default:
            value.report(
                "A mapping cannot be \(value.json.kind.rawValue).",
                fix: "Write a path, a list of paths, or an object such as {\"value\": true}.")
            return nil
        }
    }

    private func objectRule(_ value: ConfigurationValue) -> ValueRule? {
        value.refuseUnknownKeys(
            [
                "source", "value", "parameter", "object", "include", "exclude", "transform",
                "format", "value_map", "default", "omit_null", "when",
            ], in: "A mapping")
        guard let origin = origin(value) else { return nil }
        var rule = ValueRule(origin: origin)
        if let transform = value["transform"] {
            let list =
                transform.json.kind == .array ? transform.elements("\"transform\"") : [transform]
            rule.transforms = list.compactMap { $0.word("\"transform\"", as: Transform.self) }
        }
        rule.format = value["format"].flatMap(format)
        for (text, target) in value["value_map"]?.members("\"value_map\"") ?? [] {
            rule.valueMap.append((text, Array(target.json.raw)))
        }
        rule.fallback = value["default"].map { Array($0.json.raw) }
        rule.omitNull = value["omit_null"]?.bool("\"omit_null\"") ?? false
        rule.condition = value["when"].flatMap(condition)
        return rule
    }

    func condition(_ value: ConfigurationValue) -> Condition? {
        value.refuseUnknownKeys(["source", "parameter", "is"], in: "\"when\"")
        let text = value["is"]?.string("\"is\"")
        if let source = value["source"], value["parameter"] == nil {
            return Condition(subject: .paths(paths(source)), text: text)
        }
        if let parameter = value["parameter"], value["source"] == nil,
            let name = parameterName(parameter)
        {
            if secrets.contains(name) {
                parameter.report(
                    "\"when\" cannot look at a secret.", fix: "Look at another parameter.")
            }
            return Condition(subject: .parameter(name), text: text)
        }
        value.report(
            "\"when\" must look at one of \"source\" and \"parameter\".",
            fix:
                "Write {\"source\": \"properties.x\", \"is\": \"y\"}; without \"is\", anything will do."
        )
        return nil
    }

    private func parameterName(_ parameter: ConfigurationValue) -> String? {
        guard let name = parameter.string("\"parameter\"") else { return nil }
        if !parameters.contains(name) {
            parameter.report(
                "There is no parameter \"\(name)\".", fix: suggestion(for: name, among: parameters))
        }
        return name
    }

    private func origin(_ value: ConfigurationValue) -> ValueRule.Origin? {
        let given = ["source", "value", "parameter", "object"].filter { value[$0] != nil }
        guard given.count == 1 else {
            value.report(
                given.isEmpty
                    ? "The mapping says nothing about where the value comes from."
                    : "The mapping has \(given.joined(separator: " and ")); one is allowed.",
                fix: "Give one of \"source\", \"value\", \"parameter\", \"object\".")
            return nil
        }
        if let literal = value["value"] { return .literal(Array(literal.json.raw)) }
        if let source = value["source"] { return .paths(paths(source)) }
        if let object = value["object"] {
            guard let path = paths(object).first else { return nil }
            return .object(
                path, include: value["include"]?.strings("\"include\""),
                exclude: value["exclude"]?.strings("\"exclude\"") ?? [])
        }
        return value["parameter"].flatMap(parameterName).map { .parameter($0) }
    }

    private func paths(_ value: ConfigurationValue) -> [EventPath] {
        let list = value.json.kind == .array ? value.elements("\"source\"") : [value]
        if list.isEmpty { value.report("The list of paths is empty.", fix: "Name a path.") }
        return list.compactMap { value -> EventPath? in
            guard let text = value.string("A path") else { return nil }
            do throws(EventPath.Fault) {
                return try EventPath(text, in: vocabulary)
            } catch {
                value.report(error.message, fix: error.fix)
                return nil
            }
        }
    }

    private func format(_ value: ConfigurationValue) -> DatePattern? {
        guard let text = value.string("\"format\"") else { return nil }
        do {
            return try DatePattern(text)
        } catch {
            value.report(
                "The date format has an unknown field \"\(error.field)\".",
                fix: "Use yyyy MM dd HH mm ss SSS Z XXX X, and quote other letters: 'T'.")
            return nil
        }
    }
}

/// Reads the examples that stand in a blueprint.
struct BlueprintTestDecoder {
    let presets: [String]

    func tests(_ value: ConfigurationValue?) -> [BlueprintTest] {
        (value?.elements("\"tests\"") ?? []).compactMap(test)
    }

    private func test(_ value: ConfigurationValue) -> BlueprintTest? {
        value.refuseUnknownKeys(
            ["name", "preset", "before", "given", "parameters", "expect"], in: "A test")
        let preset = value["preset"]?.string("\"preset\"") ?? "default"
        if !presets.contains(preset) {
            (value["preset"] ?? value).report(
                "There is no preset \"\(preset)\".", fix: suggestion(for: preset, among: presets))
        }
        guard let given = value["given"], let expect = value["expect"],
            let expectation = expectation(expect)
        else {
            value.report(
                "A test needs \"given\" and \"expect\".",
                fix: "Add an event and what should come out.")
            return nil
        }
        var parameters: [String: String] = [:]
        for (name, value) in value["parameters"]?.members("\"parameters\"") ?? [] {
            parameters[name] = value.string("A parameter")
        }
        return BlueprintTest(
            name: value["name"]?.string("\"name\"") ?? "without a name", preset: preset,
            given: given.json, before: value["before"]?.elements("\"before\"").map(\.json) ?? [],
            parameters: parameters, expect: expectation, line: value.line)
    }

    private func expectation(_ value: ConfigurationValue) -> BlueprintTest.Expectation? {
        if value.json.kind == .array {
            return .requests(value.elements("\"expect\"").compactMap(request))
        }
        value.refuseUnknownKeys(["request", "body", "reason"], in: "\"expect\"")
        if let reason = value["reason"] {
            return reason.word("\"reason\"", as: Reason.self).map { .reason($0) }
        }
        return request(value).map { .requests([$0]) }
    }

    private func request(_ value: ConfigurationValue) -> (name: String, body: JSONValue)? {
        guard let name = value["request"]?.string("\"request\""), let body = value["body"] else {
            value.report(
                "A test expects a \"request\" and its \"body\", or a \"reason\".",
                fix:
                    "Write {\"request\": \"track\", \"body\": { … }} or {\"reason\": \"anonymous\"}."
            )
            return nil
        }
        return (name, body.json)
    }
}
