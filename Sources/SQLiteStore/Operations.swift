import Consent
package import Deliver
package import Events
package import Pipeline

extension SQLiteStore {
    /// Does something in a transaction of the writer, and gives its answer after the commit.
    ///
    /// - Parameter afterwards: done after the commit, before the answer is given.
    func order<Answer: Sendable>(
        afterwards: @escaping @Sendable (Writer) -> Void = { _ in },
        _ body: @escaping @Sendable (Writer) throws -> Answer
    ) async throws(Problem) -> Answer {
        try await ask { .order(Self.order($0, afterwards, body)) }
    }

    /// Does something outside every transaction, such as cleaning the file.
    func outside<Answer: Sendable>(
        _ body: @escaping @Sendable (Writer) throws -> Answer
    ) async throws(Problem) -> Answer {
        try await ask { .outside(Self.order($0, { _ in }, body)) }
    }

    private static func order<Answer: Sendable>(
        _ continuation: CheckedContinuation<Result<Answer, Problem>, Never>,
        _ afterwards: @escaping @Sendable (Writer) -> Void,
        _ body: @escaping @Sendable (Writer) throws -> Answer
    ) -> Order {
        Order { writer in
            let answer = try body(writer)
            return {
                afterwards(writer)
                continuation.resume(returning: .success(answer))
            }
        } refuse: {
            continuation.resume(returning: .failure(unavailable))
        }
    }

    /// Decides by another pipeline from here on; what was decided stays.
    ///
    /// Gives the destinations that are held now.
    package func replace(
        _ pipeline: Pipeline
    ) async throws(Problem) -> [String: HoldKind] {
        try await order(afterwards: { [self] writer in
            writer.pipeline = pipeline
            self.pipeline.withLock { $0 = pipeline }
        }) { writer in
            try writer.register(pipeline)
            return try Self.heldDestinations(writer.connection)
        }
    }

    /// Keeps what is wrong with the pipeline file, for the status; nil when nothing is.
    package func noteReload(_ fault: String?) async throws(Problem) {
        try await order { writer in
            let save = try writer.connection.prepare(
                "INSERT INTO meta VALUES ('reload_fault', ?) ON CONFLICT DO UPDATE SET value = ?1")
            try save.bind(1, Array((fault ?? "").utf8)).run()
        }
    }

    /// Releases a held destination; false when it was not held.
    package func release(_ destination: String) async throws(Problem) -> Bool {
        try await order { try $0.release(destination) }
    }

    /// Keeps a destination's deliveries until an operator releases it.
    package func hold(_ destination: String, because: String) async throws(Problem) {
        try await order { try $0.hold(destination, because: because) }
    }

    /// Has one waiting delivery of a held or resting destination tried now.
    package func probe(_ destination: String) async throws(Problem) {
        try await order { try $0.probe(destination) }
    }

    /// Ends what waits for a destination; gives how many, and how many are still under way.
    package func drop(_ destination: String) async throws(Problem) -> DropStep {
        try await order { try $0.drop(destination) }
    }
}

/// What one slice of dropping a destination's deliveries came to.
package struct DropStep: Sendable {
    package let dropped: Int
    /// How many are still under way.
    package let sending: Int
}

extension Writer {
    /// What an operator ordered is not undone by what an answer meant.
    func isHeldByOperator(_ name: String) throws -> Bool {
        let select = try connection.prepare(
            "SELECT 1 FROM destinations WHERE name = ? AND held_by_operator = 1")
        return try select.bind(1, name).step()
    }

    func release(_ name: String) throws -> Bool {
        let held = try connection.prepare(
            "SELECT 1 FROM destinations WHERE name = ? AND held_since IS NOT NULL")
        let wasHeld = try held.bind(1, name).step()
        held.reset()
        // Also told when the file says that it is not: nothing may stay stuck.
        effects.news.append(.released(destination: name))
        guard wasHeld else { return false }
        try save(nil, of: name)
        try audit("release", name, "")
        return true
    }

    func hold(_ name: String, because: String) throws {
        var hold = Hold(
            since: clock.now(), status: nil, hint: because,
            fix: "Release it when it may go on.", delivery: "")
        hold.byOperator = true
        try save(hold, of: name)
        try audit("hold", name, because)
        effects.news.append(.heldByOperator(destination: name))
    }

    func probe(_ name: String) throws {
        try audit("probe", name, "")
        effects.news.append(.probe(destination: name))
    }

    /// Deliveries ended at once; the newest first, so that a lane's head ends last.
    private static let dropSlice = 5_000

    func drop(_ name: String) throws -> DropStep {
        let number = try destinations.number(name)
        let update = try connection.prepare(
            """
            UPDATE deliveries SET state = 'cancelled', reason = 'dropped', due_at = NULL,
                ended_at = ?1
            WHERE destination = ?2 AND event IN (
                SELECT event FROM deliveries
                WHERE destination = ?2 AND state IN ('queued', 'retrying') AND \(Schema.open)
                ORDER BY event DESC LIMIT \(Self.dropSlice))
            RETURNING event, lane
            """)
        update.bind(1, clock.now().milliseconds).bind(2, number)
        var dropped = 0
        while try update.step() {
            deliveries.lanes.remove(
                EventID(number: update.int64(0)), number, LaneKey(number: update.int64(1)))
            dropped += 1
        }
        let count = try connection.prepare(
            """
            SELECT count(*) FROM deliveries
            WHERE destination = ? AND state = 'sending' AND \(Schema.open)
            """)
        _ = try count.bind(1, number).step()
        if dropped > 0 { try audit("drop", name, "\(dropped) waiting deliveries") }
        return DropStep(dropped: dropped, sending: count.int(0))
    }
}
