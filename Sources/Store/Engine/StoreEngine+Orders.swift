package import Consent
package import Deliver
package import Events
package import Pipeline

/// The orders that a store carries out by itself, each in one transaction of the writer.
extension StoreEngine {
    /// Decides new events by another pipeline from here on.
    ///
    /// Deliveries that wait are looked at again before their next attempt.
    ///
    /// - Returns: the holds, waits and counts of every destination.
    package func replace(
        _ pipeline: Pipeline
    ) async throws(Problem) -> [String: DestinationRecord] {
        try await order(afterwards: { [self] writer in
            writer.pipeline = pipeline
            self.pipeline.withLock { $0 = pipeline }
        }) { writer in
            try writer.register(pipeline)
            return try writer.knownDestinations()
        }
    }

    /// Keeps that a changed pipeline was refused, for the status and the audit.
    package func note(_ refused: PipelineChange) async throws(Problem) {
        try await order { try $0.keep(refused) }
    }

    /// Releases a destination that is held, rests or pauses.
    ///
    /// - Returns: false when it was none of these.
    package func release(_ destination: String) async throws(Problem) -> Bool {
        try await order { try $0.release(destination) }
    }

    /// Keeps a destination's deliveries until an operator releases it.
    package func hold(_ destination: String, because reason: String) async throws(Problem) {
        try await order { try $0.hold(destination, because: reason) }
    }

    /// Has one waiting delivery of a held or resting destination tried now.
    package func probe(_ destination: String) async throws(Problem) {
        try await order { try $0.probe(destination) }
    }

    /// Ends a delivery that waits.
    ///
    /// - Returns: its state before; nil when there is no such delivery.
    package func cancel(_ delivery: DeliveryID) async throws(Problem) -> DeliveryState? {
        try await order { try $0.cancel(delivery) }
    }

    /// Cancels a slice of what waits for a destination.
    package func drop(_ destination: String) async throws(Problem) -> DropStep {
        try await order { try $0.drop(destination) }
    }

    /// Begins the next run of each delivery.
    package func replay(_ replay: ReplayOrder) async throws(Problem) -> ReplayOrder.Outcome {
        try await order { try $0.replay(replay) }
    }

    /// Stores answers for a person's consent, and lifts suppressions when asked.
    package func setConsent(
        of id: String, to answers: [ConsentAnswer], lifting: Bool
    ) async throws(Problem) -> PersonChange {
        try await order { try $0.setConsent(of: id, to: answers, lifting: lifting) }
    }

    /// Stops every destination for a person until the suppression is lifted.
    package func suppress(
        _ id: String, because reason: String
    ) async throws(Problem) -> PersonChange {
        try await order { try $0.suppress(id, because: reason) }
    }

    /// Ends an operator's suppression.
    package func liftSuppression(of id: String) async throws(Problem) -> PersonChange {
        try await order { try $0.liftSuppression(of: id) }
    }

    /// Lets a forgotten id come back.
    package func allowAgain(_ id: String) async throws(Problem) -> PersonChange {
        try await order { try $0.allowAgain(id) }
    }

    /// Begins to forget a person: nothing is sent to them any more, and what waits is ended.
    package func beginForgetting(_ id: String) async throws(Problem) -> PersonKeys {
        try await order { try $0.beginForgetting(id) }
    }

    /// The same for identifiers of the person that were found outside.
    package func beginForgetting(_ keys: PersonKeys) async throws(Problem) -> PersonKeys {
        try await order { try $0.beginForgetting(keys) }
    }

    /// Removes the rows of a forgotten person's identifiers, when nothing else is left of them.
    package func finishForgetting(_ keys: PersonKeys) async throws(Problem) {
        try await order { try $0.finishForgetting(keys) }
    }

    /// Empties a slice of a person's events.
    ///
    /// - Parameters:
    ///   - event: the last event of the slice before; zero for the first.
    ///   - kept: events that are still needed, such as the deletion itself.
    package func erase(
        _ keys: PersonKeys, after event: EventID, except kept: Set<EventID>
    ) async throws(Problem) -> EraseStep {
        try await order { try $0.erase(keys, after: event, except: kept) }
    }

    /// Empties events of a person that were found outside.
    package func erase(
        _ events: [PersonEvent], of keys: PersonKeys, except kept: Set<EventID>
    ) async throws(Problem) -> EraseStep {
        try await order { try $0.erase(events, of: keys, except: kept) }
    }

    /// Removes the rejected bodies of a slice that name one of the identifiers.
    ///
    /// - Parameter number: the last row of the slice before; 0 for the first.
    package func eraseRejected(
        _ keys: PersonKeys, after number: Int64
    ) async throws(Problem) -> RejectedStep {
        try await order { try $0.eraseRejected(keys, after: number) }
    }

    /// Keeps what was removed of a person, without anything of the person.
    package func saveReceipt(
        _ receipt: String, of keys: PersonKeys
    ) async throws(Problem) {
        try await order { try $0.saveReceipt(receipt, of: keys) }
    }

    /// Cleans the files: nothing that was deleted is left in them.
    ///
    /// - Returns: false while a reader keeps an older state; try again.
    package func clean() async throws(Problem) -> Bool {
        try await outside { try $0.session.clean() }
    }

    /// Gives the space of removed rows back to the disk; nothing else is done meanwhile.
    package func compact() async throws(Problem) {
        try await outside { try $0.session.compact() }
        _ = try await clean()
    }

    // MARK: How an order is carried out

    /// Does something in a transaction of the writer; the answer comes after the commit.
    ///
    /// - Parameter afterwards: done after the commit, before the answer is given.
    private func order<Answer: Sendable>(
        afterwards: @escaping @Sendable (StoreWriter) -> Void = { _ in },
        _ body: @escaping @Sendable (StoreWriter) throws -> Answer
    ) async throws(Problem) -> Answer {
        try await ask { .order(Self.order($0, afterwards: afterwards, body)) }
    }

    /// Does something outside every transaction, such as cleaning the files.
    private func outside<Answer: Sendable>(
        _ body: @escaping @Sendable (StoreWriter) throws -> Answer
    ) async throws(Problem) -> Answer {
        try await ask { .outside(Self.order($0, afterwards: { _ in }, body)) }
    }

    private static func order<Answer: Sendable>(
        _ continuation: CheckedContinuation<Result<Answer, Problem>, Never>,
        afterwards: @escaping @Sendable (StoreWriter) -> Void,
        _ body: @escaping @Sendable (StoreWriter) throws -> Answer
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
}
