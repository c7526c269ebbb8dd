import Consent
import Deliver
import Events
import JSON
import Pipeline

/// What waits in the file goes to the deliverer.
extension Writer {
    /// Opens the next attempts of what may go to a destination.
    func claim(_ name: String, _ limit: Int, oldest: Bool) throws {
        let destination = try destinations.number(name)
        let now = clock.now()
        var jobs: [Job] = []
        var nextDue: Timestamp?
        change += 1
        if let target = pipeline[name] {
            let due =
                oldest
                ? try [deliveries.takeOldest(destination, at: now)].compactMap { $0 }
                : try deliveries.takeDue(destination, at: now, limit: limit)
            jobs.reserveCapacity(due.count)
            for waiting in try deliveries.load(due, destination: destination) {
                if let job = try job(waiting, target, destination) { jobs.append(job) }
            }
            try deliveries.open(jobs, destination: destination, at: now)
            nextDue = try deliveries.nextDue(destination, at: now)
        }
        effects.news.append(
            .claimed(destination: name, jobs: jobs, limit: limit, nextDue: nextDue))
    }

    /// Looks at consent once more when it may have changed; nil when it has ended the delivery.
    private func job(
        _ waiting: DeliveryTable.Waiting, _ target: Destination, _ destination: Int64
    ) throws -> Job? {
        let id = DeliveryID(event: waiting.id, destination: target.name)
        let event: Event
        var identity: Identity
        switch waiting.event {
        case .success(let found): (event, identity) = found
        case .failure(let error):
            // One event that cannot be read must not keep the others from being claimed.
            try end(
                id, destination, .mapping, "the stored event cannot be read: \(error.message)", nil)
            return nil
        }
        // A replay is for the person as they are known now.
        let isReplay = waiting.run > 1
        if isReplay { identity = try current(identity) }
        if isReplay || people.watch.mayDiffer(id.event, identity) {
            let verdict = try pipeline.recheck(event, identity, destination: target, in: people)
            if let reason = verdict.reason {
                try end(id, destination, reason, verdict.detail, verdict.record)
                return nil
            }
        }
        return try deliveries.job(
            id, waiting, event, identity, destination: destination, decidedAt: change)
    }

    /// Ends a delivery that was about to be tried.
    private func end(
        _ id: DeliveryID, _ destination: Int64, _ reason: Reason, _ detail: String?,
        _ consent: ConsentRecord?
    ) throws {
        effects.count(.ended(destination: id.destination, reason.state, reason))
        let isFollowed = try deliveries.end(
            id, destination: destination, reason, detail: detail, consent, at: now)
        if isFollowed { effects.waiting.insert(id.destination) }
    }
}
