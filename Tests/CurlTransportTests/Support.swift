import CurlTransport
import Events
import Request
import SluiceTesting
import Testing

func options(_ change: (inout TransportOptions) -> Void = { _ in }) -> TransportOptions {
    var options = TransportOptions()
    options.allowedNetworks = ["127.0.0.0/8"]
    options.totalTimeout = .milliseconds(400)
    change(&options)
    return options
}

func post(
    _ url: String, body: String = "{}", method: String = "POST",
    _ options: TransportOptions = options()
) async -> TransportResult {
    let transport = CurlTransport()
    defer { transport.close() }
    return await transport.exchange(
        OutgoingRequest(
            method: method, url: url, headers: ["Content-Type: application/json"],
            body: Array(body.utf8),
            options: options))
}

extension TransportResult {
    var answer: Answer? { if case .answer(let answer) = self { answer } else { nil } }
    var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
