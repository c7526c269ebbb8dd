import Events
import Request
import SluiceTesting
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

    // MARK: In the queue of a destination

    private func queue(perSecond: Double? = nil, jobs: Int = 1_000) throws -> DestinationQueue {
        var limits = DeliveryLimits()
        limits.perSecond = perSecond
        limits.inFlight = 1_000
        let queue = DestinationQueue(
            name: "vero", limits: limits, hold: nil, now: start, probe: 60)
        let event = try Fixtures.track(user: "1")
        for number in 1...jobs {
            let id = DeliveryID(event: EventID(number: Int64(number)), destination: "vero")
            queue.ready.append(
                Job(
                    id: id, run: 1, attempt: 1, tries: 0, step: 0,
                    event: event, identity: .nobody, content: Fixtures.oneRequest, revision: "r",
                    decidedAt: 0))
        }
        return queue
    }

    /// Starts what may be started; gives how many.
    private func startAll(_ queue: DestinationQueue, at now: Timestamp) -> Int {
        var count = 0
        while let job = queue.nextToStart(now: now) {
            queue.active.remove(job.id.event)
            count += 1
        }
        return count
    }

    @Test func `is at first half of what was started in the second before`() throws {
        let queue = try queue()
        for number in 0..<40 {
            let job = queue.nextToStart(now: after(Double(number) * 0.02))
            queue.active.remove(try #require(job).id.event)
        }
        queue.refused(now: after(0.9))
        #expect(queue.throttle?.perSecond == 20)
    }

    @Test func `is at first half of what is in flight, when that is more`() throws {
        let queue = try queue()
        for _ in 0..<30 { _ = queue.nextToStart(now: start) }
        queue.refused(now: after(10))
        #expect(queue.throttle?.perSecond == 15)
    }

    @Test func `holds deliveries back, and says when the next may start`() throws {
        let queue = try queue()
        for _ in 0..<20 { _ = queue.nextToStart(now: start) }
        queue.refused(now: after(1))
        // One at once, then ten a second.
        #expect(startAll(queue, at: after(1)) == 1)
        #expect(queue.nextWake(now: after(1)) == after(1.1))
        #expect(startAll(queue, at: after(1.1)) == 1)
    }

    @Test func `takes no token of one limit when the other has none`() throws {
        let queue = try queue(perSecond: 3)
        queue.throttle = Throttle(perSecond: 2, now: start)
        // The throttle's only token goes, with one of the limit's.
        #expect(startAll(queue, at: start) == 1)
        // The limit has one after a third of a second, and keeps it until the throttle has one.
        for step in 1...9 { #expect(startAll(queue, at: after(Double(step) / 20)) == 0) }
        #expect(startAll(queue, at: after(0.5)) == 1)
    }

    @Test func `grows with success until it is no limit any more`() throws {
        let queue = try queue()
        queue.throttle = Throttle(perSecond: 4_700, now: start)
        queue.succeeded(now: after(1))
        #expect(queue.throttle.map { $0.perSecond > 4_900 } == true)
        queue.succeeded(now: after(2))
        #expect(queue.throttle == nil)
    }

    @Test func `is halved again from where it is`() throws {
        let queue = try queue()
        queue.throttle = Throttle(perSecond: 8, now: start)
        queue.refused(now: after(1))
        #expect(queue.throttle?.perSecond == 4)
    }
}
