import Events
import SluiceTesting
import Testing

@testable import SQLiteStore

@Suite struct `Lanes in memory` {
    private let lane = LaneKey(number: 7)
    private let lanes: Lanes

    init() throws {
        let connection = try Connection(path: ":memory:", mode: .readWrite, busyTimeout: 0)
        try Schema.migrate(connection, key: [1])
        lanes = try Lanes(connection)
    }

    private func add(_ event: Int64, isStarted: Bool) {
        lanes.add(Lanes.Place(event: event, isStarted: isStarted), 1, lane)
    }

    @Test func `start the next when the head has left, and never two`() {
        add(1, isStarted: true)
        add(2, isStarted: false)
        add(3, isStarted: false)
        #expect(lanes.startNext(1, lane) == nil, "the head is under way")
        lanes.remove(EventID(number: 1), 1, lane)
        #expect(lanes.startNext(1, lane)?.event.number == 2)
        #expect(lanes.startNext(1, lane) == nil)
        #expect(lanes.occupancy(2, lane) == .free && lanes.count(1) == 2)
    }

    @Test func `let the rest pass one that has held them too long`() {
        add(1, isStarted: true)
        add(2, isStarted: false)
        lanes.pass(EventID(number: 1), 1, lane)
        let next = lanes.startNext(1, lane)
        #expect(next?.event.number == 2 && next?.isBehindPassed == true)
        lanes.remove(EventID(number: 2), 1, lane)
        #expect(lanes.occupancy(1, lane) == .passed)
        lanes.remove(EventID(number: 1), 1, lane)
        #expect(lanes.occupancy(1, lane) == .free && lanes.count(1) == 0)
    }

    @Test func `take an older one, sent again, before the younger that wait`() {
        add(5, isStarted: true)
        add(6, isStarted: false)
        add(2, isStarted: false)
        lanes.remove(EventID(number: 5), 1, lane)
        #expect(lanes.startNext(1, lane)?.event.number == 2)
    }

    @Test func `are what they were when a transaction fails`() {
        var random = Seeded(state: 7)
        var open: [Int64] = []
        for step in 1...2_000 {
            let before = description
            let wasOpen = open
            for change in 0..<Int.random(in: 1...4, using: &random) {
                let event = Int64(step * 10 + change)
                switch Int.random(in: 0..<4, using: &random) {
                case 0, 1:
                    add(event, isStarted: lanes.occupancy(1, lane) != .taken)
                    open.append(event)
                case 2:
                    guard let gone = open.randomElement(using: &random) else { continue }
                    lanes.remove(EventID(number: gone), 1, lane)
                    open.removeAll { $0 == gone }
                default:
                    guard let slow = open.first else { continue }
                    lanes.pass(EventID(number: slow), 1, lane)
                }
                _ = lanes.startNext(1, lane)
            }
            if Bool.random(using: &random) {
                lanes.undo()
                open = wasOpen
                #expect(description == before)
            } else {
                lanes.keep()
            }
            #expect(lanes.count(1) == open.count)
        }
    }

    private var description: String { lanes.places(1, lane).map { "\($0)" }.joined() }
}
