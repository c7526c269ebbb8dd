package import Accept
package import Deliver
package import Events
package import Pipeline

// Group commit: one thread, many requests, one flush.
//
// Senders, the deliverer and operators put items into an inbox and go on. The writer's thread takes
// everything that waits there, up to a limit, and does it in one transaction; the flush to disk,
// which costs most, is paid once for all of it. Answers and news go out after the commit. While a
// transaction commits, the next items gather: the busier the store, the larger its transactions.
//
// When a transaction fails nothing of it remains. What follows depends on the fault: a full disk or
// a lock passes, and the deliverer's work waits for it while senders are told to come again; a
// fault of one item is found by trying each item alone (`StoreEngine+Recovery`).

/// A running store: the writer's thread with its inbox, over any session.
///
/// The engine takes events and the deliverer's work, carries out orders, and keeps house. Whoever
/// gets an answer gets it after the commit is durable.
package final class StoreEngine: EventStore, DeliveryStore {
    /// Work for the writer's thread.
    enum Item {
        case accept(
            PreparedEnvelope, source: String, replacing: [Int64],
            answer: @Sendable (Result<[Receipt], Problem>) -> Void)
        case work([DeliveryWork])
        case order(Order)
        /// An order that cannot be done inside a transaction; it is done alone.
        case outside(Order)
        /// Called when everything before it is committed, or given up while closing.
        case barrier(@Sendable () -> Void)

        /// How much of a transaction's limit it takes.
        var weight: Int {
            switch self {
            case .accept(let prepared, _, _, _):
                prepared.envelope.events.count + prepared.envelope.rejections.count
            case .work(let work): work.count
            case .order, .outside, .barrier: 1
            }
        }
    }
    /// A call that waits for its answer: done in a transaction (`.order`) or alone (`.outside`).
    struct Order: Sendable {
        /// Gives the step that is due after the commit.
        let perform: @Sendable (StoreWriter) throws -> () -> Void
        let refuse: @Sendable () -> Void
    }
    struct Inbox {
        var items: [Item] = []
        var isClosing = false
    }
    let inbox = Locked(Inbox())
    private let thread = Locked<WorkerThread?>(nil)
    let options: Options
    let news: @Sendable ([StoreNews]) -> Void
    let faults: @Sendable (StoreFault) -> Void
    let failure = Locked<String?>(nil)
    let pressed = Locked<StorePressure?>(nil)
    private let hasEnded = Locked(false)
    /// Transactions that failed in a row.
    let failures = Locked(0)
    private let hasher: Hasher128
    /// The rules by which events are read before the writer has them.
    let pipeline: Locked<Pipeline>
    /// Where the data lies: a file's path.
    package let path: String
    /// The settings that durability depends on, read back from the database, by name.
    package let settings: [String: String]
    package let tally = Tally()
    private let refused: RefusedCalls
    /// The holds, waits and counts of every destination when the store was opened.
    package let known: [String: DestinationRecord]

    /// Opens the rules on a session and starts the writer's thread.
    ///
    /// - Parameters:
    ///   - faults: called on the writer's thread when something could not be stored.
    ///   - news: called on the writer's thread, after the commit; must return at once.
    package init(
        _ session: sending any StoreSession, pipeline: Pipeline, room: Room, clock: WorldClock,
        options: Options, faults: @escaping @Sendable (StoreFault) -> Void,
        news: @escaping @Sendable ([StoreNews]) -> Void
    ) throws {
        self.options = options
        self.pipeline = Locked(pipeline)
        self.news = news
        self.faults = faults
        path = session.path
        settings = session.settings
        let opened = try StoreWriter(
            session, pipeline: pipeline, room: room, clock: clock, isServer: options.isServer,
            schedule: options.schedule, crashedOn: options.crashedOn)
        known = try opened.knownDestinations()
        refused = opened.refused
        hasher = opened.people.hasher
        let writer = Locked<StoreWriter?>(opened)
        thread.withLock { thread in
            thread = WorkerThread(named: "store") { [self] in
                if let writer = writer.withLock({ $0.take() }) { run(writer) }
                hasEnded.withLock { $0 = true }
            }
        }
    }

    // MARK: For callers

    package func accept(
        _ envelope: Envelope, from source: String,
        answer: @escaping @Sendable (Result<[Receipt], Problem>) -> Void
    ) {
        let item = Item.accept(
            prepare(envelope), source: source, replacing: [], answer: answer)
        if !post(item) { answer(.failure(Self.unavailable)) }
    }

    /// Accepts events that were read from rejected bodies, and removes these, in one transaction.
    ///
    /// - Returns: nothing when somebody else has removed the bodies meanwhile.
    package func accept(
        _ envelope: Envelope, from source: String, replacing rejections: [Int64]
    ) async throws(Problem) -> [Receipt] {
        try await ask { continuation in
            .accept(prepare(envelope), source: source, replacing: rejections) {
                continuation.resume(returning: $0)
            }
        }
    }

    package func note(_ call: RefusedCall) {
        tally.add([.refused(source: call.source, code: call.code): 1], delivered: [:])
        refused.note(call)
    }

    private func prepare(_ envelope: Envelope) -> PreparedEnvelope {
        PreparedEnvelope(envelope, hasher: hasher, pipeline: pipeline.withLock { $0 })
    }

    package func submit(_ work: [DeliveryWork]) {
        inbox.signal { $0.items.append(.work(work)) }
    }

    /// Puts an item before the writer and waits for its answer.
    func ask<Answer: Sendable>(
        _ item: (CheckedContinuation<Result<Answer, Problem>, Never>) -> Item
    ) async throws(Problem) -> Answer {
        let result = await withCheckedContinuation { continuation in
            if !post(item(continuation)) {
                continuation.resume(returning: .failure(Self.unavailable))
            }
        }
        return try result.get()
    }

    /// - Returns: false when too much waits for the writer already.
    private func post(_ item: Item) -> Bool {
        let limit = options.waitingRequests
        return inbox.signal { inbox in
            guard !inbox.isClosing, inbox.items.count < limit else { return false }
            inbox.items.append(item)
            return true
        }
    }

    /// Blocks until everything that was submitted before is committed, or given up while closing.
    package func flush() {
        let isDone = Locked(false)
        inbox.signal { $0.items.append(.barrier { isDone.signal { $0 = true } }) }
        while !hasEnded.withLock({ $0 }) {
            if isDone.wait(atMost: .milliseconds(100), until: { $0 ? true : nil }) == true {
                return
            }
        }
    }

    /// Commits everything that was submitted, and closes the store.
    ///
    /// Work that cannot be written after `triesWhenClosing` tries is given up.
    package func close() {
        inbox.signal { $0.isClosing = true }
        thread.withLock { $0 }?.join()
    }

    /// The reason for which the last transaction failed; nil when it did not.
    package var lastFailure: String? { failure.withLock { $0 } }

    /// The reason for which no events are taken; nil when they are.
    package var pressure: StorePressure? { pressed.withLock { $0 } }

    static let unavailable = Problem(
        code: "store_unavailable", message: "The event could not be stored.",
        hint: "Send it again; the same message id makes that safe.")
}
