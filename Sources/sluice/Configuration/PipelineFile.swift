import Accept
import Request
import Consent
import CurlTransport
import Deliver
import Events
import Ingest
import JSON
import Map
import Pipeline
import Store
import Webhooks

/// `pipeline.json`, read and checked whole.
struct PipelineFile {
    var listen: ListenAddress
    var data: String
    /// The address on which metrics are shown; nil for none.
    var metrics: ListenAddress?
    var sources: [Source]
    var webhooks: [WebhookSource]
    /// The ids that mean nobody.
    var placeholders: PlaceholderIDs
    /// The address to which alerts are posted; nil for none.
    var alertsURL: String?
    /// Networks that are reached although they are private.
    var allowedNetworks: [String]
    var storeLimits: StoreLimits
    /// The file, every blueprint and every certificate it names: what is watched for changes.
    var files: [String] = []
    var pipeline: Pipeline

    static func read(_ path: String, _ overrides: Overrides) throws -> PipelineFile {
        let bytes = try readFile(path)
        let source = try ConfigurationFile(name: path, bytes: bytes)
        let decoder = PipelineDecoder(source, at: path, overrides)
        var file = decoder.pipelineFile(revision: revision(of: bytes, at: path, overrides))
        try source.throwFaults()
        file.files = [path] + decoder.blueprintFiles + decoder.certificateFiles
        return file
    }
}

struct PipelineDecoder {
    let root: ConfigurationValue
    let variables: Variables
    let folder: String
    let overrides: PipelineFile.Overrides

    init(
        _ source: ConfigurationFile, at path: String, _ overrides: PipelineFile.Overrides
    ) {
        root = source.root
        variables = Variables(
            environment: overrides.environment, isLenient: !overrides.needsSecrets)
        folder = sluice.folder(of: path)
        self.overrides = overrides
    }

    func pipelineFile(revision: String) -> PipelineFile {
        root.refuseUnknownKeys(
            [
                "$schema", "listen", "data", "allow_private", "sources", "consent", "destinations",
                "alerts", "store", "metrics", "placeholder_ids",
            ],
            in: "A pipeline")
        for key in ["sources", "destinations"] where root[key] == nil {
            root.report("The pipeline has no \"\(key)\".", fix: "Add \"\(key)\": { … }.")
        }
        let codes = consentCodes()
        let networks = allowedNetworks()
        let destinations = (root["destinations"]?.members("\"destinations\"") ?? []).compactMap {
            destination($0.key, $0.value, networks: networks, codes: codes)
        }
        let placeholders = placeholders()
        let sources = SourcesDecoder(pipeline: self, codes: codes, placeholders: placeholders)
            .sources(root["sources"])
        return PipelineFile(
            listen: listen(), data: data(), metrics: metrics(), sources: sources.senders,
            webhooks: sources.webhooks, placeholders: placeholders,
            alertsURL: alertsURL(networks), allowedNetworks: networks, storeLimits: storeLimits(),
            pipeline: Pipeline(
                destinations: destinations, sources: sources.rules, consentCodes: codes,
                revision: revision))
    }

    /// The blueprints' files, of sources and destinations.
    var blueprintFiles: [String] {
        let members = ["sources", "destinations"].flatMap { root[$0]?.members($0) ?? [] }
        let names = members.compactMap { member in
            member.value["blueprint"].flatMap { variables.expand($0, "\"blueprint\"") }
        }
        return Set(names.map { resolve($0, in: folder) }).sorted()
    }

    private func listen() -> ListenAddress {
        let standard = ListenAddress.tcp(host: "127.0.0.1", port: 8080)
        let value = root["listen"] ?? root
        let text =
            overrides.listen ?? root["listen"].flatMap { variables.expand($0, "\"listen\"") }
        guard let text else { return standard }
        guard let address = ListenAddress(text) else {
            value.report(
                "\"\(text)\" is no address.", fix: "Write host:port, such as 127.0.0.1:8080.")
            return standard
        }
        return address
    }

