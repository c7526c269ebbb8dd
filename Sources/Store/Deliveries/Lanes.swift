import Deliver
import Events
import JSON

/// The open deliveries of every lane, in memory: which is at the head, which comes next, and which
/// heads may be claimed at once.
///
/// The lane rule: of the open deliveries of one lane only the head is ready, has a due time or has
/// an open attempt. Whoever ends or passes the head promotes the next. A retry that held its lane
/// too long is *passed*: it stays open, and the rest of the lane goes on as if it were not there.
///
/// Heads that are ready wait in a queue for each destination, in the order in which they became
/// ready; a claim takes from its front. A turn in that queue counts only while the delivery's place
/// says `ready` too, so that nothing has to be searched for when a delivery leaves in another way.
///
/// The store keeps the same facts in its rows, and lanes are filled from them at the start. An
/// index over lanes would cost a page of the file for each delivery, because the order of lanes is
/// random; an index over ready deliveries would cost an entry that the next claim removes again. A
/// lane takes about 64 bytes here, a ready delivery 24, plus 40 until its row is marked ready.
final class Lanes: TransactionParticipant {
    /// An open delivery in its lane.
    struct Place: Equatable {
        let event: Int64
        /// True when it held the lane too long, and the rest may pass.
        var wasPassed = false
        var phase: Phase
        var isDriven: Bool { phase != .behind }
    }
    /// The phase of an open delivery.
    ///
    /// Among deliveries that were not passed only the head of a lane is anything but `behind`.
    enum Phase {
        /// An earlier delivery of the lane comes first.
        case behind
        /// At the head of its lane, waiting for a claim.
        case ready
        /// Its attempt is open, or the store has its due time.
        case started
    }
    /// The place of a head in the queue of ready deliveries.
    private struct Turn {
        let event: Int64
        let lane: Int64
    }
    /// The state of a lane as one more delivery meets it: empty, or with passed deliveries only, or
    /// with one that has to end first.
    enum Occupancy { case free, passed, taken }

    /// A lane of a destination.
    private struct Address {
        let destination: DestinationNumber
        let lane: Int64

        init(_ destination: DestinationNumber, _ lane: LaneKey) {
            self.destination = destination
            self.lane = lane.number
        }

        init(_ destination: DestinationNumber, _ turn: Turn) {
            self.destination = destination
            lane = turn.lane
        }
    }
    private enum Change {
        case added, removed
        case was(Place)
    }
    /// Lanes by destination and by some bits of the lane, so that growing never takes long.
    private var shards: [DestinationNumber: [[Int64: Lane]]] = [:]
    private static let shardCount = 64
    private static let none = [[Int64: Lane]](repeating: [:], count: shardCount)
    private var counts: [DestinationNumber: Int] = [:]
    /// The turns of each destination, in the order in which the deliveries became ready.
    private var turns: [DestinationNumber: Fifo<Turn>] = [:]
    /// A head that became ready, which people cannot see in the store yet.
    ///
    /// The store need not say it: the head of a lane that nothing drives is promoted again when
    /// lanes are filled.
    private struct Promotion {
        let destination: DestinationNumber
        let turn: Turn
        let at: Timestamp
    }
    private var promotions = Fifo<Promotion>()
    /// The promotions that the open transaction shows.
    private var shown: [Promotion] = []
    /// The changes of the open transaction, for undoing it.
    private var journal: [(address: Address, place: Place, change: Change)] = []

    /// Puts a delivery into its lane as the store has it; when a store is opened.
    func restore(
        _ event: EventID, to lane: LaneKey, of destination: DestinationNumber, phase: Phase,
        wasPassed: Bool
    ) {
        let place = Place(event: event.number, wasPassed: wasPassed, phase: phase)
        insert(place, in: Address(destination, lane))
    }

    /// The state of a lane as one more delivery would meet it.
    func occupancy(of lane: LaneKey, of destination: DestinationNumber) -> Occupancy {
        Self.occupancy(self[Address(destination, lane)])
    }

    private static func occupancy(_ lane: Lane?) -> Occupancy {
        guard let lane else { return .free }
        return lane.next == nil ? .passed : .taken
    }

