import Accept
import Events
import Ingest
import JSON
import Map
import Pipeline
import Request
import Webhooks

/// Reads the pipeline's `sources`: who may send, and what follows from who sent.
struct SourcesDecoder {
    let pipeline: PipelineDecoder
    let codes: [String: String]
    /// The ids that mean nobody.
    let placeholders: PlaceholderIDs

    struct Sources {
        var senders: [Source] = []
        var webhooks: [WebhookSource] = []
        var rules: [SourceRules] = []
    }

    private enum Kind: String, CaseIterable { case server, browser, webhook }
    private static let commonKeys = [
        "kind", "enabled", "trusted", "per_second", "effects", "never_store",
    ]

    func sources(_ value: ConfigurationValue?) -> Sources {
        var sources = Sources()
        var owners: [String: String] = [:]
        for (name, value) in value?.members("\"sources\"") ?? [] {
            guard let given = value["kind"] else {
                value.report(
                    "The source \"\(name)\" has no \"kind\".",
                    fix: "Write \"server\", \"browser\" or \"webhook\".")
                continue
            }
            switch given.word("\"kind\"", as: Kind.self) {
            case nil: continue
            case .webhook: add(webhook: name, value, to: &sources)
            case .server: add(.server, named: name, value, owners: &owners, to: &sources)
            case .browser: add(.browser, named: name, value, owners: &owners, to: &sources)
            }
        }
        return sources
    }

    // MARK: Senders with keys

    private func add(
        _ kind: Source.Kind, named name: String, _ value: ConfigurationValue,
        owners: inout [String: String], to sources: inout Sources
    ) {
        value.refuseUnknownKeys(
            Self.commonKeys + ["keys", "hmac_secrets", "origins", "believe", "proof_secrets"],
            in: "A source")
        let keys = texts(of: value["keys"], "\"keys\"", each: "A key")
        for key in keys {
            if let owner = owners[key], owner != name {
                value.report(
                    "The sources \"\(owner)\" and \"\(name)\" share a key.",
                    fix: "Give each source keys of its own.")
            }
            owners[key] = name
        }
        let secrets = texts(of: value["hmac_secrets"], "\"hmac_secrets\"", each: "A secret")
        let isOn = value["enabled"]?.bool("\"enabled\"") ?? true
        let source = Source(
            name: name, kind: kind,
            trusted: value["trusted"]?.bool("\"trusted\"") ?? (kind == .server),
            keys: isOn ? keys : [], hmacSecrets: isOn ? secrets : [],
            origins: value["origins"]?.strings("\"origins\"") ?? [],
            perSecond: pipeline.perSecond(value["per_second"]) ?? (kind == .browser ? 1_000 : nil),
            placeholders: placeholders, neverStore: NeverStore.read(value["never_store"]))
        let hasNone = keys.isEmpty && secrets.isEmpty
        sources.senders.append(source)
        sources.rules.append(
            SourceRules(
                name: name, kind: kind.rawValue,
                offReason: isOn
                    ? (hasNone ? "no key is set" : nil) : "switched off in the pipeline",
                believesConsent: believesConsent(value["believe"]),
                proofSecrets: proofSecrets(value["proof_secrets"]),
                effects: effects(value["effects"], trusted: source.trusted)))
    }

    /// True when the source's pages are believed about consent.
    private func believesConsent(_ list: ConfigurationValue?) -> Bool {
        let words = list?.strings("\"believe\"") ?? []
        if words.contains(where: { $0 != "consent" }) {
            list?.report(
                "A source can be believed about consent alone.", fix: "Write [\"consent\"].")
        }
        return !words.isEmpty
    }

    /// The shortest secret by which proofs are made: 128 bits as hex.
    private static let shortestSecret = 32

    private func proofSecrets(_ list: ConfigurationValue?) -> [String] {
        let secrets = texts(of: list, "\"proof_secrets\"", each: "A secret")
        for secret in secrets where secret.utf8.count < Self.shortestSecret {
            list?.report(
                "A secret of \"proof_secrets\" is too short to prove anything.",
                fix: "Make one of 128 bits or more: openssl rand -hex 32")
        }
        return secrets
    }