    private func data() -> String {
        if let data = overrides.data { return data }
        let text = root["data"].flatMap { variables.expand($0, "\"data\"") } ?? "./sluice-data"
        return resolve(text, in: folder)
    }

    private func metrics() -> ListenAddress? {
        guard let value = root["metrics"] else { return nil }
        let text = variables.expand(value, "\"metrics\"") ?? ""
        if text.isEmpty { return nil }
        let address = ListenAddress(text)
        if address == nil {
            value.report(
                "\"\(text)\" is no address.", fix: "Write host:port, such as 127.0.0.1:9464.")
        }
        return address
    }

    private func storeLimits() -> StoreLimits {
        var limits = StoreLimits()
        guard let value = root["store"] else { return limits }
        value.refuseUnknownKeys(
            ["reserve_mb", "queue", "bodies", "events", "rejected", "size_mb"], in: "\"store\"")
        let megabytes = 1...1_000_000_000
        if let given = value["reserve_mb"]?.integer("\"reserve_mb\"", in: megabytes) {
            limits.reserve = Int64(given) << 20
        }
        limits.queue = value["queue"]?.integer("\"queue\"", in: 1...1_000_000_000) ?? limits.queue
        limits.size = value["size_mb"]?.integer("\"size_mb\"", in: megabytes).map {
            Int64($0) << 20
        }
        limits.bodies = span(value["bodies"], "\"bodies\"") ?? limits.bodies
        limits.rejected = span(value["rejected"], "\"rejected\"") ?? limits.rejected
        limits.events = span(value["events"], "\"events\"") ?? limits.events
        if limits.events < StoreLimits.shortestEvents {
            value["events"]?.report(
                "Events are kept for seven days at least: a repeat has to be recognised.",
                fix: "Write \"7d\" or more.")
        }
        return limits
    }

    /// A span of time such as `30d`.
    func span(_ value: ConfigurationValue?, _ what: String) -> Duration? {
        guard let value, let text = value.string(what) else { return nil }
        if let span = Span(argument: text) { return span.duration }
        value.report("\"\(text)\" is no span of time.", fix: "Write such as \"30d\" or \"12h\".")
        return nil
    }

    private func alertsURL(_ networks: [String]) -> String? {
        guard let value = root["alerts"] else { return nil }
        value.refuseUnknownKeys(["url"], in: "\"alerts\"")
        let url = value["url"].flatMap { variables.expand($0, "\"url\"") } ?? ""
        if url.isEmpty { return nil }
        var options = TransportOptions()
        options.allowedNetworks = networks
        if overrides.needsSecrets, let fault = options.fault(of: url) {
            value["url"]?.report(fault.message, fix: fault.fix)
        }
        return url
    }

    private func allowedNetworks() -> [String] {
        guard let value = root["allow_private"] else { return [] }
        let text = variables.expand(value, "\"allow_private\"") ?? ""
        let networks = text.split(separator: ",").map { part in
            String(part.filter { $0 != " " })
        }.filter { !$0.isEmpty }
        for network in networks where !isNetwork(network) {
            value.report(
                "\"\(network)\" is no network.", fix: "Write address/bits, such as 10.0.0.0/8.")
        }
        return networks
    }

    private func placeholders() -> PlaceholderIDs {
        guard let value = root["placeholder_ids"] else { return .standard }
        let texts = value.strings("\"placeholder_ids\"")
        for text in texts where text.withoutOuterBlanks != text[...] || text.isEmpty {
            value.report(
                "\"\(text)\" has blanks around it, or is empty.",
                fix:
                    "Leave them out: ids are compared without outer blanks, and an empty one is none."
            )
        }
        return PlaceholderIDs(texts)
    }

