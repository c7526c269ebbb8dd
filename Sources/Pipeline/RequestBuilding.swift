package import Deliver
package import Events
import Map

extension Pipeline: RequestBuilder {
    package func requests(
        for job: Job
    ) -> Result<(requests: [MappedRequest], revision: String), BuildFault> {
        guard let destination = self[job.id.destination] else {
            return .failure(BuildFault(reason: .dropped, detail: "the destination is gone"))
        }
        do {
            let requests = try destination.requests(for: job.event, job.identity)
            return .success((requests, destination.blueprint.revision))
        } catch {
            return .failure(BuildFault(reason: error.reason, detail: error.detail))
        }
    }

    package func outgoing(_ request: MappedRequest, to destination: String) -> OutgoingRequest {
        guard let target = self[destination] else {
            return OutgoingRequest(method: request.method, url: "", headers: [], body: [])
        }
        let url = target.url(of: request)
        return OutgoingRequest(
            method: request.method,
            url: String(decoding: url.revealed(target.secrets.plain), as: UTF8.self),
            headers: ["Content-Type: application/json", "Accept: application/json"],
            body: request.body.revealed(target.secrets.json), options: target.limits.options)
    }

    package func answerRules(_ request: MappedRequest, of destination: String) -> [AnswerRule] {
        self[destination]?.answerRules(for: request.name) ?? []
    }

    package func mask(_ text: String, for destination: String) -> String {
        self[destination]?.secrets.mask(text) ?? text
    }
}
