import Consent
import Deliver
import Events
import Log
import Pipeline
import Store
import Webhooks

/// Carries orders out in the store of this process: in the server's, or in one that a command has
/// opened because no server runs.
struct LocalOperations: Operations {
    let folder: DataFolder
    let store: StoreEngine
    let log: any DeliveryLog
    /// The pipeline and its webhook sources, as they are now.
    let pipeline: @Sendable () -> (pipeline: Pipeline, webhooks: [WebhookSource])
    let clock: WorldClock
    /// True while deliveries are made: then an order may have to wait for what is under way.
    let isServing: Bool

    /// The time that deliveries under way get to end before the rest is dropped.
    private static let dropPatience: Duration = .seconds(20)
    private static let pause: Duration = .milliseconds(100)

    func hold(_ destination: String, because reason: String) async throws {
        _ = try row(of: destination)
        try await store.hold(destination, because: reason)
    }

    func release(_ destination: String) async throws -> Bool {
        _ = try row(of: destination)
        return try await store.release(destination)
    }

    func probe(_ destination: String) async throws {
        _ = try row(of: destination)
        guard isServing else {
            throw Problem(
                code: "no_server", message: "No server runs that could try it.",
                hint: "Start it: sluice serve")
        }
        try await store.probe(destination)
    }

    func drop(_ destination: String) async throws -> Int {
        let isHeld = try row(of: destination).hold != nil
        let dropped =
            isServing && !isHeld
            ? await dropHolding(destination) : await dropAll(destination)
        return try dropped.get()
    }

    func cancel(_ delivery: DeliveryID) async throws {
        switch try await store.cancel(delivery) {
        case nil: throw Problem.noSuchDelivery(delivery.text)
        case .queued, .retrying: break
        case .sending:
            throw Problem(
                code: "not_waiting", message: "It is being sent at this moment.",
                hint: "See what comes of it with: sluice delivery \(delivery.text)")
        case let state?:
            throw Problem(
                code: "not_waiting", message: "It has ended already: it is \(state.rawValue).",
                hint: "See it with: sluice delivery \(delivery.text)")
        }
    }

    func replay(_ order: ReplayOrder) async throws -> ReplayOrder.Outcome {
        try await store.replay(order)
    }

    func setConsent(
        of id: String, to answers: [ConsentChoice], lifting: Bool
    ) async throws -> PersonChange {
        let now = clock.now()
        let reader = pipeline().pipeline.consent
        let hasRules = !pipeline().pipeline.destinations.isEmpty
        let answers = try answers.map { choice in
            // Without a pipeline nobody can say which categories the site has.
            guard
                let category = reader.category(of: choice.category)
                    ?? (hasRules ? nil : choice.category)
            else {
                throw Problem.unknownCategory(choice.category, among: reader.categoryNames)
            }
            guard category != "essential" || choice.isGranted else {
                throw Problem(
                    code: "unknown_category", message: "\"essential\" is always granted.",
                    hint: "To stop every destination for a person: sluice suppress ID")
            }
            return ConsentAnswer(
                category: category, granted: choice.isGranted, at: now,
                origin: "sluice consent set", isOperators: true)
        }
        return try await store.setConsent(of: id, to: answers, lifting: lifting)
    }

    func suppress(_ id: String, because reason: String) async throws -> PersonChange {
        try await store.suppress(id, because: reason)
    }

    func liftSuppression(of id: String) async throws -> PersonChange {
        try await store.liftSuppression(of: id)
    }

    func allowAgain(_ id: String) async throws -> PersonChange {
        try await store.allowAgain(id)
    }

    func forget(_ id: String) async throws -> ForgetReport {
        try await Forgetting(
            store: store, log: log, pipeline: pipeline().pipeline, clock: clock,
            isServing: isServing
        ).run(id)
    }

    func reprocess(_ source: String, number: Int64?) async throws -> ReprocessReport {
        try await KeptBodies(store: store, log: log, sources: pipeline().webhooks)
            .reprocess(source, number: number)
    }

    func backup(to path: String) async throws { try folder.backup(to: path) }

    func check() async throws -> [String] { try folder.check() }

    func compact() async throws {
        guard !isServing else { throw folder.inUse }
        try await store.compact()
    }

    // MARK: Steps

    private func row(of destination: String) throws -> DestinationRow {
        let rows = try log.destinations()
        guard let row = rows.first(where: { $0.name == destination }) else {
            throw Problem.noSuchDestination(destination, among: rows.map(\.name))
        }
        return row
    }

    /// Holds the destination first, so that the deliveries in the deliverer's memory go back into
    /// the store.
    ///
    /// Whatever comes of it, what was not held before is not held after.
    ///
    /// Not inlined: Swift 6.3.1 crashes when it optimises `drop` with this inside.
    @inline(never)
    private func dropHolding(_ destination: String) async -> Result<Int, Problem> {
        do throws(Problem) {
            try await store.hold(destination, because: "Its waiting deliveries are dropped.")
            let dropped = await dropAll(destination)
            _ = try await store.release(destination)
            return dropped
        } catch {
            return .failure(error)
        }
    }

    /// Cancels slice after slice, and waits a while for deliveries that are under way.
    private func dropAll(_ destination: String) async -> Result<Int, Problem> {
        var dropped = 0
        var waited: Duration = .zero
        while waited < Self.dropPatience {
            let step: DropStep
            do throws(Problem) {
                step = try await store.drop(destination)
            } catch {
                return .failure(error)
            }
            dropped += step.dropped
            if step.dropped > 0 { continue }
            if step.sending == 0 || !isServing { break }
            waited += Self.pause
            try? await Task.sleep(for: Self.pause)
        }
        return .success(dropped)
    }
}
