import Consent
package import Deliver
package import Events
package import Pipeline

/// Everything that one transaction of a store can do, by the rules that every store keeps.
///
/// One writer works on one session, on one thread. `transaction` runs a body between `begin` and
/// `commit`. What the body does in memory is done by participants: they keep it after the commit,
/// and undo it when anything fails. What must follow only after the commit is gathered in `effects`
/// and read by the caller then.
///
/// The rules stand in extensions: accepting, claims, deliveries, destinations, replay, people,
/// retention, and the start on what a crash left.
package final class StoreWriter {
    let session: any StoreSession
    let clock: WorldClock
    let people: People
    let lanes = Lanes()
    let lastSeen: LastSeen
    /// The calls that were refused and are not in the store yet.
    let refused = RefusedCalls()
    let room: Room
    /// True when the pipeline is the running server's: only its sources are shown in the status.
    let isServer: Bool
    /// How far away retries may be.
    let schedule: Schedule
    private let participants: [any TransactionParticipant]

    /// The rules by which events are decided.
    ///
    /// Another pipeline decides anew about what waits.
    package internal(set) var pipeline: Pipeline {
        didSet { people.watch.restart(after: lastEvent) }
    }
    /// The newest event.
    var lastEvent: EventID
    /// Counts changes of what is stored, so that a delivery knows whether consent changed after it
    /// was decided.
    var changeNumber: Int64 = 0
    /// Destinations whose deliverer was told that something waits, until its next claim.
    var awaitingClaim: Set<String> = []
    /// Everything that follows from the last transaction.
    var effects = Effects()

    /// Opens the rules on a session: reads the lanes, and takes up what a crash left.
    ///
    /// - Parameters:
    ///   - crashedOn: the delivery whose request was being built when the program last ended.
    package init(
        _ session: any StoreSession, pipeline: Pipeline, room: Room, clock: WorldClock,
        isServer: Bool, schedule: Schedule = Schedule(), crashedOn: DeliveryID? = nil
    ) throws {
        self.session = session
        self.pipeline = pipeline
        self.room = room
        self.clock = clock
        self.isServer = isServer
        self.schedule = schedule
        people = People(session, hasher: Hasher128(key: session.hashKey))
        lastSeen = LastSeen(session)
        participants = [people, lanes, lastSeen, refused]
        lastEvent = try session.lastEvent()
        people.watch.restart(after: lastEvent)
        try transaction { try start(crashedOn: crashedOn) }
    }

    var now: Timestamp { clock.now() }

    // MARK: Transactions

    /// Runs `body` in one transaction; on an error nothing of it remains, in the store or here.
    ///
    /// - Parameter isLast: true writes at once what is otherwise written a little later for people.
    func transaction(isLast: Bool = false, _ body: () throws -> Void) throws {
        effects = Effects()
        do {
            try session.begin()
            try body()
            try lastSeen.save(at: now, atOnce: isLast)
            try refused.save(at: now, atOnce: isLast, in: session)
            try showReady(at: now, atOnce: isLast)
            try session.commit()
        } catch {
            session.rollback()
            for participant in participants { participant.undo() }
            for place in effects.places { room.give(place) }
            effects = Effects()
            throw error
        }
        finishEffects()
        for participant in participants { participant.keep() }
        if people.watch.isFull { people.watch.restart(after: lastEvent) }
    }

    private func finishEffects() {
        if !effects.handedOver.isEmpty { effects.news.append(.handedOver(effects.handedOver)) }
        if !people.changedConsent.isEmpty {
            effects.news.append(.consentChanged(people.changedConsent, at: changeNumber))
        }
        for name in effects.destinationsToWake where awaitingClaim.insert(name).inserted {
            effects.news.append(.waiting(destination: name))
        }
    }

    /// True while something is known that people who look cannot see yet.
    var hasUnsaved: Bool {
        lastSeen.hasPending || lanes.hasPromoted || refused.hasPending
    }

    func audit(_ action: String, of subject: String, detail: String = "") throws {
        try session.insert(
            AuditEntry(at: now, action: action, subject: subject, detail: detail))
    }

    // MARK: The pipeline

    /// Makes a pipeline's names and blueprints known to the store.
    func register(_ pipeline: Pipeline) throws {
        if isServer, !pipeline.sources.isEmpty { try session.saveSources(pipeline.sources) }
        if isServer, !pipeline.revision.isEmpty {
            try keep(PipelineChange(revision: pipeline.revision, at: now))
        }
        try session.saveDestinations(pipeline.destinations, areAll: isServer)
        for destination in pipeline.destinations {
            try session.keepBlueprint(of: destination, at: now)
        }
    }

    /// Keeps which pipeline runs, or that a changed one was refused.
    func keep(_ change: PipelineChange) throws {
        try session.save(change)
        try audit(
            change.fault == nil ? "pipeline taken" : "pipeline refused", of: change.revision,
            detail: change.fault ?? "")
    }

    /// The destination for which most deliveries wait, and how many.
    var longestQueue: (name: String, waiting: Int)? {
        session.destinations.map { (name: $0.key, waiting: lanes.count($0.value)) }
            .max { $0.waiting < $1.waiting }
    }
}
