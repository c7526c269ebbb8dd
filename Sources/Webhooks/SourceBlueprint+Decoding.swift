package import Events
import JSON
import Map

extension SourceBlueprint {
    /// True when a file is a source's blueprint and not a destination's.
    package static func isSource(_ bytes: [UInt8]) -> Bool {
        (try? JSONReader.read(bytes))?.root["source"] != nil
    }

    /// The faults of a file; empty when it can be loaded.
    package static func faults(file: String, bytes: [UInt8]) -> [Diagnostic] {
        do {
            _ = try read(file: file, bytes: bytes)
            return []
        } catch {
            return error.all
        }
    }

    /// Reads and compiles a source's blueprint; every fault is reported with its line and column.
    package static func read(file: String, bytes: [UInt8]) throws(Diagnostics) -> SourceBlueprint {
        let source = try ConfigurationFile(name: file, bytes: bytes)
        let blueprint = SourceDecoder(root: source.root).blueprint(bytes)
        try source.throwFaults()
        guard let blueprint else { throw Diagnostics([]) }
        return blueprint
    }
}

private struct SourceDecoder {
    let root: ConfigurationValue
    private let mappings = MappingDecoder.webhook

    init(root: ConfigurationValue) { self.root = root }

    func blueprint(_ bytes: [UInt8]) -> SourceBlueprint? {
        root.refuseUnknownKeys(
            [
                "$schema", "source", "version", "title", "description", "verify", "event_type",
                "mappings", "events", "defaults", "answer", "handshakes", "form", "tests",
            ], in: "A source blueprint")
        for key in ["source", "version", "event_type", "mappings"] where root[key] == nil {
            root.report("The source blueprint has no \"\(key)\".", fix: "Add \"\(key)\".")
        }
        guard let type = root["event_type"], let eventType = mappings.rule(type) else { return nil }
        let name = root["source"]?.string("\"source\"") ?? ""
        let shared = standard() + (root["mappings"].map(mappings.mappings) ?? [])
        var plans: [String: SourceBlueprint.Plan] = [:]
        var aliases: [String: String] = [:]
        for (kind, value) in root["events"]?.members("\"events\"") ?? [] {
            plans[kind] = plan(for: kind, value, over: shared)
            for alias in [kind] + (value["aliases"]?.strings("\"aliases\"") ?? []) {
                if let other = aliases[folded(alias)], other != kind {
                    value.report(
                        "\"\(alias)\" stands for \"\(other)\" already.",
                        fix: "Keep it at one kind; case, spaces, - and _ make no difference.")
                }
                aliases[folded(alias)] = kind
            }
        }
        let other = plan(for: "defaults", root["defaults"], over: shared)
        guard let other else { return nil }
        let all = Array(plans.values) + [other]
        return SourceBlueprint(
            name: name, version: root["version"]?.integer("\"version\"", in: 1...1_000_000) ?? 0,
            title: root["title"]?.string("\"title\"") ?? name,
            verification: root["verify"].map { Verification($0) } ?? .token,
            eventType: eventType, plans: plans, aliases: aliases, otherPlan: other,
            headers: headers(eventType, all), answer: root["answer"].map { Array($0.json.raw) },
            handshakes: root["handshakes"].map(Handshake.all) ?? [], form: form(),
            tests: (root["tests"]?.elements("\"tests\"") ?? []).compactMap(test),
            revision: shortDigest(of: bytes))
    }

    private func form() -> String? {
        guard let value = root["form"], let name = value.string("\"form\"") else { return nil }
        if name.isEmpty {
            value.report("\"form\" names no field.", fix: "Write such as \"payload\".")
        }
        return name
    }

    /// The mappings of every webhook, unless it has others: a track event of its name.
    private func standard() -> [Mapping] {
        guard let name = try? EventPath(EventPath.Root.vendorEventName.rawValue) else { return [] }
        let type = ValueRule(origin: .literal(Array("\"track\"".utf8)))
        return [
            Mapping(target: "type", rule: type),
            Mapping(target: "event", rule: ValueRule(origin: .paths([name]))),
        ]
    }

    private func plan(
        for kind: String, _ value: ConfigurationValue?, over shared: [Mapping]
    ) -> SourceBlueprint.Plan? {
        value?.refuseUnknownKeys(["event", "aliases", "description", "mappings"], in: "A kind")
        let own = value?["mappings"].map(mappings.mappings) ?? []
        let all = laid(own, over: shared)
        for mapping in all { check(mapping, at: value?["mappings"] ?? root["mappings"] ?? root) }
        do throws(RequestTree.Conflict) {
            return SourceBlueprint.Plan(
                kind: kind, event: value?["event"]?.string("\"event\""), mappings: all,
                tree: try RequestTree(all.map(passingTimesOn)))
        } catch {
            (value ?? root).report(
                "\"\(error.target)\" does not fit the mappings beside it.",
                fix: "Map a target once, and add members only to an \"object\" copy.")
            return nil
        }
    }

