import Events
import Testing

@Suite struct `A token bucket` {
    private let start = Timestamp(milliseconds: 1_780_740_930_000)

    @Test func `lets a tenth of a second's worth through at once`() {
        var bucket = TokenBucket(perSecond: 50, now: start)
        for _ in 0..<5 { #expect(bucket.take(now: start) == true) }
        #expect(bucket.take(now: start) == false)
    }

    @Test func `lets one through at once, however slow it is`() {
        var bucket = TokenBucket(perSecond: 0.5, now: start)
        #expect(bucket.take(now: start) == true)
        #expect(bucket.take(now: start) == false)
    }

    @Test func `says from when the next one may pass, and keeps to it`() {
        var bucket = TokenBucket(perSecond: 3, now: start)
        #expect(bucket.nextToken(now: start) == start)
        #expect(bucket.take(now: start) == true)
        let next = bucket.nextToken(now: start)
        #expect(next == start + .milliseconds(334), "rounded up")
        #expect(bucket.take(now: next - .milliseconds(1)) == false)
        #expect(bucket.take(now: next) == true)
    }

    @Test func `fills no further than its burst`() {
        var bucket = TokenBucket(perSecond: 20, now: start)
        let later = start + .hours(1)
        for _ in 0..<2 { #expect(bucket.take(now: later) == true) }
        #expect(bucket.take(now: later) == false)
    }

    @Test func `loses and gains nothing when the clock goes back`() {
        var bucket = TokenBucket(perSecond: 10, now: start)
        #expect(bucket.take(now: start) == true)
        #expect(bucket.take(now: start - .hours(1)) == false)
        #expect(bucket.nextToken(now: start - .hours(1)) > start - .hours(1))
    }

    @Test func `comes to its rate over a longer time`() {
        var bucket = TokenBucket(perSecond: 8, now: start)
        var passed = 0
        for millisecond in 0..<10_000 where bucket.take(now: start + .milliseconds(millisecond)) {
            passed += 1
        }
        #expect((80...81).contains(passed), "\(passed) in ten seconds")
    }
}

@Suite struct `A span of time` {
    @Test func `is whole milliseconds, cut off towards zero`() {
        #expect(Duration.microseconds(1_999).milliseconds == 1)
        #expect(Duration.microseconds(-1_999).milliseconds == -1)
        #expect(Duration.minutes(2).milliseconds == 120_000)
        #expect(Duration.hours(1) == .minutes(60) && Duration.days(1) == .hours(24))
    }

    @Test func `leads from one moment to another, and back`() {
        let moment = Timestamp(milliseconds: 1_000)
        #expect((moment + .seconds(2)).milliseconds == 3_000)
        #expect(moment - .seconds(2) == Timestamp(milliseconds: -1_000))
        #expect(moment.since(Timestamp(milliseconds: 250)) == .milliseconds(750))
    }

    @Test func `does not lead beyond the last moment there is`() {
        let last = Timestamp(milliseconds: .max)
        #expect(last + .seconds(1) == last)
        #expect(Timestamp(milliseconds: .min) - .seconds(1) == Timestamp(milliseconds: .min))
    }
}
