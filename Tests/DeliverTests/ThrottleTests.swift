import Events
import Testing

@testable import Deliver

@Suite struct `The rate of a destination that answered 429` {
    private let start = Timestamp(milliseconds: 1_780_740_000_000)

    private func after(_ seconds: Double) -> Timestamp {
        start + .milliseconds(Int(seconds * 1_000))
    }

    @Test func `halves with each refusal, and is never below one a second`() {
        var throttle = Throttle(perSecond: 10, now: start)
        var rates: [Double] = []
        for second in 1...5 {
            throttle.refused(now: after(Double(second)))
            rates.append(throttle.perSecond)
        }
        #expect(rates == [5, 2.5, 1.25, 1, 1])
        #expect(Throttle(perSecond: 0, now: start).perSecond == 1)
    }

    @Test func `changes once a second, so that what was in flight counts once`() {
        var throttle = Throttle(perSecond: 100, now: start)
        throttle.refused(now: after(0.999))
        #expect(throttle.perSecond == 100)
        throttle.refused(now: after(1))
        throttle.refused(now: after(1.5))
        throttle.succeeded(now: after(1.999))
        #expect(throttle.perSecond == 50)
        throttle.succeeded(now: after(2))
        #expect(abs(throttle.perSecond - 52.6) < 0.001)
    }

    @Test func `lets through no more than it says`() {
        var throttle = Throttle(perSecond: 20, now: start)
        let started = (0..<2_000).count {
            throttle.bucket.take(now: start + .milliseconds($0))
        }
        // Two at once, then twenty a second.
        #expect(started == 2 + 39)
    }

    // MARK: In the pace of a destination

    /// Starts as many as may start, up to a thousand; gives how many.
    private func startAll(_ pace: inout Pace, at now: Timestamp) -> Int {
        var count = 0
        while count < 1_000, pace.start(now: now) { count += 1 }
        return count
    }

    @Test func `is at first half of what was started in the second before`() {
        var pace = Pace(perSecond: nil, now: start)
        for number in 0..<40 {
            #expect(pace.start(now: after(Double(number) * 0.02)) == true)
        }
        pace.slowDown(active: 0, now: after(0.9))
        #expect(pace.throttle?.perSecond == 20)
    }

    @Test func `is at first half of what is in flight, when that is more`() {
        var pace = Pace(perSecond: nil, now: start)
        for _ in 0..<30 { #expect(pace.start(now: start) == true) }
        pace.slowDown(active: 30, now: after(10))
        #expect(pace.throttle?.perSecond == 15)
    }

    @Test func `holds deliveries back, and says when the next may start`() {
        var pace = Pace(perSecond: nil, now: start)
        for _ in 0..<20 { #expect(pace.start(now: start) == true) }
        pace.slowDown(active: 20, now: after(1))
        // One at once, then ten a second.
        #expect(startAll(&pace, at: after(1)) == 1)
        #expect(pace.nextStart(now: after(1)) == after(1.1))
        #expect(startAll(&pace, at: after(1.1)) == 1)
    }

    @Test func `takes no token of one limit when the other has none`() {
        var pace = Pace(perSecond: 3, now: start)
        pace.throttle = Throttle(perSecond: 2, now: start)
        // The throttle's only token goes, with one of the limit's.
        #expect(startAll(&pace, at: start) == 1)
        // The limit has one after a third of a second, and keeps it until the throttle has one.
        for step in 1...9 { #expect(startAll(&pace, at: after(Double(step) / 20)) == 0) }
        #expect(startAll(&pace, at: after(0.5)) == 1)
    }

    @Test func `grows with success until it is no limit any more`() {
        var pace = Pace(perSecond: nil, now: start)
        pace.throttle = Throttle(perSecond: 4_700, now: start)
        pace.speedUp(limit: 1_000, now: after(1))
        #expect(pace.throttle.map { $0.perSecond > 4_900 } == true)
        pace.speedUp(limit: 1_000, now: after(2))
        #expect(pace.throttle == nil)
    }

    @Test func `is halved again from where it is`() {
        var pace = Pace(perSecond: nil, now: start)
        pace.throttle = Throttle(perSecond: 8, now: start)
        pace.slowDown(active: 0, now: after(1))
        #expect(pace.throttle?.perSecond == 4)
    }
}
