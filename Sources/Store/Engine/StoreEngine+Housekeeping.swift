import Events

/// Housekeeping between transactions: space, queues, retention, due times.
extension StoreEngine {
    /// The times at which the writer's thread looks after the store next, in steady time.
    struct Housekeeping {
        /// The last slice removed something; more may be left.
        var isBusy = false
        var next: Timestamp
        var nextMending: Timestamp
        /// The next sweep: bodies are looked for from the oldest event again, because some events
        /// end late.
        var nextSweep: Timestamp
        /// Something was emptied that the files may still hold; after a start nobody knows.
        var isUnclean = true
        /// The store says that no events are taken.
        var showsPressure = false
        private var watch: ClockWatch
        /// The span by which the wall clock was set, as long as due times are not in line with it.
        private(set) var step = Duration.zero

        static let sweepInterval = Duration.days(1)
        /// The time between two looks for due times that no schedule has set, and for events of
        /// forgotten people that have ended.
        static let mendingInterval = Duration.minutes(1)

        init(_ now: Moment) {
            next = now.steady
            nextMending = now.steady
            nextSweep = now.steady + Self.sweepInterval
            watch = ClockWatch(now)
        }

        /// Notices that the wall clock was set.
        mutating func look(at now: Moment) {
            if let step = watch.step(at: now) { self.step += step }
        }

        /// Due times are in line with the wall clock.
        mutating func clockIsMended() { step = .zero }
    }

    /// Looks whether events may be taken, and removes a slice of what is old.
    func keepHouse(_ house: inout Housekeeping, _ writer: StoreWriter) {
        let now = writer.clock.moment
        house.look(at: now)
        guard options.isServer else { return }
        if house.step != .zero { mendClock(&house, writer) }
        guard now.steady >= house.next else { return }
        house.next = now.steady + (house.isBusy ? Self.sliceInterval : options.houseInterval)
        if now.steady >= house.nextMending {
            _ = mend(writer) { try writer.capFarDueTimes() }
            emptyPostponed(&house, writer)
            house.nextMending = now.steady + Housekeeping.mendingInterval
        }
        watchPressure(&house, writer)
        guard lastFailure == nil else { return }
        house.isBusy = removeOld(&house, at: now.steady, by: writer)
    }

    private func mendClock(_ house: inout Housekeeping, _ writer: StoreWriter) {
        let step = house.step
        if mend(writer, { try writer.moveDueTimes(by: step) }) { house.clockIsMended() }
    }

    /// Changes due times, and tells of those that may have come.
    ///
    /// - Returns: false when nothing was changed.
    private func mend(_ writer: StoreWriter, _ body: () throws -> Void) -> Bool {
        do {
            try writer.transaction(body)
            if !writer.effects.news.isEmpty { news(writer.effects.news) }
            return true
        } catch {
            report(error)
            return false
        }
    }

    /// Empties what forgotten people still had under way, and cleans the files of it.
    private func emptyPostponed(_ house: inout Housekeeping, _ writer: StoreWriter) {
        do {
            var didEmpty = false
            try writer.transaction { didEmpty = try writer.emptyPostponed() }
            if didEmpty || house.isUnclean { house.isUnclean = try !writer.session.clean() }
        } catch {
            report(error)
        }
    }

    private func watchPressure(_ house: inout Housekeeping, _ writer: StoreWriter) {
        let pressure = currentPressure(writer)
        let before = pressed.withLock { pressed in
            defer { pressed = pressure }
            return pressed
        }
        if before == nil, let pressure { faults(.pressed(pressure)) }
        guard house.showsPressure != (pressure != nil) else { return }
        do {
            try writer.transaction {
                try writer.session.savePressure(pressure, since: writer.now)
            }
            house.showsPressure = pressure != nil
        } catch {
            // The next look tries again: a full disk takes no row.
            report(error)
        }
    }

    private func currentPressure(_ writer: StoreWriter) -> StorePressure? {
        let limits = options.limits
        if let free = options.freeSpace(), free < limits.reserve {
            return .disk(free: free, reserve: limits.reserve)
        }
        guard let longest = writer.longestQueue, longest.waiting >= limits.queue else { return nil }
        return .queue(destination: longest.name, waiting: longest.waiting)
    }

    /// - Returns: true when more is left.
    private func removeOld(
        _ house: inout Housekeeping, at now: Timestamp, by writer: StoreWriter
    ) -> Bool {
        var isBusy = false
        do {
            let isSweep = now >= house.nextSweep
            try writer.transaction {
                if isSweep { try writer.restartBodySweep() }
                isBusy = try writer.removeOld(options.limits)
            }
            if isBusy { writer.session.finishCommit() }
            if try writer.session.workAside() { isBusy = true }
            if isSweep { house.nextSweep = now + Housekeeping.sweepInterval }
        } catch {
            report(error)
        }
        return isBusy
    }

    /// Tells a fault of work that can wait; one that passes by itself is not worth telling.
    func report(_ error: any Error) {
        let fault = StoreFault(error)
        if case .passing = fault { return }
        faults(fault)
    }

    /// Answers events that cannot be taken now.
    ///
    /// - Returns: the other items.
    func refuseUnderPressure(_ items: [Item]) -> [Item] {
        guard let pressure = pressed.withLock({ $0 }) else { return items }
        return items.filter { item in
            guard case .accept(_, _, _, let answer) = item else { return true }
            answer(.failure(pressure.problem))
            return false
        }
    }
}