    /// The deliveries of a lane, in their order.
    func places(in lane: LaneKey, of destination: DestinationNumber) -> [Place] {
        self[Address(destination, lane)]?.places ?? []
    }

    /// Open deliveries of a destination.
    func count(_ destination: DestinationNumber) -> Int { counts[destination] ?? 0 }

    /// Adds a new delivery at the end of its lane.
    ///
    /// - Parameter phase: says where it begins in a lane of such a state.
    func add(
        _ event: EventID, to lane: LaneKey, of destination: DestinationNumber,
        phase: (Occupancy) -> Phase
    ) {
        let address = Address(destination, lane)
        let place = insert(in: address) { occupancy in
            Place(event: event.number, phase: phase(occupancy))
        }
        journal.append((address, place, .added))
    }

    func remove(_ event: EventID, from lane: LaneKey, of destination: DestinationNumber) {
        let address = Address(destination, lane)
        guard let place = place(event.number, in: address) else { return }
        journal.append((address, place, .removed))
        delete(place, from: address)
    }

    /// Lets the rest of a lane go on without waiting for a delivery.
    func pass(_ event: EventID, in lane: LaneKey, of destination: DestinationNumber) {
        let address = Address(destination, lane)
        guard let place = place(event.number, in: address) else { return }
        var passed = place
        passed.wasPassed = true
        replace(place, by: passed, in: address)
    }

    /// Makes the next delivery of a lane ready when nothing drives the lane.
    ///
    /// - Returns: the delivery, and whether one that was passed is still open before it.
    func promoteNext(
        in lane: LaneKey, of destination: DestinationNumber, at moment: Timestamp
    ) -> (event: EventID, isBehindPassed: Bool)? {
        let address = Address(destination, lane)
        guard let found = self[address], !found.isDriven, let next = found.next
        else { return nil }
        change(next, to: .ready, in: address)
        let turn = Turn(event: next.event, lane: lane.number)
        promotions.append(Promotion(destination: destination, turn: turn, at: moment))
        return (EventID(number: next.event), found.holdsPassed)
    }

    // MARK: Ready deliveries

    /// Puts a delivery that was started, and was not sent, back among the ready ones.
    func makeReady(_ event: EventID, in lane: LaneKey, of destination: DestinationNumber) {
        let address = Address(destination, lane)
        guard let place = place(event.number, in: address) else { return }
        change(place, to: .ready, in: address)
    }

    /// Starts a ready delivery that was found by its due time in the store: a replay that was
    /// promoted.
    func start(_ event: EventID, in lane: LaneKey, of destination: DestinationNumber) {
        let address = Address(destination, lane)
        guard let place = place(event.number, in: address), place.phase == .ready else { return }
        change(place, to: .started, in: address)
    }

    /// Starts the deliveries that have been ready longest.
    func takeReady(of destination: DestinationNumber, upTo limit: Int) -> [EventID] {
        var taken: [EventID] = []
        while taken.count < limit, let turn = turns[destination]?.popFirst() {
            let address = Address(destination, turn)
            guard let place = readyPlace(turn, in: address) else { continue }
            change(place, to: .started, in: address)
            taken.append(EventID(number: turn.event))
        }
        return taken
    }

    /// Starts the oldest ready delivery when it is older than `bound`; looks at all of them.
    ///
    /// - Parameter except: events that are left out.
    func takeOldestReady(
        of destination: DestinationNumber, before bound: EventID?, except: [EventID] = []
    ) -> EventID? {
        guard let elements = turns[destination]?.elements else { return nil }
        var oldest: Turn?
        for turn in elements {
            let limit = oldest?.event ?? bound?.number ?? .max
            guard turn.event < limit, !except.contains(EventID(number: turn.event)) else {
                continue
            }
            if readyPlace(turn, in: Address(destination, turn)) != nil { oldest = turn }
        }
        guard let oldest else { return nil }
        let address = Address(destination, oldest)
        guard let place = readyPlace(oldest, in: address) else { return nil }
        change(place, to: .started, in: address)
        return EventID(number: oldest.event)
    }

