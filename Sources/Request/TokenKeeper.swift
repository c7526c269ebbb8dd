package import Events
import JSON

/// Sends requests that need an access token with one: asks for it when there is none, and keeps it
/// in memory until shortly before it ends, or until an answer is 401.
///
/// A request is sent once. When a kept token is not taken, the attempt ends so, and the next one
/// asks for a new token.
package final class TokenKeeper: Transport {
    private struct Token {
        var text: String
        /// In steady time.
        var until: Timestamp
    }
    private typealias Waiter = @Sendable (Result<Ready, Refusal>) -> Void
    /// A token to send with; `isKept` when it was asked for by a request before.
    private struct Ready {
        let token: String
        let isKept: Bool
    }
    private struct Refusal: Error { let result: TransportResult }
    private struct State {
        var tokens: [String: Token] = [:]
        /// Requests that wait for a token that was asked for.
        var waiters: [String: [Waiter]] = [:]
    }
    private let state = Locked(State())
    private let transport: any Transport
    private let clock: WorldClock

    /// The time before its end in which a token is no longer used.
    private static let margin = Duration.seconds(30)
    /// True for the characters that may stand in a header's token.
    private static func isVisible(_ byte: UInt8) -> Bool {
        byte > UInt8(ascii: " ") && byte <= UInt8(ascii: "~")
    }
    /// The longest time a token is kept, whatever the answer says.
    private static let longestLifetime = Duration.days(365)

    package init(_ transport: any Transport, clock: WorldClock) {
        self.transport = transport
        self.clock = clock
    }

    /// Sends a request, with its access token when it needs one.
    package func send(
        _ request: OutgoingRequest, completion: @escaping @Sendable (TransportResult) -> Void
    ) {
        guard let need = request.token else {
            transport.send(request, completion: completion)
            return
        }
        withToken(need) { [self] ready in
            switch ready {
            case .failure(let refusal): completion(refusal.result)
            case .success(let ready): send(request, with: ready, for: need, completion: completion)
            }
        }
    }

    private func send(
        _ request: OutgoingRequest, with ready: Ready, for need: TokenNeed,
        completion: @escaping @Sendable (TransportResult) -> Void
    ) {
        var request = request
        request.headers = request.headers.map {
            $0.replacing(TokenNeed.placeholder, with: ready.token)
        }
        transport.send(request) { [self] result in
            guard case .answer(let answer) = result, answer.status == 401 else {
                completion(result.masking(ready.token))
                return
            }
            forget(ready.token, of: need)
            completion(
                ready.isKept
                    ? .failure(.init(.tokenEnded, at: "", maybeSent: false))
                    : result.masking(ready.token))
        }
    }

    /// Calls `body` with a token: at once with one that is kept, else when the answer is there.
    private func withToken(_ need: TokenNeed, _ body: @escaping Waiter) {
        let now = clock.steady()
        let (known, mustAsk) = state.withLock { state -> (String?, Bool) in
            if let token = state.tokens[need.key], token.until > now { return (token.text, false) }
            state.waiters[need.key, default: []].append(body)
            return (nil, state.waiters[need.key]?.count == 1)
        }
        if let known { body(.success(Ready(token: known, isKept: true))) }
        guard mustAsk else { return }
        transport.send(need.request) { [self] result in answered(result, to: need) }
    }

    /// Keeps the token of an answer and passes it on to all that wait for it.
    private func answered(_ result: TransportResult, to need: TokenNeed) {
        let token = token(in: result, for: need)
        let waiters = state.withLock { state in
            if case .success(let token) = token { state.tokens[need.key] = token }
            return state.waiters.removeValue(forKey: need.key) ?? []
        }
        for waiter in waiters { waiter(token.map { Ready(token: $0.text, isKept: false) }) }
    }

    private func token(
        in result: TransportResult, for need: TokenNeed
    ) -> Result<Token, Refusal> {
        switch result {
        case .failure(var failure):
            failure.message = "Asking for an access token: \(failure.message)"
            // The event itself has not been sent.
            failure.maybeSent = false
            return .failure(Refusal(result: .failure(failure)))
        case .answer(var answer):
            let root = try? JSONReader.read(answer.body).root
            if (200..<300).contains(answer.status),
                let text = root?[JSONKey(need.tokenKey)]?.string,
                !text.isEmpty, text.utf8.allSatisfy(Self.isVisible)
            {
                let said = root?[JSONKey(need.expiresKey)]?.integer.map { Duration.seconds($0) }
                let lifetime = min(max(.zero, said ?? need.lifetime), Self.longestLifetime)
                let until = clock.steady() + (lifetime - Self.margin)
                return .success(Token(text: text, until: until))
            }
            answer.note = "This is the answer to the request for an access token."
            let isSuccess = (200..<300).contains(answer.status)
            if isSuccess {
                answer.body = []
                answer.note = "The answer to the request for an access token has no token."
            }
            // Without a token no event can be sent: that is the set-up's fault, not the event's.
            let mayPass = [408, 425, 429].contains(answer.status) || answer.status >= 500
            if isSuccess || !mayPass {
                answer.note = (answer.note ?? "") + " It was \(answer.status)."
                answer.status = 401
            }
            return .failure(Refusal(result: .answer(answer)))
        }
    }

    private func forget(_ token: String, of need: TokenNeed) {
        state.withLock { state in
            if state.tokens[need.key]?.text == token { state.tokens[need.key] = nil }
        }
    }
}

extension TransportResult {
    /// The same result without the token, should the answer repeat it.
    fileprivate func masking(_ token: String) -> TransportResult {
        guard case .answer(var answer) = self, token.utf8.count >= 4 else { return self }
        let text = String(decoding: answer.body, as: UTF8.self)
        if text.contains(token) { answer.body = Array(text.replacing(token, with: "***").utf8) }
        return .answer(answer)
    }
}
