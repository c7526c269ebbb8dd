import Events

/// The open deliveries of every lane, in memory: who is at the head, and who comes next.
///
/// The file keeps the same facts in its rows; an index over lanes would cost a page for each
/// delivery, because the order of lanes is random. 64 bytes or so for each lane.
final class Lanes {
    /// An open delivery in its lane.
    struct Place: Equatable {
        let event: Int64
        /// It has held the lane too long, and the rest may pass.
        var hasPassed = false
        /// It is due, or its attempt is open; of those that have not passed only the head is.
        var isStarted: Bool
    }
    /// What a lane says to one more delivery.
    enum Occupancy { case free, passed, taken }

    /// Never empty; most hold one delivery, and cost no array.
    private struct Lane {
        private(set) var first: Place
        /// The others, by event.
        private var rest: ArraySlice<Place> = []
        private var startedCount = 0
        private var passedCount = 0

        init(_ place: Place) {
            first = place
            note(place, 1)
        }

        var places: [Place] { [first] + rest }

        /// Whether one that has not passed is due or on its way.
        var isStarted: Bool { startedCount > 0 }

        /// The first that has not passed; few ever pass.
        var next: Place? { first.hasPassed ? rest.first { !$0.hasPassed } : first }

        var hasPassed: Bool { passedCount > 0 }

        subscript(event: Int64) -> Place? {
            if first.event == event { return first }
            let index = index(of: event)
            return index < rest.endIndex && rest[index].event == event ? rest[index] : nil
        }

        mutating func insert(_ place: Place) {
            note(place, 1)
            if place.event > first.event {
                rest.insert(place, at: index(of: place.event))
            } else {
                rest.insert(first, at: rest.startIndex)
                first = place
            }
        }

        /// False when nothing is left.
        mutating func remove(_ place: Place) -> Bool {
            note(place, -1)
            if first.event == place.event {
                guard let next = rest.popFirst() else { return false }
                first = next
            } else {
                rest.remove(at: index(of: place.event))
            }
            return true
        }

        mutating func replace(_ before: Place, by after: Place) {
            note(before, -1)
            note(after, 1)
            if first.event == before.event {
                first = after
            } else {
                rest[index(of: before.event)] = after
            }
        }

        private mutating func note(_ place: Place, _ count: Int) {
            if place.hasPassed {
                passedCount += count
            } else if place.isStarted {
                startedCount += count
            }
        }

        /// Where an event is in `rest`, or would be.
        private func index(of event: Int64) -> Int {
            guard let last = rest.last, last.event >= event else { return rest.endIndex }
            return rest.partitionIndex { $0.event < event }
        }
    }
    private enum Change {
        case added, removed
        case was(Place)
    }
    /// By destination and some bits of the lane, so that growing never takes long.
    private var shards: [Int64: [[Int64: Lane]]] = [:]
    private static let shardCount = 64
    private static let none = [[Int64: Lane]](repeating: [:], count: shardCount)
    private var counts: [Int64: Int] = [:]
    /// What the open transaction did, for undoing it.
    private var journal: [(destination: Int64, lane: Int64, place: Place, change: Change)] = []

    init(_ connection: Connection) throws {
        let select = try connection.prepare(
            """
            SELECT destination, lane, event, passed, due_at IS NOT NULL OR state = 'sending'
            FROM deliveries INDEXED BY deliveries_open WHERE \(Schema.open)
            ORDER BY destination, event
            """)
        while try select.step() {
            let place = Place(
                event: select.int64(2), hasPassed: select.int(3) == 1,
                isStarted: select.int(4) == 1)
            insert(place, select.int64(0), select.int64(1))
        }
    }

    func occupancy(_ destination: Int64, _ lane: LaneKey) -> Occupancy {
        guard let found = self[destination, lane.number] else { return .free }
        return found.next == nil ? .passed : .taken
    }

    /// A lane's deliveries, in their order.
    func places(_ destination: Int64, _ lane: LaneKey) -> [Place] {
        self[destination, lane.number]?.places ?? []
    }

    /// Open deliveries of a destination.
    func count(_ destination: Int64) -> Int { counts[destination] ?? 0 }

    func add(_ place: Place, _ destination: Int64, _ lane: LaneKey) {
        journal.append((destination, lane.number, place, .added))
        insert(place, destination, lane.number)
    }

    func remove(_ event: EventID, _ destination: Int64, _ lane: LaneKey) {
        guard let place = place(event.number, destination, lane.number) else { return }
        journal.append((destination, lane.number, place, .removed))
        delete(place, destination, lane.number)
    }

    /// From here on the lane goes on without waiting for this one.
    func pass(_ event: EventID, _ destination: Int64, _ lane: LaneKey) {
        guard let place = place(event.number, destination, lane.number) else { return }
        var passed = place
        passed.hasPassed = true
        replace(place, by: passed, destination, lane.number)
    }

    /// Starts the next of a lane whose head is gone; says which, and whether one that has passed
    /// is still open.
    func startNext(
        _ destination: Int64, _ lane: LaneKey
    ) -> (event: EventID, isBehindPassed: Bool)? {
        guard let found = self[destination, lane.number], !found.isStarted, let next = found.next
        else { return nil }
        var started = next
        started.isStarted = true
        replace(next, by: started, destination, lane.number)
        return (EventID(number: next.event), found.hasPassed)
    }

    // MARK: Transactions

    func keep() { journal.removeAll(keepingCapacity: true) }

    func undo() {
        for (destination, lane, place, change) in journal.reversed() {
            switch change {
            case .added: delete(place, destination, lane)
            case .removed: insert(place, destination, lane)
            case .was(let before): at(destination, lane) { $0?.replace(place, by: before) }
            }
        }
        keep()
    }

    // MARK: The lanes themselves

    private subscript(destination: Int64, lane: Int64) -> Lane? {
        shards[destination]?[Self.shard(lane)][lane]
    }

    private static func shard(_ lane: Int64) -> Int {
        Int(truncatingIfNeeded: lane) & (shardCount - 1)
    }

    private func place(_ event: Int64, _ destination: Int64, _ lane: Int64) -> Place? {
        self[destination, lane]?[event]
    }

    private func replace(
        _ before: Place, by after: Place, _ destination: Int64, _ lane: Int64
    ) {
        journal.append((destination, lane, after, .was(before)))
        at(destination, lane) { $0?.replace(before, by: after) }
    }

    private func insert(_ place: Place, _ destination: Int64, _ lane: Int64) {
        counts[destination, default: 0] += 1
        at(destination, lane) { found in
            if found?.insert(place) == nil { found = Lane(place) }
        }
    }

    private func delete(_ place: Place, _ destination: Int64, _ lane: Int64) {
        counts[destination, default: 0] -= 1
        at(destination, lane) { found in
            if found?.remove(place) == false { found = nil }
        }
    }

    /// In place: nothing is copied.
    private func at(
        _ destination: Int64, _ lane: Int64, _ body: (inout Lane?) -> Void
    ) {
        body(&shards[destination, default: Self.none][Self.shard(lane)][lane])
    }
}
