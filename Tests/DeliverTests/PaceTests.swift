import Events
import SluiceTesting
import Testing

@testable import Deliver

@Suite struct `The pace of a destination` {
    private let clock = ManualClock()

    /// Starts that are allowed within so many steps of a tenth of a second.
    private func starts(_ pace: inout Pace, tenths: Int) -> Int {
        var count = 0
        for _ in 0..<tenths {
            clock.advance(by: .milliseconds(100))
            while count < 10_000, pace.start(now: clock.now) { count += 1 }
        }
        return count
    }

    @Test func `has no limit unless one is set or learnt`() {
        var pace = Pace(perSecond: nil, now: clock.now)
        #expect(starts(&pace, tenths: 1) == 10_000 && pace.nextStart(now: clock.now) == nil)
    }

    @Test func `keeps to the rate that is set, and to another after a change`() {
        var pace = Pace(perSecond: 20, now: clock.now)
        #expect(starts(&pace, tenths: 10) == 20)
        pace.setRate(50, now: clock.now)
        #expect(starts(&pace, tenths: 10) == 50)
        pace.setRate(nil, now: clock.now)
        #expect(starts(&pace, tenths: 1) == 10_000)
    }

    @Test func `says when the next may start`() {
        var pace = Pace(perSecond: 10, now: clock.now)
        #expect(pace.start(now: clock.now) && !pace.start(now: clock.now))
        #expect(pace.nextStart(now: clock.now) == clock.now + Duration.milliseconds(100))
    }

    @Test func `halves with refusals, once a second, and never stands still`() {
        var pace = Pace(perSecond: nil, now: clock.now)
        pace.slowDown(active: 40, now: clock.now)
        pace.slowDown(active: 40, now: clock.now)
        #expect(starts(&pace, tenths: 10) == 20)
        for _ in 0..<10 {
            pace.slowDown(active: 0, now: clock.now)
            clock.advance(by: .milliseconds(1_000))
        }
        #expect(starts(&pace, tenths: 10) == 1)
    }

    @Test func `grows with success until it is free again`() {
        var pace = Pace(perSecond: nil, now: clock.now)
        pace.slowDown(active: 40, now: clock.now)
        for _ in 0..<30 {
            clock.advance(by: .milliseconds(1_000))
            pace.speedUp(limit: 64, now: clock.now)
        }
        let grown = starts(&pace, tenths: 10)
        #expect(grown > 60 && grown < 200, "\(grown)")
        for _ in 0..<100 {
            clock.advance(by: .milliseconds(1_000))
            pace.speedUp(limit: 64, now: clock.now)
        }
        #expect(pace.nextStart(now: clock.now) == nil)
    }

    @Test func `widens from one exchange to the limit after a rest`() {
        var pace = Pace(perSecond: nil, now: clock.now)
        #expect(pace.width(limit: 6) == 6)
        pace.beginSlowly()
        var widths: [Int] = []
        for _ in 0..<5 {
            widths.append(pace.width(limit: 6))
            pace.speedUp(limit: 6, now: clock.now)
        }
        #expect(widths == [1, 2, 4, 6, 6])
    }
}

@Suite struct `The spread of retries` {
    private func numbers(_ jitter: Jitter, _ count: Int = 1_000) -> [Double] {
        var jitter = jitter
        return (0..<count).map { _ in jitter.next() }
    }

    @Test func `is the same for the same seed and another for another`() {
        #expect(numbers(Jitter(seed: 1)) == numbers(Jitter(seed: 1)))
        #expect(numbers(Jitter(seed: 1)) != numbers(Jitter(seed: 2)))
    }

    @Test func `is even between nothing and one`() {
        let all = numbers(Jitter(seed: 7), 10_000)
        #expect(all.allSatisfy { (0..<1).contains($0) })
        for tenth in 0..<10 {
            let part = all.count { Int($0 * 10) == tenth }
            #expect((850...1_150).contains(part), "\(tenth): \(part)")
        }
    }

    @Test func `is nothing where none is wanted`() {
        #expect(Set(numbers(.none)) == [0.5])
    }
}

@Suite struct `Changes of consent` {
    private func job(_ user: String, decidedAt: Int64) throws -> Job {
        Job(
            id: DeliveryID(event: EventID(number: 1), destination: "vero"), run: 1, attempt: 1,
            tries: 0, step: 0, event: try Fixtures.track(user: user),
            identity: Identity(
                userID: user, email: nil, anonymousID: nil, emailState: .fine,
                lane: LaneKey(number: 1)), revision: "r", decidedAt: decidedAt)
    }

    @Test func `put a job out of date that was decided before, of that person alone`() throws {
        var changes = ConsentChanges()
        changes.hear([IdentityKey(.user, "1")], at: 7)
        #expect(changes.outdate(try job("1", decidedAt: 6)))
        #expect(!changes.outdate(try job("1", decidedAt: 7)))
        #expect(!changes.outdate(try job("2", decidedAt: 6)))
    }

    @Test func `are kept until urgent news have been reached in their place`() throws {
        var changes = ConsentChanges()
        changes.hearEarly([IdentityKey(.user, "1")], at: 7)
        changes.forget()
        #expect(changes.outdate(try job("1", decidedAt: 6)))
        changes.hear([IdentityKey(.user, "1")], at: 7)
        changes.forget()
        #expect(try changes.isEmpty && !changes.outdate(job("1", decidedAt: 6)))
    }
}