    /// A mapping as it is built: a time that a transform cannot read is passed on as it came.
    ///
    /// The event is then accepted with the time of receipt, and its mark shows the value.
    private func passingTimesOn(_ mapping: Mapping) -> Mapping {
        guard mapping.target == "timestamp", case .paths = mapping.rule.origin,
            !mapping.rule.transforms.isEmpty
        else { return mapping }
        var read = mapping.rule
        read.fallback = Array("null".utf8)
        read.omitNull = true
        var given = ValueRule(origin: mapping.rule.origin)
        given.fallback = mapping.rule.fallback
        given.omitNull = mapping.rule.omitNull
        return Mapping(
            target: mapping.target, rule: ValueRule(origin: .alternatives([read, given])))
    }

    /// Later mappings of a target replace earlier ones.
    private func laid(_ own: [Mapping], over shared: [Mapping]) -> [Mapping] {
        var result: [Mapping] = []
        for mapping in shared + own {
            result.removeAll { $0.target == mapping.target }
            result.append(mapping)
        }
        return result
    }

    /// The fields of an event, as senders write them.
    private static let fields = [
        "type", "event", "name", "category", "user_id", "anonymous_id", "previous_id",
        "group_id",
        "message_id", "timestamp", "properties", "traits", "context", "integrations",
    ]

    private func check(_ mapping: Mapping, at value: ConfigurationValue) {
        let field = String(mapping.target.prefix { $0 != "." && $0 != "[" })
        if !Self.fields.contains(field) {
            value.report(
                "An event has no \"\(field)\".", fix: suggestion(for: field, among: Self.fields))
        }
    }

    private func headers(_ type: ValueRule, _ plans: [SourceBlueprint.Plan]) -> [String] {
        let rules = [type] + plans.flatMap(\.mappings).map(\.rule)
        let paths = rules.flatMap { $0.paths + $0.conditionPaths }
        let names = paths.filter { $0.root == .headers }.compactMap { $0.keys.first?.text }
        return Set(names).sorted()
    }

    private func test(_ value: ConfigurationValue) -> SourceTest? {
        value.refuseUnknownKeys(["name", "given", "headers", "expect"], in: "A test")
        guard let given = value["given"], let expect = value["expect"] else {
            value.report(
                "A test needs \"given\" and \"expect\".",
                fix: "Add a webhook's body and the event, or a list of them, that should come out.")
            return nil
        }
        var headers: [String: String] = [:]
        for (name, value) in value["headers"]?.members("\"headers\"") ?? [] {
            headers[name.lowercased()] = value.string("A header")
        }
        var expectation = SourceTest.Expectation.events([expect.json])
        if expect.json.kind == .array {
            expectation = .events(expect.json.elements)
        } else if let code = expect["code"], expect.json.members.count == 1 {
            expectation = .code(code.string("\"code\"") ?? "")
        }
        return SourceTest(
            name: value["name"]?.string("\"name\"") ?? "without a name", given: given.json,
            headers: headers, expect: expectation, line: value.line)
    }
}

extension Verification {
    /// Reads a `verify` object; the secrets themselves stand in the pipeline.
    package init(_ value: ConfigurationValue) {
        self = .token
        let scheme = value["scheme"]?.string("\"scheme\"") ?? ""
        switch scheme {
        case "token": value.refuseUnknownKeys(["scheme"], in: "\"verify\"")
        case "basic":
            value.refuseUnknownKeys(["scheme"], in: "\"verify\"")
            self = .basic
        case "header":
            value.refuseUnknownKeys(["scheme", "header", "prefix"], in: "\"verify\"")
            self = .header(
                name: Self.header(value), prefix: value["prefix"]?.string("\"prefix\"") ?? "")
        case "hmac":
            value.refuseUnknownKeys(
                SignatureScheme.keys + ["scheme", "header", "timestamp"], in: "\"verify\"")
            let stamp = value["timestamp"].map { Stamp($0) }
            let signature = SignatureScheme(value) { name in
                name == "body" || name.hasPrefix("header:") || name == "timestamp" && stamp != nil
            }
            if stamp != nil, !signature.signed.names.contains("timestamp") {
                value.report(
                    "The time is checked but not signed.",
                    fix: "Write {timestamp} in \"signed\", or leave \"timestamp\" out.")
            }
            self = .signature(header: Self.header(value), signature, stamp)
        default:
            (value["scheme"] ?? value).report(
                "\"verify\" needs a \"scheme\".",
                fix: "Write \"token\", \"header\", \"basic\" or \"hmac\".")
        }
    }

    private static func header(_ value: ConfigurationValue) -> String {
        if let name = value["header"]?.string("\"header\""), !name.isEmpty { return name }
        value.report("\"verify\" names no \"header\".", fix: "Add \"header\": \"X-Signature\".")
        return ""
    }
}

extension Verification.Stamp {
    fileprivate init(_ value: ConfigurationValue) {
        value.refuseUnknownKeys(["header", "prefix", "unit", "tolerance"], in: "\"timestamp\"")
        if value["header"] == nil {
            value.report("\"timestamp\" names no \"header\".", fix: "Add \"header\".")
        }
        self.init(
            header: value["header"]?.string("\"header\"") ?? "",
            prefix: value["prefix"]?.string("\"prefix\"") ?? "",
            unit: value["unit"]?.word("\"unit\"", as: Unit.self) ?? .seconds,
            tolerance: .seconds(
                value["tolerance"]?.integer("\"tolerance\"", in: 1...86_400) ?? 300))
    }
}