    private func consentCodes() -> [String: String] {
        guard let value = root["consent"] else { return [:] }
        value.refuseUnknownKeys(["codes"], in: "\"consent\"")
        var codes: [String: String] = [:]
        for (code, category) in value["codes"]?.members("\"codes\"") ?? [] {
            codes[code] = category.string("A category")
        }
        return codes
    }

    // MARK: Destinations

    func perSecond(_ value: ConfigurationValue?) -> Double? {
        guard let value, !value.json.isNull else { return nil }
        if let number = value.json.double, number > 0 { return number }
        value.report(
            "\"per_second\" must be a number above 0, or null.", fix: "Write such a number.")
        return nil
    }

    private static let destinationKeys =
        ["blueprint", "preset", "enabled", "parameters", "consent", "limits", "anonymous"]
        + surroundingKeys

    private func destination(
        _ name: String, _ value: ConfigurationValue, networks: [String], codes: [String: String]
    ) -> Destination? {
        value.refuseUnknownKeys(Self.destinationKeys, in: "A destination")
        checkName(name, "destination", at: value)
        guard let blueprint = blueprint(of: value, "destination", by: Blueprint.read) else {
            return nil
        }
        let standIn = overrides.standIn.flatMap { $0.blueprint == blueprint.name ? $0 : nil }
        let presetName = value["preset"]?.string("\"preset\"") ?? "default"
        guard let preset = blueprint.presets[presetName] else {
            (value["preset"] ?? value).report(
                "The blueprint has no preset \"\(presetName)\".",
                fix: suggestion(for: presetName, among: Array(blueprint.presets.keys)))
            return nil
        }
        var parameters = parameters(of: value, for: blueprint, preset: preset)
        if let standIn { parameters["base_url"] = standIn.url }
        let allowed = standIn == nil ? networks : networks + ["127.0.0.1/32"]
        var limits = limits(value["limits"], allowed)
        // A stand-in is on this machine.
        if standIn == nil {
            limits.options.surroundings = surroundings(of: value, networks: networks)
        }
        if overrides.needsSecrets {
            checkAddresses(
                of: preset, in: blueprint, parameters: parameters, options: limits.options,
                at: value)
        }
        return Destination(
            name: name, isEnabled: value["enabled"]?.bool("\"enabled\"") ?? true,
            blueprint: blueprint, preset: preset, parameters: parameters,
            consent: consent(value["consent"], codes), limits: limits,
            anonymous: anonymous(value["anonymous"]),
            remark: standIn == nil ? nil : "to the built-in stand-in, not to \(blueprint.title)")
    }

