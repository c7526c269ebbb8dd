import Events
import JSON

/// Reads what a request is made of besides the event: address, headers, signature, token.
struct RequestDecoder {
    let parameters: [Blueprint.Parameter]
    let mappings: MappingDecoder

    /// Names in templates that are no parameters.
    static let reserved = [
        Blueprint.Request.eventName, "event_id", "timestamp", "signature", "access_token", "body",
    ]

    func request(
        _ name: String, _ value: ConfigurationValue, tokens: [String: Blueprint.TokenRequest],
        answers: [AnswerRule]
    ) -> Blueprint.Request {
        value.refuseUnknownKeys(
            [
                "method", "url", "encoding", "headers", "sign", "token", "require", "reduces",
                "answers", "mappings", "description",
            ], in: "A request")
        if value["url"] == nil {
            value.report("The request \"\(name)\" has no \"url\".", fix: "Add \"url\".")
        }
        let signing = value["sign"].flatMap(readSigning)
        let token = value["token"].flatMap { named($0, among: tokens) }
        let encoding = readEncoding(value["encoding"])
        let own = value["mappings"].map(mappings.mappings) ?? []
        if encoding == .form { refuseNestedSecrets(own, at: value) }
        var allowed = ["event_id", "timestamp"]
        if signing != nil { allowed.append("signature") }
        if token != nil { allowed.append("access_token") }
        return Blueprint.Request(
            name: name, method: method(value["method"]),
            url: template(value["url"], "\"url\"", and: [Blueprint.Request.eventName]),
            encoding: encoding, headers: headers(value["headers"], and: allowed),
            signing: signing, token: token, require: requirement(value["require"]),
            reduces: value["reduces"]?.bool("\"reduces\"") ?? false, answers: answers,
            mappings: own)
    }

    private func method(_ value: ConfigurationValue?) -> String {
        guard let value, let text = value.string("\"method\"") else { return "POST" }
        let known = ["POST", "PUT", "PATCH", "DELETE"]
        if !known.contains(text) {
            value.report(
                "The method cannot be \"\(text)\".", fix: suggestion(for: text, among: known))
        }
        return text
    }

    private func readEncoding(_ value: ConfigurationValue?) -> MappedRequest.Encoding {
        value?.word("\"encoding\"", as: MappedRequest.Encoding.self) ?? .json
    }

    /// In a form only whole fields can hide a secret.
    private func refuseNestedSecrets(_ mappings: [Mapping], at value: ConfigurationValue) {
        let secret = Set(parameters.filter(\.isSecret).map(\.name))
        for mapping in mappings where mapping.target.contains(".") {
            guard case .parameter(let name) = mapping.rule.origin, secret.contains(name) else {
                continue
            }
            value.report(
                "The secret at \"\(mapping.target)\" would stand inside a form's field.",
                fix: "Map it to a field of its own.")
        }
    }

    private func template(
        _ value: ConfigurationValue?, _ what: String, and others: [String]
    ) -> TextTemplate {
        let template = TextTemplate(value?.string(what) ?? "")
        let known = parameters.map(\.name) + others
        for name in template.names where !known.contains(name) {
            value?.report(
                "There is no parameter \"\(name)\".", fix: suggestion(for: name, among: known))
        }
        return template
    }

    private func headers(
        _ value: ConfigurationValue?, and others: [String]
    ) -> [Blueprint.Header] {
        (value?.members("\"headers\"") ?? []).compactMap { name, value in
            let isName = !name.isEmpty && name.utf8.allSatisfy(Self.isTokenCharacter)
            if !isName || ["content-length", "host", "connection"].contains(name.lowercased()) {
                value.report(
                    "\"\(name)\" cannot be set as a header.", fix: "Use another header's name.")
                return nil
            }
            return Blueprint.Header(
                name: name, value: template(value, "A header", and: others))
        }
    }

    /// RFC 9110, 5.6.2.
    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: Array("!#$%&'*+-.^_`|~".utf8).contains(byte)
        }
    }

    private func readSigning(_ value: ConfigurationValue) -> Blueprint.Signing? {
        value.refuseUnknownKeys(SignatureScheme.keys + ["parameter"], in: "\"sign\"")
        guard let parameter = value["parameter"], let name = parameter.string("\"parameter\"")
        else {
            value.report(
                "\"sign\" does not say which parameter holds the secret.",
                fix: "Add \"parameter\": \"signing_secret\".")
            return nil
        }
        let secrets = parameters.filter { $0.isSecret && !$0.isPerEvent }.map(\.name)
        if !secrets.contains(name) {
            parameter.report(
                "There is no secret parameter \"\(name)\".",
                fix: suggestion(for: name, among: secrets))
        }
        let known = ["body", "timestamp", "event_id"]
        return Blueprint.Signing(
            parameter: name, scheme: SignatureScheme(value) { known.contains($0) })
    }

    // MARK: Tokens

    func tokens(_ value: ConfigurationValue?) -> [String: Blueprint.TokenRequest] {
        var result: [String: Blueprint.TokenRequest] = [:]
        for (name, value) in value?.members("\"tokens\"") ?? [] {
            result[name] = tokenRequest(name, value)
        }
        return result
    }

    private func tokenRequest(
        _ name: String, _ value: ConfigurationValue
    ) -> Blueprint.TokenRequest? {
        value.refuseUnknownKeys(
            ["url", "encoding", "mappings", "token", "expires_in", "lifetime", "description"],
            in: "A token")
        let own = value["mappings"].map(mappings.mappings) ?? []
        for mapping in own where !mapping.rule.paths.isEmpty {
            value.report(
                "\"\(mapping.target)\" reads the event; a token is for all events.",
                fix: "Use \"value\" and \"parameter\" only.")
        }
        let encoding = readEncoding(value["encoding"])
        if encoding == .form { refuseNestedSecrets(own, at: value) }
        guard let tree = try? RequestTree(own) else {
            value.report("The mappings do not fit beside each other.", fix: "Map a target once.")
            return nil
        }
        return Blueprint.TokenRequest(
            name: name, url: template(value["url"] ?? value, "\"url\"", and: []),
            encoding: encoding,
            tokenKey: value["token"]?.string("\"token\"") ?? "access_token",
            expiresKey: value["expires_in"]?.string("\"expires_in\"") ?? "expires_in",
            lifetime: value["lifetime"]?.integer("\"lifetime\"", in: 1...31_536_000) ?? 3_600,
            mappings: own, tree: tree)
    }

    private func named(
        _ value: ConfigurationValue, among tokens: [String: Blueprint.TokenRequest]
    ) -> Blueprint.TokenRequest? {
        guard let name = value.string("\"token\"") else { return nil }
        if tokens[name] == nil {
            value.report(
                "There is no token \"\(name)\".",
                fix: suggestion(for: name, among: Array(tokens.keys)))
        }
        return tokens[name]
    }

    private func requirement(_ value: ConfigurationValue?) -> Requirement {
        // `{}` says on purpose that nobody has to be known.
        guard let value, value.json.kind != .object || !value.json.isEmpty else { return .nothing }
        value.refuseUnknownKeys(["any", "all"], in: "\"require\"")
        let any = value["any"]?.strings("\"any\"") ?? []
        let all = value["all"]?.strings("\"all\"") ?? []
        if !any.isEmpty, all.isEmpty { return .any(any) }
        if !all.isEmpty, any.isEmpty { return .all(all) }
        value.report(
            "\"require\" must name targets under one of \"any\" and \"all\".",
            fix: "Write {\"any\": [\"identity.id\", \"identity.email\"]}.")
        return .nothing
    }
}
