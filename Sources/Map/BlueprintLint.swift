package import Events
import JSON

extension Blueprint {
    /// The faults of a blueprint and the places that are likely not meant, in file order.
    ///
    /// Everything that keeps it from being loaded comes first; the rest is looked for only when it
    /// can be loaded.
    package static func lint(file: String, bytes: [UInt8]) -> [Diagnostic] {
        do {
            _ = try read(file: file, bytes: bytes)
            let source = try ConfigurationFile(name: file, bytes: bytes)
            BlueprintLint(root: source.root).run()
            try source.throwFaults()
            return []
        } catch {
            return error.all
        }
    }
}

private struct BlueprintLint {
    let root: ConfigurationValue

    func run() {
        for (name, request) in root["requests"]?.members("\"requests\"") ?? [] {
            checkIdentity(name, request)
        }
        for (_, preset) in root["presets"]?.members("\"presets\"") ?? [] {
            for (name, event) in preset["events"]?.members("\"events\"") ?? [] {
                checkMappings(name, event)
            }
        }
        if root["tests"] == nil {
            root.report(
                "The blueprint has no tests.", fix: "Add \"tests\" with an event and its body.")
        }
    }

    /// A request that asks for no identity is sent for everyone, known or not.
    private func checkIdentity(_ name: String, _ request: ConfigurationValue) {
        guard request["require"] == nil else { return }
        let sources = (request["mappings"]?.json).map { String(decoding: $0.raw, as: UTF8.self) }
        let mapsIdentity = ["identity.", "user_id"].contains { sources?.contains($0) ?? false }
        request.report(
            mapsIdentity
                ? "The request \"\(name)\" maps an identity and does not require it."
                : "The request \"\(name)\" has no identity path.",
            fix: "Map identity.user_id or identity.email, and name the target in \"require\".")
    }

    private func checkMappings(_ name: String, _ event: ConfigurationValue) {
        guard let mappings = event["mappings"] else { return }
        if mappings.json.isEmpty {
            mappings.report(
                "The mappings of \"\(name)\" are empty: nothing of the event travels but its name.",
                fix: "Map a property, such as \"data.name\": \"properties.name\", or leave it out.")
        }
        for (target, rule) in mappings.members("\"mappings\"") {
            guard let value = rule.json["value"], value.kind == .object, value.isEmpty else {
                continue
            }
            rule.report(
                "\"\(target)\" is always an empty object.", fix: "Map what belongs into it.")
        }
    }
}
