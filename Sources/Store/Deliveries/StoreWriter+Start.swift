import Deliver
import Events

/// The start on a store: lanes are read, and what a crash left is taken up.
extension StoreWriter {
    /// Crashes while its request was built after which a delivery is no longer tried.
    private static let crashesAllowed = 3

    /// - Parameter crashedOn: the delivery whose request was being built at the last crash.
    func start(crashedOn: DeliveryID?) throws {
        if let crashedOn { try quarantine(crashedOn) }
        try readLanes()
        // A destination that rested before is tried at once.
        try session.removeRests()
        for (_, destination) in session.destinations {
            lastSeen.restore(
                try session.record(of: destination).refusedInARow, at: destination)
        }
        if isServer {
            try capDueTimes(laterThan: now)
            try session.savePressure(nil, since: now)
        }
        try register(pipeline)
    }

    /// Counts a crash for a delivery, and ends it when it was at work at too many of them.
    ///
    /// An event whose mapping ends the program would do so again at every start.
    private func quarantine(_ id: DeliveryID) throws {
        guard let destination = session.destinations[id.destination] else { return }
        let place = DeliveryPlace(id.event, destination)
        guard try session.countCrash(of: place) >= Self.crashesAllowed,
            let state = try session.state(of: place), !state.isFinal
        else { return }
        let detail = "the program ended \(Self.crashesAllowed) times while it built this request"
        _ = try session.end(place, as: DeliveryEnd(reason: .mapping, detail: detail), at: now)
    }

    /// Fills the lanes; attempts that were open may have been sent, and are due again.
    private func readLanes() throws {
        var sending: [DeliveryPlace] = []
        var undriven: [(lane: LaneKey, destination: DestinationNumber)] = []
        try session.forEachOpen { delivery in
            let destination = delivery.place.destination
            let isStarted = delivery.isSending || delivery.isTimed
            if delivery.isSending { sending.append(delivery.place) }
            if !isStarted, !delivery.isReady,
                lanes.occupancy(of: delivery.lane, of: destination) != .taken
            {
                undriven.append((delivery.lane, destination))
            }
            lanes.restore(
                delivery.place.event, to: delivery.lane, of: destination,
                phase: isStarted ? .started : delivery.isReady ? .ready : .behind,
                wasPassed: delivery.wasPassed)
        }
        if !sending.isEmpty {
            let note = "Sluice ended before the answer was recorded: it may have been sent."
            try session.reopen(sending, note: note, at: now)
        }
        for place in undriven {
            _ = try promoteNext(
                in: place.lane, of: place.destination, at: Timestamp(milliseconds: 0))
        }
    }
}