    /// Texts with their variables replaced; empty ones are ignored.
    private func texts(
        of list: ConfigurationValue?, _ name: String, each what: String
    ) -> [String] {
        (list?.elements(name) ?? []).compactMap { pipeline.variables.expand($0, what) }
            .filter { !$0.isEmpty }
    }

    // MARK: Webhooks

    private func add(
        webhook name: String, _ value: ConfigurationValue, to sources: inout Sources
    ) {
        value.refuseUnknownKeys(
            Self.commonKeys + ["blueprint", "tokens", "secrets", "verify", "answer"],
            in: "A webhook source")
        pipeline.checkName(name, "source", at: value)
        let tokens = texts(of: value["tokens"], "\"tokens\"", each: "A token")
        for token in tokens
        where token.utf8.count < WebhookSource.shortestToken
            || percentEncoded(token) != token
        {
            (value["tokens"] ?? value).report(
                "A token is too short, or cannot stand in an address.",
                fix: "Make one of 128 bits or more: openssl rand -hex 32")
        }
        guard let blueprint = pipeline.blueprint(of: value, "source", by: SourceBlueprint.read)
        else { return }
        let source = WebhookSource(
            name: name, isEnabled: value["enabled"]?.bool("\"enabled\"") ?? true,
            trusted: value["trusted"]?.bool("\"trusted\"") ?? true, tokens: tokens,
            secrets: texts(of: value["secrets"], "\"secrets\"", each: "A secret"),
            verification: value["verify"].map { Verification($0) }, blueprint: blueprint,
            answer: value["answer"].map { pipeline.variables.expand(json: $0) },
            perSecond: pipeline.perSecond(value["per_second"]), placeholders: placeholders,
            neverStore: NeverStore.read(value["never_store"], blueprint: blueprint))
        if source.offReason == nil, source.verification != .token, source.secrets.isEmpty,
            pipeline.overrides.needsSecrets
        {
            value.report(
                "The source \"\(name)\" checks a secret and has none.",
                fix: "Add \"secrets\": [\"${…}\"], as the service shows it.")
        }
        if case .signature(_, let scheme, _) = source.verification,
            let wrong = source.secrets.first(where: { !scheme.accepts($0) })
        {
            value["secrets"]?.report(
                "A secret of \(wrong.utf8.count) bytes cannot check signatures.",
                fix: "Copy it as the service shows it.")
        }
        sources.webhooks.append(source)
        sources.rules.append(
            SourceRules(
                name: name, kind: Kind.webhook.rawValue, offReason: source.offReason,
                service: blueprint.name, title: blueprint.title,
                effects: effects(value["effects"], trusted: source.trusted)))
    }

    // MARK: Effects

    private func effects(
        _ value: ConfigurationValue?, trusted: Bool
    ) -> [String: [Effect]] {
        guard let value else { return [:] }
        if !trusted {
            value.report(
                "A source that is not trusted has no effects.", fix: "Add \"trusted\": true.")
        }
        var effects: [String: [Effect]] = [:]
        for (name, value) in value.members("\"effects\"") {
            let list =
                value.json.kind == .array ? value.elements("An effect") : [value]
            if effects[folded(name)] != nil {
                value.report(
                    "\"\(name)\" stands here already, in another spelling.",
                    fix: "Write its effects as one list.")
            }
            effects[folded(name)] = list.map(effect)
        }
        return effects
    }

    private func effect(_ value: ConfigurationValue) -> Effect {
        value.refuseUnknownKeys(
            ["suppress", "lift", "deny", "grant", "identify", "when"], in: "An effect")
        var effect = Effect()
        effect.suppress = value["suppress"]?.string("\"suppress\"")
        effect.lift = value["lift"]?.strings("\"lift\"") ?? []
        effect.deny = categories(value["deny"], "\"deny\"")
        effect.grant = categories(value["grant"], "\"grant\"")
        effect.teachesIdentity = value["identify"]?.bool("\"identify\"") ?? false
        effect.condition = value["when"].flatMap { Condition($0) }
        if effect.words.isEmpty {
            value.report(
                "The effect changes nothing.",
                fix: "Write \"suppress\", \"lift\", \"deny\", \"grant\" or \"identify\".")
        }
        return effect
    }

    private func categories(_ value: ConfigurationValue?, _ what: String) -> [String] {
        (value?.strings(what) ?? []).map { codes[$0] ?? $0 }
    }
}
