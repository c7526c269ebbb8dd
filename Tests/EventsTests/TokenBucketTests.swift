import Events
import Testing

@Suite struct `A token bucket` {
    private let start = Timestamp(milliseconds: 1_780_740_000_000)

    /// Takes until nothing is left; gives how many there were.
    private func drain(_ bucket: inout TokenBucket, at now: Timestamp) -> Int {
        var count = 0
        while count < 1_000, bucket.take(now: now) { count += 1 }
        return count
    }

    @Test func `begins with a tenth of a second's tokens`() {
        var bucket = TokenBucket(perSecond: 50, now: start)
        #expect(drain(&bucket, at: start) == 5)
    }

    @Test func `lets one through at once, however slow it is`() {
        var bucket = TokenBucket(perSecond: 0.5, now: start)
        #expect(drain(&bucket, at: start) == 1)
        #expect(bucket.nextToken(now: start).since(start) == .seconds(2))
    }

    @Test func `fills at its rate, and never above its burst`() {
        var bucket = TokenBucket(perSecond: 50, now: start)
        _ = drain(&bucket, at: start)
        #expect(drain(&bucket, at: start + .milliseconds(19)) == 0)
        #expect(drain(&bucket, at: start + .milliseconds(20)) == 1)
        #expect(drain(&bucket, at: start + .hours(1)) == 5)
    }

    @Test func `keeps the part of a token that a refused caller waited for`() {
        var bucket = TokenBucket(perSecond: 10, now: start)
        _ = drain(&bucket, at: start)
        for step in 1..<10 {
            #expect(drain(&bucket, at: start + .milliseconds(10 * step)) == 0, "\(10 * step) ms")
        }
        // A millisecond more, for what rounding loses.
        #expect(drain(&bucket, at: start + .milliseconds(101)) == 1)
    }

    @Test(arguments: [0.3, 3, 7, 50, 999])
    func `has a token at the moment it names, and none before`(perSecond: Double) {
        var bucket = TokenBucket(perSecond: perSecond, now: start)
        _ = drain(&bucket, at: start)
        let next = bucket.nextToken(now: start)
        var early = bucket
        #expect(drain(&early, at: next + .milliseconds(-1)) == 0)
        #expect(drain(&bucket, at: next) == 1)
        #expect(bucket.perSecond == perSecond)
    }

    @Test func `names now when it has a token`() {
        #expect(TokenBucket(perSecond: 50, now: start).nextToken(now: start) == start)
    }

    @Test func `neither gains nor loses when the clock goes back`() {
        var bucket = TokenBucket(perSecond: 10, now: start)
        _ = drain(&bucket, at: start)
        let back = start + .hours(-1)
        #expect(drain(&bucket, at: back) == 0)
        // It goes on from the earlier moment, at its rate.
        #expect(drain(&bucket, at: back + .milliseconds(99)) == 0)
        #expect(drain(&bucket, at: back + .milliseconds(100)) == 1)
    }

    @Test func `lets as many through in a second as it was told to`() {
        var bucket = TokenBucket(perSecond: 50, now: start)
        _ = drain(&bucket, at: start)
        let count = (1...1_000).count { bucket.take(now: start + .milliseconds($0)) }
        #expect(count == 50)
    }
}
