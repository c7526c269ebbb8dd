import Accept
import Consent
import Deliver
import Events
import Map
import Pipeline

/// Everything one transaction can do, on the writer's thread.
///
/// What must happen only after the commit is collected here and read by the caller then.
final class Writer {
    let connection: Connection
    let people: People
    let events: EventTable
    let deliveries: DeliveryTable
    private let insertRejection, insertAudit: Statement
    let keys: KeyIndex
    private let saveHold, saveRest: Statement
    let standings: Standings
    private let begin, commit: Statement
    var sources: NameTable
    var destinations: NameTable
    var pipeline: Pipeline { didSet { people.watch.restart(after: lastID) } }
    private let room: Room
    let clock: WorldClock
    private let isServer: Bool
    private var lastID: EventID
    /// Destinations of which has been told that something waits, until the next claim.
    private var awaited: Set<String> = []
    /// Counts changes, so that a delivery knows whether consent changed after it was decided.
    var change: Int64 = 0

    /// What the transaction leads to, after its commit.
    struct Effects {
        var handedOver: [Job] = []
        /// Places that were taken in memory for this transaction's deliveries.
        var places: [String] = []
        var waiting: Set<String> = []
        var news: [StoreNews] = []
        var counts: [Tally.Key: Int] = [:]
        var delivered: [String: Tally.Delivered] = [:]

        mutating func count(_ key: Tally.Key, _ number: Int = 1) {
            counts[key, default: 0] += number
        }
    }
    var effects = Effects()

    init(
        _ connection: Connection, pipeline: Pipeline, room: Room, clock: WorldClock,
        isServer: Bool, keyLimits: KeyLimits = KeyLimits()
    ) throws {
        self.connection = connection
        self.pipeline = pipeline
        self.room = room
        self.clock = clock
        let key = try connection.prepare("SELECT value FROM meta WHERE key = 'hash_key'")
        _ = try key.step()
        people = try People(connection, hasher: Hasher128(key: key.blob(0) ?? []))
        events = try EventTable(connection)
        deliveries = try DeliveryTable(connection, at: clock.now())
        keys = try KeyIndex(connection, keyLimits)
        insertRejection = try connection.prepare(
            """
            INSERT INTO rejections (source, received_at, message_id, code, message, hint, body,
                headers)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """)
        insertAudit = try connection.prepare(
            "INSERT INTO audit (at, action, subject, detail) VALUES (?, ?, ?, ?)")
        saveHold = try connection.prepare(
            """
            UPDATE destinations SET held_since = ?, hold_status = ?, hold_hint = ?, hold_fix = ?,
                hold_delivery = ?, held_by_operator = ?, resting_until = NULL WHERE id = ?
            """)
        standings = try Standings(connection)
        saveRest = try connection.prepare(
            "UPDATE destinations SET resting_until = ?, resting_hint = ? WHERE id = ?")
        begin = try connection.prepare("BEGIN IMMEDIATE")
        commit = try connection.prepare("COMMIT")
        sources = try NameTable(connection, "sources")
        destinations = try NameTable(connection, "destinations")
        lastID = EventID(
            number: Int64(try connection.text("SELECT max(id) FROM events") ?? "") ?? 0)
        people.watch.restart(after: lastID)
        // What rested before a restart is tried again.
        try connection.execute("UPDATE destinations SET resting_until = NULL")
        self.isServer = isServer
        try register(pipeline)
    }

    /// Names get their numbers, and blueprints are kept once per revision.
    func register(_ pipeline: Pipeline) throws {
        if isServer { try register(pipeline.sources) }
        let insert = try connection.prepare(
            "INSERT OR IGNORE INTO blueprints VALUES (?, ?, ?, ?)")
        let enable = try connection.prepare("UPDATE destinations SET is_enabled = ? WHERE id = ?")
        for destination in pipeline.destinations {
            let number = try destinations.number(destination.name)
            try enable.reset().bind(1, destination.isEnabled ? 1 : 0).bind(2, number).run()
            let blueprint = destination.blueprint
            insert.reset().bind(1, blueprint.revision).bind(2, blueprint.name)
                .bind(3, blueprint.text).bind(4, clock.now().milliseconds)
            try insert.run()
        }
    }

    /// How the sources stand, for people to see.
    private func register(_ rules: [SourceRules]) throws {
        guard !rules.isEmpty else { return }
        try connection.execute("UPDATE sources SET is_configured = 0")
        let update = try connection.prepare(
            "UPDATE sources SET kind = ?, off_reason = ?, is_configured = 1 WHERE id = ?")
        for source in rules {
            update.reset().bind(1, source.kind).bind(2, source.offReason)
                .bind(3, try sources.number(source.name))
            try update.run()
        }
    }

