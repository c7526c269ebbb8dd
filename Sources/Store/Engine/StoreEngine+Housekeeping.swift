import Events

/// Housekeeping between transactions: space, queues, retention, due times.
extension StoreEngine {
    /// The times at which the writer's thread looks after the store next.
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

        static let sweepInterval = Duration.days(1)
        /// The time between two looks for due times that a clock going back has spoilt, and for
        /// events of forgotten people that have ended.
        static let mendingInterval = Duration.minutes(1)

        init(_ now: Timestamp) {
            next = now
            nextMending = now
            nextSweep = now + Self.sweepInterval
        }
    }

    /// Looks whether events may be taken, and removes a slice of what is old.
    func keepHouse(_ house: inout Housekeeping, _ writer: StoreWriter) {
        let now = writer.now
        // A clock that went back begins anew.
        if now < house.next - Housekeeping.mendingInterval { house = Housekeeping(now) }
        guard options.isServer, now >= house.next else { return }
        house.next = now + (house.isBusy ? Self.sliceInterval : options.houseInterval)
        if now >= house.nextMending {
            mendDueTimes(writer)
            emptyPostponed(&house, writer)
            house.nextMending = now + Housekeeping.mendingInterval
        }
        watchPressure(writer)
        guard lastFailure == nil else { return }
        house.isBusy = removeOld(&house, writer)
    }

    private func mendDueTimes(_ writer: StoreWriter) {
        do {
            try writer.transaction { try writer.mendDueTimes() }
            if !writer.effects.news.isEmpty { news(writer.effects.news) }
        } catch {
            report(error)
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

    private func watchPressure(_ writer: StoreWriter) {
        let pressure = currentPressure(writer)
        let before = pressed.withLock { pressed in
            defer { pressed = pressure }
            return pressed
        }
        if before == nil, let pressure { faults(.pressed(pressure)) }
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
    private func removeOld(_ house: inout Housekeeping, _ writer: StoreWriter) -> Bool {
        var isBusy = false
        do {
            let isSweep = writer.now >= house.nextSweep
            try writer.transaction {
                if isSweep { try writer.restartBodySweep() }
                isBusy = try writer.removeOld(options.limits)
            }
            if isBusy { writer.session.finishCommit() }
            if try writer.session.workAside() { isBusy = true }
            if isSweep { house.nextSweep = writer.now + Housekeeping.sweepInterval }
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
