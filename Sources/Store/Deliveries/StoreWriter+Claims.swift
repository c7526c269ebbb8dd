import Consent
import Deliver
import Events
import Pipeline

/// Claims: deliveries that wait in the store go to the deliverer, with their next attempt open.
extension StoreWriter {
    /// Opens the next attempts of deliveries that may go to a destination.
    ///
    /// - Parameters:
    ///   - oldestOnly: takes one, the oldest by acceptance: a probe.
    ///   - except: events whose deliveries a probe leaves out.
    func claim(
        at name: String, limit: Int, oldestOnly: Bool, except: [EventID] = []
    ) throws {
        let destination = try session.number(ofDestination: name)
        let now = now
        var jobs: [Job] = []
        var nextDue: Timestamp?
        changeNumber += 1
        if let target = pipeline[name] {
            if oldestOnly {
                jobs = try takeProbe(of: target, at: destination, now, except: except)
            } else {
                let due = try takeDue(at: destination, now, limit: limit)
                jobs = try self.jobs(due, for: target, at: destination)
            }
            try session.open(jobs.map(\.id.event), at: destination, moment: now)
            nextDue = try lanes.hasReady(destination) ? now : session.nextDue(at: destination)
        }
        effects.news.append(
            .claimed(destination: name, jobs: jobs, limit: limit, nextDue: nextDue))
    }

    private func jobs(
        _ events: [EventID], for target: Destination, at destination: DestinationNumber
    ) throws -> [Job] {
        var jobs: [Job] = []
        jobs.reserveCapacity(events.count)
        for waiting in try session.waiting(events, at: destination) {
            if let job = try job(waiting, for: target, at: destination) { jobs.append(job) }
        }
        return jobs
    }

    /// Deliveries that end instead of being probed, for want of consent, before a claim gives up.
    private static let probesLookedAt = 256

    /// Takes the oldest delivery that may be tried, past those that end instead.
    private func takeProbe(
        of target: Destination, at destination: DestinationNumber, _ now: Timestamp,
        except: [EventID]
    ) throws -> [Job] {
        for _ in 0..<Self.probesLookedAt {
            guard let event = try takeOldest(at: destination, now, except: except) else { break }
            let jobs = try jobs([event], for: target, at: destination)
            if !jobs.isEmpty { return jobs }
        }
        return []
    }

    /// Takes half of what was due at a time, and half of what has been ready longest: neither waits
    /// for all of the other.
    private func takeDue(
        at destination: DestinationNumber, _ now: Timestamp, limit: Int
    ) throws -> [EventID] {
        let share = lanes.hasReady(destination) ? max(1, limit / 2) : limit
        let timed = try session.due(at: destination, until: now, order: .dueTime, limit: share)
        for place in timed { lanes.start(place.event, in: place.lane, of: destination) }
        return timed.map(\.event) + lanes.takeReady(of: destination, upTo: limit - timed.count)
    }

    private func takeOldest(
        at destination: DestinationNumber, _ now: Timestamp, except: [EventID]
    ) throws -> EventID? {
        let timed = try session.due(
            at: destination, until: now, order: .acceptance, limit: except.count + 1
        ).first { !except.contains($0.event) }
        if let ready = lanes.takeOldestReady(
            of: destination, before: timed?.event, except: except)
        {
            return ready
        }
        if let timed { lanes.start(timed.event, in: timed.lane, of: destination) }
        return timed?.event
    }

    /// The job for the next attempt; nil when the delivery has ended instead.
    ///
    /// Consent is looked at once more where it can have changed.
    private func job(
        _ waiting: WaitingDelivery, for target: Destination, at destination: DestinationNumber
    ) throws -> Job? {
        let place = DeliveryPlace(waiting.id, destination)
        let event: Event
        var identity: Identity
        switch waiting.event {
        case .success(let found): (event, identity) = found
        case .failure(let error):
            // One event that cannot be read must not keep the others from being claimed.
            let detail = "the stored event cannot be read: \(error.message)"
            try end(place, at: target, as: DeliveryEnd(reason: .mapping, detail: detail))
            return nil
        }
        // A replay is for the person as they are known now.
        let isReplay = waiting.run > 1
        if isReplay { identity = try pipeline.current(identity, of: event, in: people) }
        identity.lane = waiting.lane
        if isReplay || people.watch.mayDiffer(waiting.id, for: identity) {
            let verdict = try pipeline.recheck(event, identity, destination: target, in: people)
            if let reason = verdict.reason {
                let end = DeliveryEnd(
                    reason: reason, detail: verdict.detail, consent: verdict.record)
                try self.end(place, at: target, as: end)
                return nil
            }
        }
        return try job(
            waiting, event: event, identity: identity, at: place, named: target.name)
    }

    private func job(
        _ waiting: WaitingDelivery, event: Event, identity: Identity, at place: DeliveryPlace,
        named name: String
    ) throws -> Job {
        // Nothing is pinned before the first attempt of the first run.
        let isFirst = waiting.run == 1 && waiting.attempt == 0
        let pinned = try isFirst ? [] : session.pinnedRequests(of: place)
        return Job(
            id: DeliveryID(event: place.event, destination: name), run: waiting.run,
            attempt: waiting.attempt + 1, tries: waiting.tries, step: waiting.step, event: event,
            identity: identity, content: pinned.isEmpty ? .unbuilt : .built(pinned, by: nil),
            revision: waiting.revision, decidedAt: changeNumber, sendsAsWas: waiting.sendsAsWas)
    }

    /// Ends a delivery that was about to be tried.
    private func end(
        _ place: DeliveryPlace, at target: Destination, as end: DeliveryEnd
    ) throws {
        effects.count(.ended(destination: target.name, end.reason.state, end.reason))
        guard let lane = try session.end(place, as: end, at: now) else { return }
        if try leave(lane, place.event, of: place.destination, at: now) {
            effects.destinationsToWake.insert(target.name)
        }
    }
}
