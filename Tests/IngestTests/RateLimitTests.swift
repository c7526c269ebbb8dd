import Events
import HTTPTypes
import SluiceTesting
import Testing

@testable import Ingest

@Suite struct `The rate limit of a source` {
    private let now = ManualClock().now

    @Test func `lets a tenth of a second's requests come at once, and the rest in time`() {
        let limits = RateLimits()
        func pause(_ moment: Timestamp) -> Duration? {
            limits.pause(for: "shop", perSecond: 20, at: moment)
        }
        #expect(pause(now) == nil && pause(now) == nil)
        #expect(pause(now) == .seconds(1), "whole seconds, at the least one")
        #expect(pause(now + .milliseconds(50)) == nil)
        #expect(pause(now + .milliseconds(50)) != nil)
    }

    @Test func `says as long as it takes until the next one may come`() {
        let limits = RateLimits()
        #expect(limits.pause(for: "slow", perSecond: 0.2, at: now) == nil)
        #expect(limits.pause(for: "slow", perSecond: 0.2, at: now) == .seconds(5))
        let later = now + .milliseconds(1_500)
        #expect(limits.pause(for: "slow", perSecond: 0.2, at: later) == .seconds(4))
    }

    @Test func `is each source's own, and none when none is set`() {
        let limits = RateLimits()
        #expect(limits.pause(for: "a", perSecond: 1, at: now) == nil)
        #expect(limits.pause(for: "b", perSecond: 1, at: now) == nil)
        #expect(limits.pause(for: "a", perSecond: 1, at: now) != nil)
        for _ in 0..<1_000 { #expect(limits.pause(for: "c", perSecond: nil, at: now) == nil) }
    }

    @Test func `is answered 429 with Retry-After`() throws {
        let limits = RateLimits()
        #expect(limits.refusal(of: "a", perSecond: 0.5, at: now) == nil)
        let answer = try #require(limits.refusal(of: "a", perSecond: 0.5, at: now))
        #expect(answer.status == .tooManyRequests)
        #expect(answer.headers.map { "\($0)" } == ["Retry-After: 2"])
    }
}