    /// Runs `body` in one transaction; on an error nothing of it remains, in the file or here.
    ///
    /// - Parameter isLast: what waits to be written for people is written now.
    func transaction(isLast: Bool = false, _ body: () throws -> Void) throws {
        effects = Effects()
        people.begin()
        try begin.reset().run()
        do {
            try body()
            try flush()
            try standings.save(at: clock.now(), atOnce: isLast)
            try deliveries.savePromoted(at: clock.now(), atOnce: isLast)
            try keys.settle()
            try commit.reset().run()
        } catch {
            try? connection.execute("ROLLBACK")
            events.new.discard()
            deliveries.discard()
            keys.undo()
            standings.undo()
            deliveries.lanes.undo()
            for place in effects.places { room.give(place) }
            sources.forgetFresh()
            destinations.forgetFresh()
            effects = Effects()
            throw error
        }
        if people.watch.isFull { people.watch.restart(after: lastID) }
        keys.keep()
        standings.keep()
        deliveries.lanes.keep()
        sources.keepFresh()
        destinations.keepFresh()
        finishEffects()
    }

    /// Writes the events and deliveries that were taken: one of them may be recorded now.
    private func flushNew() throws {
        try events.new.flush()
        try deliveries.new.flush()
    }

    /// Writes all that was taken; before anything else looks for it.
    func flush() throws {
        try events.new.flush()
        try deliveries.flush()
    }

    /// Whether something is known that people cannot see yet.
    var hasUnsaved: Bool { standings.isNew || deliveries.lanes.hasPromoted }

    private func finishEffects() {
        if !effects.handedOver.isEmpty { effects.news.append(.handedOver(effects.handedOver)) }
        if !people.consentChanges.isEmpty {
            effects.news.append(.consentChanged(people.consentChanges, at: change))
        }
        for name in effects.waiting where awaited.insert(name).inserted {
            effects.news.append(.waiting(destination: name))
        }
    }

    // MARK: Accepting

    /// Stores an envelope: each event with all that follows from it.
    ///
    /// - Parameter clearing: rejections that this is the better reading of.
    func accept(
        _ prepared: SQLiteStore.Prepared, from source: String, clearing: [Int64] = []
    ) throws -> [Receipt] {
        let envelope = prepared.envelope
        let sourceNumber = try sources.number(source)
        if !envelope.events.isEmpty { standings.noteEvent(sourceNumber, at: clock.now()) }
        // What somebody else has read again in the meantime is not read twice.
        if !clearing.isEmpty, try !clear(clearing, source) { return [] }
        var receipts: [Receipt] = []
        receipts.reserveCapacity(envelope.events.count)
        for (index, item) in envelope.events.enumerated() {
            receipts.append(try accept(item.event, prepared.notes[index], sourceNumber))
        }
        let duplicates = receipts.count { $0.duplicate }
        effects.count(.accepted(source: source), receipts.count - duplicates)
        if duplicates > 0 { effects.count(.duplicate(source: source), duplicates) }
        if !envelope.rejections.isEmpty {
            effects.count(.rejected(source: source), envelope.rejections.count)
        }
        for rejection in envelope.rejections { try reject(rejection, source) }
        return receipts
    }

    private func clear(_ rejections: [Int64], _ source: String) throws -> Bool {
        let delete = try connection.prepare("DELETE FROM rejections WHERE id = ? AND source = ?")
        var cleared = 0
        for id in rejections {
            try delete.reset().bind(1, id).bind(2, source).run()
            cleared += connection.changes
        }
        if cleared > 0 {
            try audit("source replay", source, "\(cleared) kept bodies read again")
        }
        return cleared > 0
    }

    func audit(_ action: String, _ subject: String, _ detail: String) throws {
        insertAudit.reset().bind(1, clock.now().milliseconds).bind(2, action).bind(3, subject)
            .bind(4, detail)
        try insertAudit.run()
    }

