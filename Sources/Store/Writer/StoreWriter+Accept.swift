package import Accept
import Consent
import Deliver
import Events
import Identify
package import Pipeline

// The steps of every event that comes in, inside one transaction:
//
//   repeat?    its message id came before from the same source: its first event answers
//   decide     who is it, may it go, and to whom (`Pipeline.decide`); people are learnt on the way
//   keep       the event, and the keys it is found by
//   lane       each delivery into the lane of its person and destination, filtered ones aside
//   hand over  the head of a free lane to the deliverer, when there is a place in its memory
//
// The answer to the sender, and the jobs for the deliverer, follow after the commit.
extension StoreWriter {
    /// Stores an envelope: each event with all that follows from it, and its rejections.
    ///
    /// - Parameter replaced: rejected bodies that these events are read from; they are removed.
    ///   When somebody else has removed them meanwhile, nothing is accepted.
    package func accept(
        _ prepared: PreparedEnvelope, from source: String, replacing replaced: [Int64] = []
    ) throws -> [Receipt] {
        let envelope = prepared.envelope
        let number = try session.number(ofSource: source)
        if !envelope.events.isEmpty { lastSeen.eventCame(from: number, at: now) }
        if !replaced.isEmpty, try !removeRejections(replaced, of: source) { return [] }
        var receipts: [Receipt] = []
        receipts.reserveCapacity(envelope.events.count)
        let order: AnswerOrder =
            envelope.isHistorical || !replaced.isEmpty ? .ownTime : .accepted
        for (index, item) in envelope.events.enumerated() {
            receipts.append(
                try accept(item.event, prepared.parts[index], from: number, weighing: order))
        }
        for rejection in envelope.rejections {
            let isKept = try !namesForgotten(rejection.body)
            try session.insert(isKept ? rejection : rejection.emptied, from: source, at: now)
        }
        count(receipts, rejected: envelope.rejections.count, from: source)
        return receipts
    }

    private func accept(
        _ incoming: Event, _ part: PreparedEnvelope.Part, from source: SourceNumber,
        weighing order: AnswerOrder
    ) throws -> Receipt {
        let event = incoming.accepted(as: EventID.next(after: lastEvent, at: incoming.receivedAt))
        let message = part.message ?? Hasher128.digest(ofMessageID: event.messageID)
        if let first = try session.event(withMessage: message, from: source) {
            return Receipt(id: first, messageID: event.messageID, duplicate: true)
        }
        let decision = try decide(event, part, weighing: order)
        let isEmptied = decision.isForgotten && decision.deliveries.allSatisfy { $0.reason != nil }
        try keep(event, decision.identity, from: source, message: message, isEmptied: isEmptied)
        // A forgotten person's unsubscribe or deletion has to arrive first.
        if decision.isForgotten, !isEmptied { try session.postponeEmptying(of: event.id) }
        let identity = isEmptied ? .nobody : decision.identity
        if let device = decision.knownDevice { try releaseWaiting(for: device) }
        for planned in decision.deliveries { try queue(planned, of: event, identity) }
        if !decision.changes.isEmpty {
            try audit(
                "effect", of: event.id.text, detail: decision.changes.joined(separator: "; "))
        }
        return Receipt(id: event.id, messageID: event.messageID, duplicate: false)
    }

    private func decide(
        _ event: Event, _ part: PreparedEnvelope.Part, weighing order: AnswerOrder
    ) throws -> Pipeline.Decision {
        lastEvent = event.id
        changeNumber += 1
        if let user = event.userID, let digest = part.user {
            people.expect(IdentityKey(.user, user), digest: digest)
        }
        var store = people
        return try pipeline.decide(event, part.reading, weighing: order, in: &store)
    }

    /// Inserts the event; of a forgotten person, only that there was one.
    private func keep(
        _ event: Event, _ identity: Identity, from source: SourceNumber, message: Digest128,
        isEmptied: Bool
    ) throws {
        let record = EventRecord(
            event: event, identity: identity, source: source, message: message,
            userKey: eventKey(of: identity).map { people.number(of: $0) },
            emailKey: identity.email.map { people.number(of: IdentityKey(.email, $0)) })
        try session.insert(isEmptied ? record.emptied : record)
    }

