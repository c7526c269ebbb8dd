package import Events

/// Free places in the deliverer's memory, by destination: shared by the store's writer, which takes
/// a place for each fresh delivery it hands over, and the deliverer, which takes places for what it
/// claims from the store and frees a place when a delivery ends.
///
/// The delivery machine itself never sees the room. It says what has to change, and its runtime
/// does it.
package final class Room: Sendable {
    private struct Places {
        var free: [String: Int] = [:]
        /// Destinations whose fresh deliveries wait in the store.
        var closed: Set<String> = []
    }
    private let places = Locked(Places())

    /// A change of the room that the delivery machine asks for.
    package enum Change: Sendable, Equatable {
        /// Deliveries have left the memory.
        case free(destination: String, count: Int)
        /// Fresh deliveries of a destination may skip the store's queue, or may not.
        case admitFresh(destination: String, Bool)
        /// The places of a destination that is new in the pipeline.
        case open(destination: String, places: Int)
    }

    /// - Parameter limits: places by destination.
    package init(_ limits: [String: Int] = [:]) {
        places.withLock { $0.free = limits }
    }

    /// Takes a place for a fresh delivery; false when there is none or the destination waits.
    package func takeFresh(_ destination: String) -> Bool {
        places.withLock { places in
            guard !places.closed.contains(destination), let free = places.free[destination],
                free > 0
            else { return false }
            places.free[destination] = free - 1
            return true
        }
    }

    /// Takes places for a claim and gives the claim for as many as there were; nil for none.
    func reserve(_ claim: Claim) -> DeliveryWork? {
        let taken = places.withLock { places in
            let taken = min(claim.wanted, places.free[claim.destination] ?? 0)
            places.free[claim.destination, default: 0] -= taken
            return taken
        }
        guard taken > 0 else { return nil }
        return .claim(
            destination: claim.destination, limit: taken, oldest: claim.oldest,
            except: claim.except)
    }

    /// Gives places back.
    package func give(_ destination: String, _ count: Int = 1) {
        places.withLock { $0.free[destination, default: 0] += count }
    }

    private func apply(_ change: Change) {
        switch change {
        case .free(let destination, let count): give(destination, count)
        case .admitFresh(let destination, let admits):
            places.withLock { places in
                if admits {
                    places.closed.remove(destination)
                } else {
                    places.closed.insert(destination)
                }
            }
        case .open(let destination, let count):
            places.withLock { $0.free[destination] = $0.free[destination] ?? count }
        }
    }
}

/// A claim that the delivery machine would like to make, when the room has places for it.
package struct Claim: Sendable, Equatable {
    package let destination: String
    /// Deliveries at the most.
    package let wanted: Int
    /// By acceptance instead of by due time: the delivery that is tried alone.
    package let oldest: Bool
    /// Events whose deliveries are left out.
    package var except: [EventID] = []

    package init(destination: String, wanted: Int, oldest: Bool, except: [EventID] = []) {
        self.destination = destination
        self.wanted = wanted
        self.oldest = oldest
        self.except = except
    }
}

extension Room {
    /// Carries out the part of a machine's action that concerns the room, for its runtime.
    ///
    /// - Returns: the part that is left to do, a claim as work for the store; nil for none.
    package func carryOut(
        _ action: DeliveryMachine.Action, of machine: inout DeliveryMachine
    ) -> DeliveryMachine.Action? {
        switch action {
        case .start, .store, .alert: return action
        case .room(let change):
            apply(change)
            return nil
        case .claim(let claim):
            if let work = reserve(claim) { return .store(work) }
            machine.claimFoundNoPlace(for: claim.destination)
            return nil
        }
    }
}
