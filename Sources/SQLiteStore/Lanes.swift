import Deliver
import Events
import JSON

/// The open deliveries of every lane, in memory: who is at the head, who comes next, and which
/// heads may go at once.
///
/// The file keeps the same facts in its rows; an index over lanes would cost a page for each
/// delivery, because the order of lanes is random, and one over what may go at once an entry that
/// is removed again at the next claim. 64 bytes or so for each lane, 24 for each that may go, 40
/// until the file knows of it.
final class Lanes {
    /// An open delivery in its lane.
    struct Place: Equatable {
        let event: Int64
        /// It has held the lane too long, and the rest may pass.
        var hasPassed = false
        var phase: Phase
        var isDriven: Bool { phase != .behind }
    }
    /// Of those that have not passed only the head is anything but behind.
    enum Phase {
        /// An earlier one of the lane comes first.
        case behind
        /// It waits for a claim, behind others that do.
        case ready
        /// Its attempt is open, or the file knows when it is due (`Schema.timed`).
        case started
    }
    /// A head that is ready; only as long as its place says so too.
    private struct Turn {
        let event: Int64
        let lane: Int64
    }
    /// What a lane says to one more delivery.
    enum Occupancy { case free, passed, taken }

    /// Never empty; most hold one delivery, and cost no array.
    private struct Lane {
        private(set) var first: Place
        /// The others, by event.
        private var rest: ArraySlice<Place> = []
        private var drivenCount = 0
        private var passedCount = 0

        init(_ place: Place) {
            first = place
            note(place, 1)
        }

        var places: [Place] { [first] + rest }