    func hasReady(_ destination: DestinationNumber) -> Bool {
        while let turn = turns[destination]?.first {
            if readyPlace(turn, in: Address(destination, turn)) != nil { return true }
            _ = turns[destination]?.popFirst()
        }
        return false
    }

    var hasPromoted: Bool { !promotions.isEmpty }

    /// Takes the deliveries that were promoted and are still ready.
    ///
    /// - Parameter young: those that were promoted within that time wait; nil for none.
    func takePromoted(
        except young: ClosedRange<Timestamp>?, upTo limit: Int
    ) -> [DestinationNumber: [EventID]] {
        var taken: [DestinationNumber: [EventID]] = [:]
        while shown.count < limit, let first = promotions.first {
            let address = Address(first.destination, first.turn)
            let isReady = readyPlace(first.turn, in: address) != nil
            if isReady, let young, young.contains(first.at) { break }
            _ = promotions.popFirst()
            guard isReady else { continue }
            shown.append(first)
            taken[first.destination, default: []].append(EventID(number: first.turn.event))
        }
        return taken
    }

    private func readyPlace(_ turn: Turn, in address: Address) -> Place? {
        let place = place(turn.event, in: address)
        return place?.phase == .ready ? place : nil
    }

    // MARK: Transactions

    package func keep() {
        journal.removeAll(keepingCapacity: true)
        shown = []
    }

    package func undo() {
        for (address, place, change) in journal.reversed() {
            switch change {
            case .added: delete(place, from: address)
            // Its turn may have been taken, and was before the turns of later changes.
            case .removed: insert(place, in: address, atFront: true)
            case .was(let before):
                delete(place, from: address)
                insert(before, in: address, atFront: true)
            }
        }
        for promotion in shown.reversed() { promotions.prepend(promotion) }
        keep()
    }

    // MARK: The lanes themselves

    private subscript(address: Address) -> Lane? {
        shards[address.destination]?[Self.shard(address.lane)][address.lane]
    }

    private static func shard(_ lane: Int64) -> Int {
        Int(truncatingIfNeeded: lane) & (shardCount - 1)
    }

    private func place(_ event: Int64, in address: Address) -> Place? { self[address]?[event] }

    private func change(_ place: Place, to phase: Phase, in address: Address) {
        var changed = place
        changed.phase = phase
        replace(place, by: changed, in: address)
    }

    private func replace(_ before: Place, by after: Place, in address: Address) {
        journal.append((address, after, .was(before)))
        withLane(at: address) { $0?.replace(before, by: after) }
        if before.phase != .ready { giveTurn(to: after, in: address) }
    }

    private func giveTurn(to place: Place, in address: Address, atFront: Bool = false) {
        guard place.phase == .ready else { return }
        let turn = Turn(event: place.event, lane: address.lane)
        if atFront {
            turns[address.destination, default: Fifo()].prepend(turn)
        } else {
            turns[address.destination, default: Fifo()].append(turn)
        }
    }

    /// - Parameter atFront: gives a ready delivery the first turn, not the last.
    private func insert(_ place: Place, in address: Address, atFront: Bool = false) {
        insert(in: address, atFront: atFront) { _ in place }
    }

    /// - Parameter make: makes the place for a lane of such a state.
    @discardableResult
    private func insert(
        in address: Address, atFront: Bool = false, _ make: (Occupancy) -> Place
    ) -> Place {
        let place = withLane(at: address) { found in
            let place = make(Self.occupancy(found))
            if found == nil {
                found = Lane(place)
            } else {
                found?.insert(place)
            }
            return place
        }
        giveTurn(to: place, in: address, atFront: atFront)
        counts[address.destination, default: 0] += 1
        return place
    }

    private func delete(_ place: Place, from address: Address) {
        counts[address.destination, default: 0] -= 1
        withLane(at: address) { found in
            if found?.remove(place) == false { found = nil }
        }
    }

    /// Changes a lane in place: nothing is copied.
    private func withLane<Result>(
        at address: Address, _ body: (inout Lane?) -> Result
    ) -> Result {
        let shard = Self.shard(address.lane)
        return body(&shards[address.destination, default: Self.none][shard][address.lane])
    }
}
