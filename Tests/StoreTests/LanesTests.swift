import Events
import SluiceTesting
import Testing

@testable import Store

@Suite struct `Lanes in memory` {
    private let lane = LaneKey(number: 7)
    private let now = Timestamp(milliseconds: 5)
    private let lanes = Lanes()

    private func add(_ event: Int64, _ phase: Lanes.Phase, to lane: LaneKey? = nil) {
        lanes.add(EventID(number: event), to: lane ?? self.lane, of: 1) { _ in phase }
    }

    private func take(upTo limit: Int = 10) -> [Int64] {
        lanes.takeReady(of: 1, upTo: limit).map(\.number)
    }

    @Test func `start the next when the head has left, and never two`() {
        add(1, .started)
        add(2, .behind)
        add(3, .behind)
        #expect(lanes.promoteNext(in: lane, of: 1, at: now) == nil, "the head is under way")
        lanes.remove(EventID(number: 1), from: lane, of: 1)
        #expect(lanes.promoteNext(in: lane, of: 1, at: now)?.event.number == 2)
        #expect(lanes.promoteNext(in: lane, of: 1, at: now) == nil)
        #expect(lanes.occupancy(of: lane, of: 2) == .free && lanes.count(1) == 2)
    }

    @Test func `let the rest pass one that has held them too long`() {
        add(1, .started)
        add(2, .behind)
        lanes.pass(EventID(number: 1), in: lane, of: 1)
        let next = lanes.promoteNext(in: lane, of: 1, at: now)
        #expect(next?.event.number == 2 && next?.isBehindPassed == true)
        lanes.remove(EventID(number: 2), from: lane, of: 1)
        #expect(lanes.occupancy(of: lane, of: 1) == .passed)
        lanes.remove(EventID(number: 1), from: lane, of: 1)
        #expect(lanes.occupancy(of: lane, of: 1) == .free && lanes.count(1) == 0)
    }

    @Test func `take an older one, sent again, before the younger that wait`() {
        add(5, .started)
        add(6, .behind)
        add(2, .behind)
        lanes.remove(EventID(number: 5), from: lane, of: 1)
        #expect(lanes.promoteNext(in: lane, of: 1, at: now)?.event.number == 2)
    }

    @Test func `give those that are ready in the order in which they became so, once each`() {
        add(3, .ready)
        add(4, .behind)
        add(1, .ready, to: LaneKey(number: 8))
        #expect(take(upTo: 1) == [3])
        lanes.remove(EventID(number: 3), from: lane, of: 1)
        _ = lanes.promoteNext(in: lane, of: 1, at: now)
        #expect(take() == [1, 4] && take().isEmpty && !lanes.hasReady(1))
        // One that was not sent comes back, and one that has ended does not.
        lanes.makeReady(EventID(number: 1), in: LaneKey(number: 8), of: 1)
        lanes.makeReady(EventID(number: 4), in: lane, of: 1)
        lanes.remove(EventID(number: 1), from: LaneKey(number: 8), of: 1)
        #expect(take() == [4])
    }

    @Test func `give the oldest when one has to be tried`() {
        add(7, .ready)
        add(5, .ready, to: LaneKey(number: 8))
        #expect(lanes.takeOldestReady(of: 1, before: EventID(number: 5)) == nil)
        #expect(lanes.takeOldestReady(of: 1, before: nil)?.number == 5)
        #expect(lanes.hasReady(1))
        #expect(lanes.takeOldestReady(of: 1, before: EventID(number: 9))?.number == 7)
        #expect(!lanes.hasReady(1), "or a claim would be asked for again and again")
        #expect(lanes.takeOldestReady(of: 1, before: nil) == nil && take().isEmpty)
    }

    @Test func `say which heads people cannot see yet to be ready`() {
        add(1, .started)
        add(2, .behind)
        lanes.remove(EventID(number: 1), from: lane, of: 1)
        _ = lanes.promoteNext(in: lane, of: 1, at: now)
        let young = Timestamp(milliseconds: 4)...Timestamp(milliseconds: 6)
        #expect(lanes.takePromoted(except: young, upTo: 10).isEmpty, "it was a moment ago")
        lanes.keep()
        #expect(lanes.takePromoted(except: nil, upTo: 10) == [1: [EventID(number: 2)]])
        lanes.undo()
        #expect(
            lanes.takePromoted(except: nil, upTo: 10) == [1: [EventID(number: 2)]],
            "nothing was written")
        lanes.undo()
        _ = take()
        #expect(lanes.takePromoted(except: nil, upTo: 10).isEmpty, "an open attempt says more")
    }

    @Test func `are shown as ready though the clock has gone back since`() {
        add(1, .started)
        add(2, .behind)
        lanes.remove(EventID(number: 1), from: lane, of: 1)
        _ = lanes.promoteNext(in: lane, of: 1, at: now)
        let young = Timestamp(milliseconds: 1)...Timestamp(milliseconds: 3)
        #expect(lanes.takePromoted(except: young, upTo: 10) == [1: [EventID(number: 2)]])
    }

    @Test func `are what they were when a transaction fails`() {
        var random = Seeded(state: 7)
        var open: [Int64] = []
        for step in 1...2_000 {
            let before = description
            let wasOpen = open
            for change in 0..<Int.random(in: 1...4, using: &random) {
                let event = Int64(step * 10 + change)
                switch Int.random(in: 0..<5, using: &random) {
                case 0, 1:
                    add(event, lanes.occupancy(of: lane, of: 1) != .taken ? .ready : .behind)
                    open.append(event)
                case 2: _ = lanes.takeReady(of: 1, upTo: 1)
                case 3:
                    guard let gone = open.randomElement(using: &random) else { continue }
                    lanes.remove(EventID(number: gone), from: lane, of: 1)
                    open.removeAll { $0 == gone }
                default:
                    guard let slow = open.first else { continue }
                    lanes.pass(EventID(number: slow), in: lane, of: 1)
                }
                _ = lanes.promoteNext(in: lane, of: 1, at: now)
            }
            if Bool.random(using: &random) {
                lanes.undo()
                open = wasOpen
                #expect(description == before)
                // Whoever was ready has a turn.
                let ready = lanes.places(in: lane, of: 1).filter { $0.phase == .ready }.map(\.event)
                #expect(Set(take(upTo: .max)) == Set(ready))
                lanes.undo()
            } else {
                lanes.keep()
            }
            #expect(lanes.count(1) == open.count)
        }
    }

    private var description: String { lanes.places(in: lane, of: 1).map { "\($0)" }.joined() }
}