    /// The identifier under which an event is found: its user, else the user its anonymous id leads
    /// to, else the anonymous id.
    private func eventKey(of identity: Identity) -> IdentityKey? {
        identity.person.map { IdentityKey(.user, $0) }
            ?? identity.anonymousID.map { IdentityKey(.anonymous, $0) }
    }

    private func queue(
        _ planned: Pipeline.Planned, of event: Event, _ identity: Identity
    ) throws {
        let name = planned.destination
        let destination = try session.number(ofDestination: name)
        var start = DeliveryRecord.Start.ended
        var isOutOfOrder = false
        if planned.reason == nil {
            lanes.add(event.id, to: identity.lane, of: destination) { occupancy in
                isOutOfOrder = occupancy == .passed
                start = occupancy == .taken ? .behind : takePlace(at: name) ? .handedOver : .ready
                return start.phase
            }
        }
        try session.insert(
            DeliveryRecord(
                planned: planned, event: event, lane: identity.lane, destination: destination,
                start: start, isOutOfOrder: isOutOfOrder))
        gatherEffects(of: planned, from: start, event, identity)
    }

    /// Gathers what follows after the commit from where a delivery begins.
    private func gatherEffects(
        of planned: Pipeline.Planned, from start: DeliveryRecord.Start, _ event: Event,
        _ identity: Identity
    ) {
        let name = planned.destination
        switch start {
        case .ended:
            let state = planned.reason?.state ?? .filtered
            effects.count(.ended(destination: name, state, planned.reason))
        case .behind: break
        case .ready: effects.destinationsToWake.insert(name)
        case .handedOver:
            effects.handedOver.append(
                Job(
                    id: DeliveryID(event: event.id, destination: name), run: 1, attempt: 1,
                    tries: 0, step: 0, event: event, identity: identity,
                    revision: planned.revision, decidedAt: changeNumber, plan: planned.plan))
        }
    }

    private func takePlace(at destination: String) -> Bool {
        guard room.takeFresh(destination) else { return false }
        effects.places.append(destination)
        return true
    }

    /// - Returns: false when none of them was there any more.
    private func removeRejections(_ numbers: [Int64], of source: String) throws -> Bool {
        let removed = try session.removeRejections(numbers, of: source)
        if removed > 0 {
            try audit(
                "source replay", of: source, detail: "\(removed) kept bodies read again")
        }
        return removed > 0
    }

    private func count(_ receipts: [Receipt], rejected: Int, from source: String) {
        let duplicates = receipts.count { $0.duplicate }
        effects.count(.accepted(source: source), receipts.count - duplicates)
        if duplicates > 0 { effects.count(.duplicate(source: source), duplicates) }
        if rejected > 0 { effects.count(.rejected(source: source), rejected) }
    }
}

/// An envelope with everything that its sender's thread can compute before the writer has it.
///
/// Digests and the first reading of an event cost about half of a decision. The writer is one
/// thread; senders are many.
package struct PreparedEnvelope: Sendable {
    let envelope: Envelope
    /// One for each event, in their order.
    let parts: [Part]

    struct Part: Sendable {
        /// The digest of the message id; nil without one.
        let message: Digest128?
        /// The keyed hash of the user id; nil without one.
        let user: Digest128?
        /// Nil without a message id: the event gets one later, and rules may ask for it.
        let reading: Pipeline.Reading?
    }

    /// - Parameter pipeline: decides later; by another one the readings count for nothing.
    package init(_ envelope: Envelope, hasher: Hasher128, pipeline: Pipeline) {
        self.envelope = envelope
        parts = envelope.events.map { _, event in
            let isNamed = !event.messageID.isEmpty
            return Part(
                message: isNamed ? Hasher128.digest(ofMessageID: event.messageID) : nil,
                user: event.userID.map { hasher.digest(of: IdentityKey(.user, $0)) },
                reading: isNamed ? pipeline.read(event) : nil)
        }
    }
}