    func checkName(_ name: String, _ what: String, at value: ConfigurationValue) {
        let allowed = name.allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0))
        }
        if !allowed || name.isEmpty || name.count > Blueprint.maximumNameLength {
            value.report(
                "\"\(name)\" is no name for a \(what).",
                fix: "Use up to \(Blueprint.maximumNameLength) letters, digits, '-' and '_'.")
        }
    }

    /// The blueprint that a source or destination names; its faults are reported here too.
    func blueprint<Read>(
        of value: ConfigurationValue, _ what: String,
        by reader: (String, [UInt8]) throws(Diagnostics) -> Read
    ) -> Read? {
        guard let blueprint = value["blueprint"] else {
            value.report("The \(what) has no \"blueprint\".", fix: "Name its file.")
            return nil
        }
        guard let text = variables.expand(blueprint, "\"blueprint\"") else { return nil }
        let path = resolve(text, in: folder)
        do {
            return try reader(path, try readFile(path))
        } catch let faults as Diagnostics {
            for fault in faults.all {
                blueprint.report(
                    "\(fault.file):\(fault.line):\(fault.column): \(fault.message)", fix: fault.fix)
            }
        } catch {
            blueprint.report("The blueprint \"\(path)\" cannot be read.", fix: "Correct the path.")
        }
        return nil
    }

    private func parameters(
        of value: ConfigurationValue, for blueprint: Blueprint, preset: Blueprint.Preset
    ) -> [String: String] {
        let given = value["parameters"]
        given?.refuseUnknownKeys(blueprint.parameters.map(\.name), in: "The blueprint")
        var result: [String: String] = [:]
        for (name, value) in given?.members("\"parameters\"") ?? [] {
            guard blueprint.parameters.contains(where: { $0.name == name && $0.isPerEvent }) else {
                result[name] = variables.expand(value, "\"\(name)\"")
                continue
            }
            for (event, value) in value.members("\"\(name)\"") {
                var text = variables.expand(value, "A value") ?? ""
                if text.isEmpty, !overrides.needsSecrets { text = "{\(name)}" }
                if !text.isEmpty { result[ParameterValues.key(name, event: event)] = text }
            }
        }
        checkSecrets(in: result, of: preset, at: given)
        let used = preset.parameters
        for parameter in blueprint.parameters
        where parameter.isRequired && overrides.needsSecrets && used.contains(parameter.name) {
            guard (result[parameter.name] ?? parameter.value ?? "").isEmpty,
                !(parameter.isPerEvent && given?[parameter.name] != nil)
            else { continue }
            // A variable that is missing was reported where it stands.
            if given?[parameter.name] != nil, result[parameter.name] == nil { continue }
            (given?[parameter.name] ?? value).report(
                "The parameter \"\(parameter.name)\" has no value.", fix: parameter.help)
        }
        return result
    }

    /// A secret that cannot sign would leave requests without a signature.
    private func checkSecrets(
        in parameters: [String: String], of preset: Blueprint.Preset, at given: ConfigurationValue?
    ) {
        var seen: Set<String> = []
        for signing in preset.signings where seen.insert(signing.parameter).inserted {
            for secret in (parameters[signing.parameter] ?? "").split(separator: " ")
            where !signing.scheme.accepts(String(secret)) {
                given?[signing.parameter]?.report(
                    "The parameter \"\(signing.parameter)\" cannot sign.",
                    fix: "Give \(signing.scheme.secretPrefix)… in base 64, or two with a space.")
            }
        }
    }

    private func consent(
        _ value: ConfigurationValue?, _ codes: [String: String]
    ) -> ConsentRule? {
        guard let value else { return nil }
        value.refuseUnknownKeys(["require", "missing"], in: "\"consent\"")
        let require = value["require"]?.strings("\"require\"") ?? []
        if require.isEmpty {
            value.report(
                "\"consent\" requires nothing.",
                fix: "Name categories in \"require\", or leave it out.")
        }
        let missing = value["missing"]?.word("\"missing\"", as: ConsentRule.Missing.self)
        return ConsentRule(
            require: require.map { codes[$0] ?? $0 }, missing: missing ?? .deny)
    }

    private func limits(_ value: ConfigurationValue?, _ networks: [String]) -> DeliveryLimits {
        var limits = DeliveryLimits()
        limits.options.allowedNetworks = networks
        guard let value else { return limits }
        value.refuseUnknownKeys(
            ["in_flight", "per_second", "http_version", "connect_timeout", "total_timeout"],
            in: "\"limits\"")
        if let given = value["in_flight"] {
            limits.inFlight = given.integer("\"in_flight\"", in: 1...1_024) ?? limits.inFlight
        }
        limits.perSecond = perSecond(value["per_second"])
        if let given = value["http_version"] {
            limits.options.httpVersion =
                given.word("\"http_version\"", as: TransportOptions.HTTPVersion.self) ?? .http1
        }
        if let given = value["connect_timeout"] {
            limits.options.connectTimeout =
                .seconds(given.integer("\"connect_timeout\"", in: 1...60) ?? 5)
        }
        if let given = value["total_timeout"] {
            limits.options.totalTimeout =
                .seconds(given.integer("\"total_timeout\"", in: 1...60) ?? 15)
        }
        return limits
    }
}