    private func accept(
        _ incoming: Event, _ note: SQLiteStore.Prepared.Note, _ source: Int64
    ) throws -> Receipt {
        let event = incoming.taken(as: EventID.next(after: lastID, at: incoming.receivedAt))
        let digest = note.message ?? Hasher128.digest(messageID: event.messageID)
        if let first = try keys.event(digest, source: source) {
            return Receipt(id: first, messageID: event.messageID, duplicate: true)
        }
        lastID = event.id
        change += 1
        if let user = event.userID, let digest = note.user {
            people.expect(IdentityKey(.user, user), digest)
        }
        var store = people
        let decision = try pipeline.decide(event, note.reading, in: &store)
        let userKey = event.userID.map { people.number(of: IdentityKey(.user, $0)) }
        let emailKey = decision.identity.email.map { people.number(of: IdentityKey(.email, $0)) }
        events.new.add(
            EventTable.Row(
                event: event, identity: decision.identity, source: source, userKey: userKey,
                emailKey: emailKey))
        keys.add(
            KeyIndex.Entry(
                event: event.id.number, source: source, digest: digest, userKey: userKey,
                emailKey: emailKey))
        for planned in decision.deliveries { try queue(planned, event, decision.identity) }
        if !decision.changes.isEmpty {
            try audit("effect", event.id.text, decision.changes.joined(separator: "; "))
        }
        return Receipt(id: event.id, messageID: event.messageID, duplicate: false)
    }

    private func queue(
        _ planned: Pipeline.Planned, _ event: Event, _ identity: Identity
    ) throws {
        let name = planned.destination
        let placement = deliveries.insert(
            planned, event, lane: identity.lane, destination: try destinations.number(name),
            takePlace: { takePlace(name) })
        switch placement {
        case .filtered:
            let state = planned.reason?.state ?? .filtered
            effects.count(.ended(destination: name, state, planned.reason))
        case .behind: break
        case .waiting: effects.waiting.insert(name)
        case .handedOver:
            effects.handedOver.append(
                Job(
                    id: DeliveryID(event: event.id, destination: name), run: 1, attempt: 1,
                    tries: 0, step: 0, event: event, identity: identity,
                    revision: planned.revision, decidedAt: change, plan: planned.plan))
        }
    }

    private func takePlace(_ destination: String) -> Bool {
        guard room.takeFresh(destination) else { return false }
        effects.places.append(destination)
        return true
    }

    /// A small write that shows whether the file can be written again.
    func touch() throws {
        try connection.execute(
            "INSERT INTO meta VALUES ('touched', zeroblob(1)) ON CONFLICT DO UPDATE SET value = value"
        )
    }

    private func reject(_ rejection: Rejection, _ source: String) throws {
        insertRejection.reset().bind(1, source).bind(2, clock.now().milliseconds)
            .bind(3, rejection.messageID).bind(4, rejection.problem.code)
            .bind(5, rejection.problem.message).bind(6, rejection.problem.hint)
            .bind(7, rejection.body).bind(8, rejection.headers)
        try insertRejection.run()
    }

    // MARK: Delivering

    func perform(_ work: DeliveryWork) throws {
        if case .record = work { try flushNew() } else { try flush() }
        switch work {
        case .record(let outcome): try record(outcome)
        case .giveBack(let jobs):
            for job in jobs {
                let name = job.id.destination
                try deliveries.giveBack(
                    job, destination: try destinations.number(name), at: clock.now())
                effects.waiting.insert(name)
            }
        case .claim(let name, let limit, let oldest):
            awaited.remove(name)
            try claim(name, limit, oldest: oldest)
        case .hold(let name, let hold):
            if try !isHeldByOperator(name) { try save(hold, of: name) }
        case .release(let name, let byOperator):
            if try byOperator || !isHeldByOperator(name) { try save(nil, of: name) }
        case .rest(let name, let until, let hint):
            saveRest.reset().bind(1, until?.milliseconds).bind(2, until.map { _ in hint })
                .bind(3, try destinations.number(name))
            try saveRest.run()
        }
    }

    private func record(_ outcome: Outcome) throws {
        let name = outcome.job.id.destination
        let destination = try destinations.number(name)
        let becameDue = try deliveries.record(outcome, destination: destination)
        if becameDue { effects.waiting.insert(name) }
        effects.count(outcome, name)
        switch outcome.attempt.answerClass {
        case .delivered: standings.noteDelivered(destination, at: outcome.endedAt)
        default:
            let status = outcome.attempt.status.map { "\($0): " } ?? ""
            let words = outcome.attempt.note ?? outcome.hint ?? outcome.attempt.answer ?? ""
            standings.noteError(destination, status + words, at: outcome.endedAt)
        }
    }

    /// The time as the writer sees it.
    var now: Timestamp { clock.now() }

    // MARK: Destinations

    func save(_ hold: Hold?, of name: String) throws {
        let number = try destinations.number(name)
        saveHold.reset().bind(1, hold?.since.milliseconds).bind(2, hold?.status)
            .bind(3, hold?.hint).bind(4, hold?.fix).bind(5, hold?.delivery)
            .bind(6, hold?.byOperator == true ? 1 : 0).bind(7, number)
        try saveHold.run()
    }
}
