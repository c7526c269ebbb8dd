import Deliver
import Events
import JSON
import Logging
import Request

/// Tells operators: a line in the log, and a POST to `alerts.url` when there is one.
///
/// A POST that fails is not repeated; the log and `sluice status` have the same words.
struct Alerts: Sendable {
    let url: String?
    /// The host that a destination's requests go to.
    let host: @Sendable (String) -> String?
    let options: TransportOptions
    let transport: any Transport
    let logger: Logger

    func callAsFunction(_ alert: Alert) {
        let line = printable(alert.line(host: alert.destination.flatMap(host)))
        logger.warning("\(line)")
        guard let url else { return }
        let request = OutgoingRequest(
            method: "POST", url: url,
            headers: ["Content-Type: application/json", "Accept: application/json"],
            body: JSONWriter.make { alert.write(to: &$0, message: line) }, options: options)
        transport.send(request) { [logger] result in
            switch result {
            case .answer(let answer) where (200..<300).contains(answer.status): break
            case .answer(let answer):
                logger.warning("The alert was not taken: \(answer.status)")
            case .failure(let failure):
                logger.warning("The alert could not be sent: \(failure.message)")
            }
        }
    }
}
