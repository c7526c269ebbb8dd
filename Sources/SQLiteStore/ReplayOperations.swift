import Consent
import Deliver
package import Events
import Identify
import JSON
import Map
import Pipeline

/// Deliveries that are sent again on an operator's order.
package struct ReplayOrder: Sendable {
    package var deliveries: [DeliveryID]
    /// The requests of the last run, byte for byte, instead of new ones.
    package var asWas: Bool
    /// Deliveries a second, over all slices of one replay.
    package var perSecond: Double
    /// How many went before in earlier slices.
    package var first = 0
    /// What the operator asked for, for the audit.
    package var reason: String

    package init(
        deliveries: [DeliveryID], asWas: Bool, perSecond: Double, reason: String
    ) {
        self.deliveries = deliveries
        self.asWas = asWas
        self.perSecond = perSecond
        self.reason = reason
    }

    /// What came of it.
    package struct Result: Sendable, Equatable {
        package var queued = 0
        /// Decided again, and not to be sent.
        package var filtered = 0
        /// Not in a final state, without a body or without requests of old.
        package var refused = 0

        package init() {}
    }
}

extension SQLiteStore {
    /// Begins the next run of each delivery.
    package func replay(_ replay: ReplayOrder) async throws(Problem) -> ReplayOrder.Result {
        try await order { try $0.replay(replay) }
    }
}

extension Writer {
    func replay(_ replay: ReplayOrder) throws -> ReplayOrder.Result {
        var result = ReplayOrder.Result()
        let now = clock.now()
        change += 1
        for (index, id) in replay.deliveries.enumerated() {
            let due = now + Int64(Double(replay.first + index) / max(replay.perSecond, 0.01) * 1000)
            switch try begin(id, asWas: replay.asWas, due: due, now) {
            case .queued: result.queued += 1
            case .filtered: result.filtered += 1
            case .refused: result.refused += 1
            }
        }
        try audit(
            "replay", replay.reason,
            "\(result.queued) queued, \(result.filtered) filtered, \(result.refused) refused")
        return result
    }

    private enum Beginning { case queued, filtered, refused }

    private func begin(
        _ id: DeliveryID, asWas: Bool, due: Timestamp, _ now: Timestamp
    ) throws -> Beginning {
        guard let destination = pipeline[id.destination],
            let row = try events.load(id.event), !row.event.document.root.isEmpty
        else { return .refused }
        let number = try destinations.number(id.destination)
        guard try isFinal(id, number) else { return .refused }
        let pinned = asWas ? try lastPinned(id, number) : nil
        if asWas, pinned == nil { return .refused }
        let identity = try current(row.identity)
        let verdict = try pipeline.replan(
            row.event, identity, destination: destination, in: people)
        // Requests of old are sent as they are; only the person can keep them back.
        let reason = asWas ? verdict.reason.flatMap(Self.personal) : verdict.reason
        let isFree = deliveries.lanes.occupancy(number, identity.lane) != .taken
        let update = try connection.prepare(
            """
            UPDATE deliveries SET run = run + 1, state = ?, reason = ?, detail = ?, consent = ?,
                revision = iif(?, revision, ?), attempt = 0, tries = 0, step = 0, status = NULL,
                due_at = ?, opened_at = NULL, ended_at = ?, passed = 0, out_of_order = 0,
                pinned = ?
            WHERE event = ? AND destination = ?
                AND state IN ('delivered', 'filtered', 'failed', 'expired', 'cancelled')
            """)
        update.bind(1, (reason?.state ?? .queued).rawValue).bind(2, reason?.rawValue)
            .bind(3, reason == nil ? destination.remark : verdict.detail)
            .bind(4, verdict.record?.text).bind(5, asWas ? 1 : 0)
            .bind(6, destination.blueprint.revision)
            .bind(7, reason == nil && isFree ? due.milliseconds : nil)
            .bind(8, reason == nil ? nil : now.milliseconds).bind(9, pinned)
            .bind(10, id.event.number).bind(11, number)
        try update.run()
        guard connection.changes == 1 else { return .refused }
        if reason == nil {
            deliveries.lanes.add(id.event, number, identity.lane) { _ in
                isFree ? .started : .behind
            }
            effects.waiting.insert(id.destination)
        }
        return reason == nil ? .queued : .filtered
    }

    private func isFinal(_ id: DeliveryID, _ destination: Int64) throws -> Bool {
        let select = try connection.prepare(
            "SELECT state FROM deliveries WHERE event = ? AND destination = ?")
        guard try select.bind(1, id.event.number).bind(2, destination).step() else { return false }
        return DeliveryState(rawValue: select.text(0) ?? "")?.isFinal ?? false
    }

    /// Reasons that are the person's and not the blueprint's.
    private static func personal(_ reason: Reason) -> Reason? {
        [.consent, .suppressed, .erased, .integrations, .destinationDisabled].contains(reason)
            ? reason : nil
    }

    /// The identity with the email that is known by now.
    func current(_ identity: Identity) throws -> Identity {
        guard let user = identity.userID,
            let email = try people.identity(IdentityKey(.user, user))?.email
        else { return identity }
        var current = identity
        current.email = email
        return current
    }

    /// The last run that built requests of its own; nil when none is left.
    private func lastPinned(_ id: DeliveryID, _ destination: Int64) throws -> Int64? {
        let select = try connection.prepare(
            """
            SELECT max(run) FROM attempts
            WHERE event = ? AND destination = ? AND requests IS NOT NULL
            """)
        _ = try select.bind(1, id.event.number).bind(2, destination).step()
        return select.optionalInt64(0)
    }
}
