package import Deliver
package import Events
import JSON
import Map

extension Pipeline: Targets {
    package func target(_ name: String) -> (any Target)? { self[name] }
}

extension Destination: Target {
    package func requests(
        for job: Job
    ) -> Result<(requests: [MappedRequest], revision: String), BuildFault> {
        do throws(MappingFault) {
            return .success((try requests(for: job.event, job.identity), blueprint.revision))
        } catch {
            return .failure(BuildFault(reason: error.reason, detail: error.detail))
        }
    }

    package func mask(_ text: String) -> String { secrets.mask(text) }
}

extension Destination {
    /// A request as it travels: the body is pinned; address, headers and signature follow the
    /// pipeline, so that a corrected one helps what is waiting.
    package func outgoing(
        _ request: MappedRequest, for event: Event, at now: Timestamp
    ) -> OutgoingRequest {
        let shape = shape(of: request)
        var outgoing = plain(request, at: address(of: request, shape, for: event))
        guard let template = shape?.request else { return outgoing }
        let body = outgoing.body
        for header in template.headers {
            let text = header.value.fill { name in
                .plain(value(name, template, event, body, now))
            }.text
            // A value must not end its header and begin another.
            let clean = text.filter { !$0.isNewline && $0 != "\0" }
            // An empty one, such as the signature without a secret, is left out.
            outgoing.headers.removeAll {
                $0.lowercased().hasPrefix(header.name.lowercased() + ":")
            }
            if !clean.isEmpty { outgoing.headers.append("\(header.name): \(clean)") }
        }
        outgoing.token = template.token.flatMap(need)
        return outgoing
    }

    /// What stands for a name in a header.
    private func value(
        _ name: String, _ template: Blueprint.Request, _ event: Event, _ body: [UInt8],
        _ now: Timestamp
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
        default: return text(of: name, for: event)
        }
    }

    private func need(_ token: Blueprint.TokenRequest) -> TokenNeed? {
        guard let request = try? token.build(parameters) else { return nil }
        return TokenNeed(
            key: "\(name) \(token.name)", request: plain(request, at: reveal(request.url)),
            tokenKey: token.tokenKey, expiresKey: token.expiresKey, lifetime: token.lifetime)
    }

    /// The request with its secrets in place and the headers that every request has.
    private func plain(_ request: MappedRequest, at url: String) -> OutgoingRequest {
        let body = request.body.revealed { parameter in
            request.encoding == .json
                ? secrets.json(parameter)
                : Array(
                    percentEncoded(String(decoding: secrets.plain(parameter), as: UTF8.self)).utf8)
        }
        return OutgoingRequest(
            method: request.method,
            url: url, headers: Self.headers(request.encoding), body: body, options: limits.options)
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
