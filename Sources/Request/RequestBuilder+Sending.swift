package import Events
import Map

extension RequestBuilder {
    /// A request as it travels: method, address and body are the stored ones, so that what the log
    /// shows is what was sent; secrets, headers and signature follow the pipeline.
    package func outgoing(
        _ request: MappedRequest, for event: Event, at now: Timestamp
    ) -> OutgoingRequest {
        let shape = shape(of: request)
        var outgoing = plain(request, to: address(of: request, shape: shape))
        guard let template = shape?.request else { return outgoing }
        let body = outgoing.body
        for header in template.headers {
            let text = header.value.fill { name in
                .plain(value(of: name, in: template, event: event, body: body, at: now))
            }.text
            // A value must not end its header and begin another.
            let clean = text.filter { !$0.isNewline && $0 != "\0" }
            // An empty one, such as the signature without a secret, is left out.
            outgoing.headers.removeAll {
                $0.lowercased().hasPrefix(header.name.lowercased() + ":")
            }
            if !clean.isEmpty { outgoing.headers.append("\(header.name): \(clean)") }
        }
        outgoing.token = template.token.flatMap(tokenNeed)
        return outgoing
    }

    /// The address of a request, secrets in place.
    private func address(of request: MappedRequest, shape: Shape?) -> String {
        if let fixed = shape?.address, fixed.masked == request.url { return fixed.revealed }
        return reveal(request.url)
    }

    /// True when a stored request would go elsewhere now, or in another way: it was built by
    /// another state of the pipeline, and a corrected one has to help the deliveries that wait.
    ///
    /// A request that the blueprint no longer has is sent as it is stored.
    package func hasMoved(_ request: MappedRequest, for event: Event) -> Bool {
        guard let shape = shape(of: request) else { return false }
        if shape.request.method != request.method || shape.request.encoding != request.encoding {
            return true
        }
        if let fixed = shape.address { return fixed.masked != request.url }
        // An address names parameters and the event, nothing of the person.
        guard let plan = plan(for: event, of: .nobody) else { return false }
        return shape.request.address(for: plan.input) != request.url
    }

    private func reveal(_ url: MaskedText) -> String {
        String(decoding: url.revealed(secrets.plain), as: UTF8.self)
    }

    /// The text that stands for a name in a header.
    private func value(
        of name: String, in template: Blueprint.Request, event: Event, body: [UInt8],
        at now: Timestamp
    ) -> String {
        let seconds = String(now.milliseconds / 1000)
        switch name {
        case "event_id": return event.id.text
        case "timestamp": return seconds
        case "access_token": return TokenNeed.placeholder
        case "signature":
            guard let signing = template.signing,
                let message = signing.scheme.message(
                    body: body, { $0 == "event_id" ? event.id.text : seconds })
            else { return "" }
            let given = String(decoding: secrets.plain(signing.parameter), as: UTF8.self)
            return signing.scheme.sign(
                message, secrets: given.split(separator: " ").map(String.init))
        default:
            switch parameters.value(name, for: event) {
            case .plain(let text): return text
            case .secret(let key): return String(decoding: secrets.plain(key), as: UTF8.self)
            }
        }
    }

    private func tokenNeed(_ token: Blueprint.TokenRequest) -> TokenNeed? {
        guard let request = try? token.build(parameters) else { return nil }
        return TokenNeed(
            key: "\(destination) \(token.name)", request: plain(request, to: reveal(request.url)),
            tokenKey: token.tokenKey, expiresKey: token.expiresKey,
            lifetime: .seconds(token.lifetime))
    }

    /// The request with its secrets in place and the headers that every request has.
    private func plain(_ request: MappedRequest, to url: String) -> OutgoingRequest {
        let body = request.body.revealed { parameter in
            request.encoding == .json
                ? secrets.json(parameter)
                : Array(
                    percentEncoded(String(decoding: secrets.plain(parameter), as: UTF8.self)).utf8)
        }
        return OutgoingRequest(
            method: request.method, url: url, headers: Self.headers(request.encoding), body: body,
            options: options)
    }

    private static let jsonHeaders = makeHeaders(.json)
    private static let formHeaders = makeHeaders(.form)

    private static func headers(_ encoding: MappedRequest.Encoding) -> [String] {
        switch encoding {
        case .json: jsonHeaders
        case .form: formHeaders
        }
    }

    private static func makeHeaders(_ encoding: MappedRequest.Encoding) -> [String] {
        ["Content-Type: \(encoding.contentType)", "Accept: application/json"]
    }
}
