import Events
import Request
import SluiceTesting
import Testing

/// Answers as a list says, and keeps what was sent.
private final class Script: Transport {
    let sent = Locked<[OutgoingRequest]>([])
    private let answers: Locked<[TransportResult]>
    /// Completions that wait to be called.
    let waiting = Locked<[@Sendable () -> Void]>([])
    let isHeld: Bool

    init(_ answers: [TransportResult], isHeld: Bool = false) {
        self.answers = Locked(answers)
        self.isHeld = isHeld
    }

    func send(
        _ request: OutgoingRequest, completion: @escaping @Sendable (TransportResult) -> Void
    ) {
        sent.withLock { $0.append(request) }
        let answer = answers.withLock { $0.removeFirst() }
        if isHeld {
            waiting.withLock { $0.append { completion(answer) } }
        } else {
            completion(answer)
        }
    }
}

@Suite struct `A request that needs an access token` {
    private let clock = ManualClock()

    private func keeper(_ script: Script) -> TokenKeeper {
        TokenKeeper(script, clock: clock.world)
    }

    private let request: OutgoingRequest = {
        var request = OutgoingRequest(
            method: "POST", url: "https://a/event",
            headers: ["Authorization: Bearer {access_token}"],
            body: [])
        request.token = TokenNeed(
            key: "d access",
            request: OutgoingRequest(method: "POST", url: "https://a/token", headers: [], body: []),
            tokenKey: "access_token", expiresKey: "expires_in", lifetime: .hours(1))
        return request
    }()

    private func answer(_ status: Int, _ body: String = "") -> TransportResult {
        .answer(.init(status: status, body: Array(body.utf8)))
    }

    private func token(_ text: String, expires: Int = 3_600) -> TransportResult {
        answer(200, "{\"access_token\":\"\(text)\",\"expires_in\":\(expires)}")
    }

    private func send(_ keeper: TokenKeeper) -> TransportResult? {
        let result = Locked<TransportResult?>(nil)
        keeper.send(request) { end in result.withLock { $0 = end } }
        return result.withLock { $0 }
    }

    @Test func `asks once and keeps the token until shortly before it ends`() {
        let script = Script([
            token("one-1"), answer(200), answer(200), token("two-2"), answer(200),
        ])
        let keeper = keeper(script)
        #expect(send(keeper)?.status == 200 && send(keeper)?.status == 200)
        clock.advance(by: .milliseconds(3_571_000))
        #expect(send(keeper)?.status == 200)
        let headers = script.sent.withLock { $0.map(\.headers.first) }
        #expect(
            headers == [
                nil, "Authorization: Bearer one-1", "Authorization: Bearer one-1", nil,
                "Authorization: Bearer two-2",
            ])
    }

    @Test func `takes no harm from a token that would never end`() {
        let script = Script([token("one-1", expires: .max), answer(200)])
        #expect(send(keeper(script))?.status == 200)
    }

    @Test func `is sent once, and says so when a kept token is no longer taken`() {
        let script = Script([
            token("one-1"), answer(200), answer(401), token("two-2"), answer(200),
        ])
        let keeper = keeper(script)
        #expect(send(keeper)?.status == 200)
        let end = send(keeper)
        #expect(end == .failure(.init(.tokenEnded, at: "", maybeSent: false)))
        #expect(script.sent.withLock { $0.count } == 3, "nothing is sent again in secret")
        #expect(send(keeper)?.status == 200)
        #expect(
            script.sent.withLock { $0.last?.headers.first } == "Authorization: Bearer two-2")
    }

    @Test func `is refused when not even a new token is taken`() {
        let script = Script([token("one-1"), answer(401, "bad one-1")])
        #expect(send(keeper(script)) == answer(401, "bad ***"))
        #expect(script.sent.withLock { $0.count } == 2)
    }

    @Test func `ends as the request for the token ended, and was not sent itself`() {
        for (end, status) in [
            (answer(401, "no"), 401), (answer(200, "{}"), 401), (answer(503), 503),
        ] {
            let script = Script([end])
            #expect(send(keeper(script))?.status == status)
            #expect(script.sent.withLock { $0.count } == 1)
        }
        let broken = Script([
            .failure(.init(kind: .timeout, message: "too slow", maybeSent: true))
        ])
        guard case .failure(let failure)? = send(keeper(broken)) else {
            Issue.record("an answer came from nowhere")
            return
        }
        #expect(!failure.maybeSent && failure.message.contains("access token"))
    }

    @Test func `shares one question with all that wait for its answer`() {
        let script = Script([token("one-1"), answer(200), answer(200), answer(200)], isHeld: true)
        let keeper = keeper(script)
        for _ in 1...3 { keeper.send(request) { _ in } }
        #expect(script.sent.withLock { $0.count } == 1)
        script.waiting.withLock { $0 }.first?()
        #expect(script.sent.withLock { $0.map(\.url) }.suffix(3).allSatisfy { $0 == request.url })
        #expect(script.sent.withLock { $0.count } == 4)
    }
}

extension TransportResult {
    fileprivate var status: Int? {
        if case .answer(let answer) = self { answer.status } else { nil }
    }
}
