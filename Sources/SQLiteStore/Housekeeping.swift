import Events

extension SQLiteStore {
    /// What the writer looks after between transactions.
    struct Housekeeping {
        /// Something old is left.
        var isBusy = false
        var next: Timestamp
        var nextMending: Timestamp
        /// When bodies of what has ended late are looked for from the beginning.
        var nextSweep: Timestamp

        init(_ now: Timestamp) {
            next = now
            nextMending = now
            nextSweep = now + StoreLimits.day
        }
    }

    /// Milliseconds between two slices of what is old.
    static let sliceInterval: Int64 = 20
    /// Milliseconds between two looks for due times that a clock going back has spoilt.
    private static let mendingInterval: Int64 = 60_000

    /// Looks whether events may be taken, and removes a slice of what is old.
    func keepHouse(_ house: inout Housekeeping, _ writer: Writer) {
        let now = writer.now
        // A clock that went back begins anew.
        if now < house.next + -60_000 { house = Housekeeping(now) }
        guard options.isServer, now >= house.next else { return }
        house.next = now + (house.isBusy ? Self.sliceInterval : options.houseInterval)
        var pressure: StorePressure?
        if let free = options.freeSpace(), free < options.limits.reserve {
            pressure = .disk(free: free, reserve: options.limits.reserve)
        }
        if now >= house.nextMending {
            do {
                try writer.transaction { try writer.mendDueTimes() }
                if !writer.effects.news.isEmpty { news(writer.effects.news) }
            } catch {
                note(error)
            }
            house.nextMending = now + Self.mendingInterval
        }
        if pressure == nil, let longest = writer.longestQueue,
            longest.waiting >= options.limits.queue
        {
            pressure = .queue(destination: longest.name, waiting: longest.waiting)
        }
        let before = pressed.withLock { pressed in
            defer { pressed = pressure }
            return pressed
        }
        if before == nil, let pressure { faults(.pressed(pressure)) }
        guard lastFailure == nil else { return }
        house.isBusy = false
        do {
            try writer.transaction {
                if now >= house.nextSweep { try writer.restartBodies() }
                house.isBusy = try writer.removeOld(options.limits)
            }
            if house.isBusy { checkpointer.noteCommit(writer.connection) }
            if try writer.keys.filter.buildSlice() { house.isBusy = true }
            if now >= house.nextSweep { house.nextSweep = now + StoreLimits.day }
        } catch {
            note(error)
        }
    }

    /// Housekeeping can wait while the disk is full or the file locked.
    func note(_ error: any Error) {
        let fault = StoreFault(error)
        if case .passing = fault { return }
        faults(fault)
    }

    /// Answers events that cannot be taken now; gives the rest.
    func refusing(_ items: [Item]) -> [Item] {
        guard let pressure = pressed.withLock({ $0 }) else { return items }
        return items.filter { item in
            guard case .accept(_, _, _, let answer) = item else { return true }
            answer(.failure(pressure.problem))
            return false
        }
    }

    /// Why no events are taken; nil when they are.
    package var pressure: StorePressure? { pressed.withLock { $0 } }
}
