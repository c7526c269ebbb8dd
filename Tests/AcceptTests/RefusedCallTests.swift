import Accept
import Events
import Testing

@Suite struct `A refused call` {
    private func call(
        path: String = "/v1/track", agent: String? = nil, key: String? = nil
    ) -> RefusedCall {
        RefusedCall(
            source: nil, code: "unknown_key", at: Timestamp(milliseconds: 0), path: path,
            userAgent: agent, key: key)
    }

    @Test func `shows control characters instead of obeying them`() {
        let call = call(path: "/v1/\u{1B}[2J", agent: "a\r\nb\u{202E}c\u{0}")
        #expect(call.path == "/v1/\\u{1b}[2J")
        #expect(call.userAgent == "a\\u{d}\\u{a}b\\u{202e}c\\u{0}")
    }

    @Test func `keeps the beginning of what is long`() {
        let long = call(agent: String(repeating: "\u{1}", count: 100_000)).userAgent ?? ""
        #expect(long.count == RefusedCall.textLimit + 1 && long.hasSuffix("…"))
        let exact = String(repeating: "x", count: RefusedCall.textLimit)
        #expect(call(agent: exact).userAgent == exact)
    }

    @Test func `shows the last four characters of a key, unless that were half of it`() {
        #expect(call(key: "write-key").keyEnding == "-key")
        #expect(call(key: "1234567").keyEnding == nil)
        #expect(call(key: "\u{1B}\u{1B}\u{1B}\u{1B}12345\u{1B}").keyEnding == "345\\u{1b}")
        #expect(call().keyEnding == nil)
    }
}