        /// Whether one that has not passed is due or on its way.
        var isDriven: Bool { drivenCount > 0 }

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
                let index = index(of: place.event)
                // Most come last; `append` makes room for more than one.
                guard index < rest.endIndex else { return rest.append(place) }
                rest.insert(place, at: index)
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
            } else if place.isDriven {
                drivenCount += count
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
    /// By destination, in the order in which they became ready.
    private var turns: [Int64: Fifo<Turn>] = [:]
    /// A head of which the file does not say yet that it waits for nobody; it need not, because a
    /// lane that nothing drives is started when the lanes are read.
    private struct Promotion {
        let destination: Int64
        let turn: Turn
        let at: Timestamp
    }
    private var promotions = Fifo<Promotion>()
    /// Those that the open transaction writes.
    private var written: [Promotion] = []
    /// What the open transaction did, for undoing it.
    private var journal: [(destination: Int64, lane: Int64, place: Place, change: Change)] = []

    /// What has to be seen to when the lanes have been read.
    struct Unfinished {
        /// Lanes whose next is to be promoted, if nothing drives them.
        var undriven: [(destination: Int64, lane: LaneKey)] = []
        /// Those of which an attempt is open.
        var sending: [(event: Int64, destination: Int64)] = []
    }

    /// Reads what is open from the file.
    func read(_ connection: Connection) throws -> Unfinished {
        let select = try connection.prepare(
            """
            SELECT destination, lane, event, passed, state = 'sending', \(Schema.timed),
                due_at IS NOT NULL
            FROM deliveries INDEXED BY deliveries_open WHERE \(Schema.open)
            ORDER BY destination, event
            """)
        var unfinished = Unfinished()
        while try select.step() {
            let (destination, lane) = (select.int64(0), LaneKey(number: select.int64(1)))
            let isSending = select.int(4) == 1
            let isStarted = isSending || select.int(5) == 1
            let place = Place(
                event: select.int64(2), hasPassed: select.int(3) == 1,
                phase: isStarted ? .started : select.int(6) == 1 ? .ready : .behind)
            if isSending { unfinished.sending.append((place.event, destination)) }
            if !place.isDriven, occupancy(destination, lane) != .taken {
                unfinished.undriven.append((destination, lane))
            }
            insert(place, destination, lane.number)
        }
        return unfinished
    }

    func occupancy(_ destination: Int64, _ lane: LaneKey) -> Occupancy {
        Self.occupancy(self[destination, lane.number])
    }

    private static func occupancy(_ lane: Lane?) -> Occupancy {
        guard let lane else { return .free }
        return lane.next == nil ? .passed : .taken
    }

    /// A lane's deliveries, in their order.
    func places(_ destination: Int64, _ lane: LaneKey) -> [Place] {
        self[destination, lane.number]?.places ?? []
    }

    /// Open deliveries of a destination.
    func count(_ destination: Int64) -> Int { counts[destination] ?? 0 }

    /// Takes one more delivery in, in the phase that follows from what the lane says to it.
    func add(
        _ event: EventID, _ destination: Int64, _ lane: LaneKey, phase: (Occupancy) -> Phase
    ) {
        let place = insert(destination, lane.number) { occupancy in
            Place(event: event.number, phase: phase(occupancy))
        }
        journal.append((destination, lane.number, place, .added))
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

    /// Makes the next of a lane whose head is gone ready; says which, and whether one that has
    /// passed is still open.
    func promoteNext(
        _ destination: Int64, _ lane: LaneKey, at now: Timestamp
    ) -> (event: EventID, isBehindPassed: Bool)? {
        guard let found = self[destination, lane.number], !found.isDriven, let next = found.next
        else { return nil }
        change(next, to: .ready, destination, lane.number)
        promotions.append(
            Promotion(
                destination: destination, turn: Turn(event: next.event, lane: lane.number), at: now)
        )
        return (EventID(number: next.event), found.hasPassed)
    }

    // MARK: Those that are ready

    /// One that was started, and was not sent, waits again.
    func makeReady(_ event: EventID, _ destination: Int64, _ lane: LaneKey) {
        guard let place = place(event.number, destination, lane.number) else { return }
        change(place, to: .ready, destination, lane.number)
    }

    /// One that is ready is taken by what the file says of it: a replay that was promoted.
    func start(_ event: EventID, _ destination: Int64, _ lane: LaneKey) {
        let turn = Turn(event: event.number, lane: lane.number)
        guard let place = readyPlace(turn, destination) else { return }
        change(place, to: .started, destination, lane.number)
    }

    /// Starts those that have been ready longest.
    func takeReady(_ destination: Int64, upTo limit: Int) -> [EventID] {
        var taken: [EventID] = []
        while taken.count < limit, let turn = turns[destination]?.popFirst() {
            guard let place = readyPlace(turn, destination) else { continue }
            change(place, to: .started, destination, turn.lane)
            taken.append(EventID(number: turn.event))
        }
        return taken
    }

    /// Starts the oldest, when there is one before `bound`; looks at all of them.
    func takeOldestReady(_ destination: Int64, before bound: EventID?) -> EventID? {
        guard let elements = turns[destination]?.elements else { return nil }
        var oldest: Turn?
        for turn in elements where turn.event < oldest?.event ?? bound?.number ?? .max {
            if readyPlace(turn, destination) != nil { oldest = turn }
        }
        guard let oldest, let place = readyPlace(oldest, destination) else { return nil }
        change(place, to: .started, destination, oldest.lane)
        return EventID(number: oldest.event)
    }

    func hasReady(_ destination: Int64) -> Bool {
        while let turn = turns[destination]?.first {
            if readyPlace(turn, destination) != nil { return true }
            _ = turns[destination]?.popFirst()
        }
        return false
    }

    var hasPromoted: Bool { !promotions.isEmpty }

    /// Takes those that were promoted before a moment and are still ready, by destination.
    func takePromoted(before moment: Timestamp?, upTo limit: Int) -> [Int64: [Int64]] {
        var taken: [Int64: [Int64]] = [:]
        while written.count < limit, let first = promotions.first {
            let isReady = readyPlace(first.turn, first.destination) != nil
            if isReady, let moment, first.at > moment { break }
            _ = promotions.popFirst()
            guard isReady else { continue }
            written.append(first)
            taken[first.destination, default: []].append(first.turn.event)
        }
        return taken
    }

    private func readyPlace(_ turn: Turn, _ destination: Int64) -> Place? {
        let place = place(turn.event, destination, turn.lane)
        return place?.phase == .ready ? place : nil
    }

    // MARK: Transactions

    func keep() {
        journal.removeAll(keepingCapacity: true)
        written = []
    }

    func undo() {
        for (destination, lane, place, change) in journal.reversed() {
            switch change {
            case .added: delete(place, destination, lane)
            // Its turn may have been taken, and was before those of later changes.
            case .removed: insert(place, destination, lane, first: true)
            case .was(let before):
                delete(place, destination, lane)
                insert(before, destination, lane, first: true)
            }
        }
        for promotion in written.reversed() { promotions.prepend(promotion) }
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

    private func change(
        _ place: Place, to phase: Phase, _ destination: Int64, _ lane: Int64
    ) {
        var changed = place
        changed.phase = phase
        replace(place, by: changed, destination, lane)
    }

    private func replace(
        _ before: Place, by after: Place, _ destination: Int64, _ lane: Int64
    ) {
        journal.append((destination, lane, after, .was(before)))
        at(destination, lane) { $0?.replace(before, by: after) }
        if before.phase != .ready { giveTurn(after, destination, lane) }
    }

    private func giveTurn(
        _ place: Place, _ destination: Int64, _ lane: Int64, first: Bool = false
    ) {
        guard place.phase == .ready else { return }
        let turn = Turn(event: place.event, lane: lane)
        if first {
            turns[destination, default: Fifo()].prepend(turn)
        } else {
            turns[destination, default: Fifo()].append(turn)
        }
    }

    /// - Parameter first: a place that is ready has the first turn, not the last.
    private func insert(
        _ place: Place, _ destination: Int64, _ lane: Int64, first: Bool = false
    ) {
        insert(destination, lane, first: first) { _ in place }
    }

    /// - Parameter make: makes the place from what the lane says to it.
    @discardableResult
    private func insert(
        _ destination: Int64, _ lane: Int64, first: Bool = false, _ make: (Occupancy) -> Place
    ) -> Place {
        let place = at(destination, lane) { found in
            let place = make(Self.occupancy(found))
            if found?.insert(place) == nil { found = Lane(place) }
            return place
        }
        giveTurn(place, destination, lane, first: first)
        counts[destination, default: 0] += 1
        return place
    }

    private func delete(_ place: Place, _ destination: Int64, _ lane: Int64) {
        counts[destination, default: 0] -= 1
        at(destination, lane) { found in
            if found?.remove(place) == false { found = nil }
        }
    }

    /// In place: nothing is copied.
    private func at<Result>(
        _ destination: Int64, _ lane: Int64, _ body: (inout Lane?) -> Result
    ) -> Result {
        body(&shards[destination, default: Self.none][Self.shard(lane)][lane])
    }
}
