package import Accept
import CSQLite
package import Deliver
package import Events
package import Pipeline

/// The store on one SQLite file: one writer thread that gathers what waits into one transaction.
///
/// Whoever gets an answer gets it after the commit is on disk (`synchronous = FULL`, read back).
package final class SQLiteStore: EventStore, DeliveryStore {
    /// How the store is set up; every limit has a name.
    package struct Options: Sendable {
        /// Events and outcomes one transaction takes at the most.
        package var transactionItems = 2_000
        /// Milliseconds to wait for another process's lock on the file.
        package var busyTimeout: Int32 = 5_000
        /// Requests that may wait for the writer; more are answered 503.
        package var waitingRequests = 20_000
        /// Milliseconds before a transaction that failed is tried again.
        package var pause: Int64 = 100
        /// Milliseconds before a claim that could not be done is asked for again.
        package var claimPause: Int64 = 5_000
        /// Tries, once the store is being closed, before what cannot be written is given up.
        package var triesWhenClosing = 50
        /// Whether the pipeline is the running server's: only that is shown in the status.
        package var isServer = true
        package var limits = StoreLimits()
        /// The delivery whose request was being built when the program last ended.
        package var crashedOn: DeliveryID?
        /// Bytes that are free where the store lies; nil when that cannot be found out.
        package var freeSpace: @Sendable () -> Int64? = { nil }
        package var keyLimits = KeyLimits()
        /// Milliseconds between two looks at space, queues and what is old.
        package var houseInterval: Int64 = 250

        package init() {}
    }

    enum Item {
        case accept(
            Prepared, source: String, clearing: [Int64],
            @Sendable (Result<[Receipt], Problem>) -> Void)
        case work([DeliveryWork])
        case order(Order)
        /// Work that cannot be done inside a transaction; it is done alone.
        case outside(Order)
        /// Everything before it is committed.
        case barrier(@Sendable () -> Void)
    }
    /// An envelope, and what can be computed on its sender's thread, before the writer has it.
    struct Prepared: Sendable {
        let envelope: Envelope
        /// Of each event, in their order.
        let notes: [Note]

        struct Note: Sendable {
            /// Nil without a message id.
            let message: Digest128?
            /// Nil without a user.
            let user: Digest128?
            /// Nil without a message id: the event gets one, and rules may ask for it.
            let reading: Pipeline.Reading?
        }

        init(_ envelope: Envelope, _ hasher: Hasher128, _ pipeline: Pipeline) {
            self.envelope = envelope
            notes = envelope.events.map { _, event in
                let isNamed = !event.messageID.isEmpty
                return Note(
                    message: isNamed ? Hasher128.digest(messageID: event.messageID) : nil,
                    user: event.userID.map { hasher.digest(IdentityKey(.user, $0)) },
                    reading: isNamed ? pipeline.read(event) : nil)
            }
        }
    }
    /// Something an operator wants, done in a transaction like anything else.
    struct Order: Sendable {
        /// Gives what is to be done after the commit.
        let perform: @Sendable (Writer) throws -> () -> Void
        let refuse: @Sendable () -> Void
    }
    struct Inbox {
        var items: [Item] = []
        var closing = false
    }
    let inbox = Locked(Inbox())
    private let thread = Locked<WorkerThread?>(nil)
    let options: Options
    private let room: Room
    let news: @Sendable ([StoreNews]) -> Void
    let faults: @Sendable (StoreFault) -> Void
    let failure = Locked<String?>(nil)
    let pressed = Locked<StorePressure?>(nil)
    private let ended = Locked(false)
    /// Transactions that failed in a row.
    let postponed = Locked(0)
    let checkpointer: Checkpointer
    private let hasher: Hasher128
    /// By whose rules events are read before the writer has them.
    let pipeline: Locked<Pipeline>
    package let path: String
    package let tally = Tally()
    /// Destinations that were held when the store was opened.
    package let held: [String: HoldKind]
    /// What durability depends on, as the writer's connection reads it back.
    package let settings: [String: String]

    /// Opens or creates the store in `directory` and recovers what a crash left.
    ///
    /// - Parameters:
    ///   - hashKey: 32 random bytes, used when the store is created.
    ///   - faults: called on the writer's thread when something could not be stored.
    ///   - news: called on the writer's thread, after the commit; must return at once.
    package init(
        directory: String, pipeline: Pipeline, room: Room, clock: WorldClock, hashKey: [UInt8],
        options: Options = Options(), faults: @escaping @Sendable (StoreFault) -> Void = { _ in },
        news: @escaping @Sendable ([StoreNews]) -> Void
    ) throws {
        self.options = options
        self.pipeline = Locked(pipeline)
        self.room = room
        self.news = news
        self.faults = faults
        path = directory + "/sluice.db"
        let connection: Connection
        let opened: Writer
        do {
            connection = try Connection(
                path: path, mode: .readWrite, busyTimeout: options.busyTimeout)
            settings = try Self.configure(connection)
            try Schema.migrate(connection, key: hashKey)
            if let id = options.crashedOn {
                try DeliveryTable.quarantine(id, connection, at: clock.now())
            }
            opened = try Writer(
                connection, pipeline: pipeline, room: room, clock: clock,
                isServer: options.isServer, keyLimits: options.keyLimits)
        } catch let error as SQLiteError {
            throw StoreFile.damage(error, path) ?? error
        }
        held = try Self.heldDestinations(connection)
        checkpointer = try Checkpointer(
            path: path, busyTimeout: options.busyTimeout, faults: faults)
        hasher = opened.people.hasher
        let writer = Locked<Writer?>(opened)
        thread.withLock { thread in
            thread = WorkerThread(named: "store") { [self] in
                if let writer = writer.withLock({ $0.take() }) { run(writer) }
                checkpointer.close()
                ended.withLock { $0 = true }
            }
        }
    }

    /// Sets what durability depends on, and reads it back: a receipt promises it.
    private static func configure(_ connection: Connection) throws -> [String: String] {
        let settings = [
            ("journal_mode", "WAL", "wal"), ("synchronous", "FULL", "2"),
            ("foreign_keys", "ON", "1"), ("trusted_schema", "OFF", "0"),
            // What is deleted is overwritten: a person that is forgotten is in no free page.
            ("secure_delete", "ON", "1"),
        ]
        for (name, value, expected) in settings {
            _ = try connection.text("PRAGMA \(name) = \(value)")
            let found = try connection.text("PRAGMA \(name)")
            guard found == expected else {
                throw Problem(
                    code: "store_unsafe",
                    message: "SQLite did not take \(name) = \(value): it is \(found ?? "unknown").",
                    hint: "Use a local disk and Debian's libsqlite3; network folders do not work.")
            }
        }
        connection.countLogPages()
        // 16 MB. More makes commits slower: after a page was split SQLite looks at every page it
        // keeps in memory.
        _ = try connection.text("PRAGMA cache_size = -16384")
        _ = try connection.text("PRAGMA journal_size_limit = 67108864")
        return Dictionary(uniqueKeysWithValues: settings.map { ($0.0, $0.2) })
    }

    static func heldDestinations(
        _ connection: Connection
    ) throws -> [String: HoldKind] {
        let select = try connection.prepare(
            "SELECT name, held_by_operator FROM destinations WHERE held_since IS NOT NULL")
        var names: [String: HoldKind] = [:]
        while try select.step() {
            names[select.text(0) ?? ""] = select.int(1) == 1 ? .operatorOrder : .setup
        }
        return names
    }

    // MARK: For callers

    package func accept(
        _ envelope: Envelope, from source: String,
        answer: @escaping @Sendable (Result<[Receipt], Problem>) -> Void
    ) {
        if !post(.accept(prepare(envelope), source: source, clearing: [], answer)) {
            answer(.failure(Self.unavailable))
        }
    }

    /// Takes events that come from kept bodies, and removes these, in one transaction.
    package func accept(
        _ envelope: Envelope, from source: String, clearing rejections: [Int64]
    ) async throws(Problem) -> [Receipt] {
        try await ask { continuation in
            .accept(prepare(envelope), source: source, clearing: rejections) {
                continuation.resume(returning: $0)
            }
        }
    }

    private func prepare(_ envelope: Envelope) -> Prepared {
        Prepared(envelope, hasher, pipeline.withLock { $0 })
    }

    package func submit(_ work: [DeliveryWork]) {
        inbox.signal { $0.items.append(.work(work)) }
    }

    private func performOutside(_ order: Order, _ writer: Writer) {
        do {
            try order.perform(writer)()
        } catch {
            faults(StoreFault(error))
            order.refuse()
        }
    }

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

    /// Puts something before the writer; false when too much waits there already.
    private func post(_ item: Item) -> Bool {
        let limit = options.waitingRequests
        return inbox.signal { inbox in
            guard !inbox.closing, inbox.items.count < limit else { return false }
            inbox.items.append(item)
            return true
        }
    }

    /// Waits until everything submitted before is committed.
    package func flush() {
        let done = Locked(false)
        inbox.signal { $0.items.append(.barrier { done.signal { $0 = true } }) }
        while !ended.withLock({ $0 }) {
            if done.wait(atMost: 100, until: { $0 ? true : nil }) == true { return }
        }
    }

    /// Commits what was submitted and closes the file.
    package func close() {
        inbox.signal { $0.closing = true }
        thread.withLock { $0 }?.join()
    }

    // MARK: The writer's thread

    private func run(_ writer: Writer) {
        var house = Housekeeping(writer.now)
        while true {
            keepHouse(&house, writer)
            let isFailing = lastFailure != nil
            let pause =
                house.isBusy ? Self.sliceInterval : isFailing ? options.houseInterval : 1_000
            let taken = inbox.wait(atMost: pause) { inbox -> [Item]? in
                guard !inbox.items.isEmpty else { return inbox.closing ? [] : nil }
                return Self.takeItems(&inbox.items, upTo: options.transactionItems)
            }
            if let taken, taken.isEmpty {
                saveForPeople(writer)
                return
            }
            // Nothing came, but whether the file can be written again has to be found out.
            if taken == nil, !isFailing {
                if !house.isBusy { saveForPeople(writer) }
                continue
            }
            let items = refusing(taken ?? [])
            if items.isEmpty, taken?.isEmpty == false { continue }
            if case .outside(let order)? = items.first {
                performOutside(order, writer)
            } else {
                commit(items, writer)
            }
        }
    }

    /// Writes what is known and not worth a transaction of its own while others come.
    private func saveForPeople(_ writer: Writer) {
        guard writer.hasUnsaved else { return }
        do { try writer.transaction(isLast: true) {} } catch { note(error) }
    }

    private static func takeItems(_ items: inout [Item], upTo limit: Int) -> [Item] {
        var weight = 0
        if case .outside? = items.first { return [items.removeFirst()] }
        let end = items.firstIndex { item in
            if case .outside = item { return true }
            weight += Self.weight(item)
            return weight > limit
        }
        let count = max(1, end ?? items.count)
        defer { items.removeFirst(count) }
        return Array(items.prefix(count))
    }

    private static func weight(_ item: Item) -> Int {
        switch item {
        case .accept(let prepared, _, _, _):
            prepared.envelope.events.count + prepared.envelope.rejections.count
        case .work(let work): work.count
        case .order, .outside, .barrier: 1
        }
    }

    /// One transaction for all of them; answers go out after the commit.
    private func commit(_ items: [Item], _ writer: Writer) {
        if let error = attempt(items, writer) { recover(items, error, writer) }
    }

    /// Tries it; gives the error of a transaction of which nothing remains.
    func attempt(_ items: [Item], _ writer: Writer) -> (any Error)? {
        var answers: [() -> Void] = []
        do {
            try writer.transaction {
                answers = []
                for item in items { answers.append(try perform(item, writer)) }
                if items.isEmpty { try writer.touch() }
            }
            let failed = failure.withLock { failure in
                defer { failure = nil }
                return failure != nil
            }
            if failed { news([.storeFails(false)]) }
            postponed.withLock { $0 = 0 }
            tally.add(writer.effects.counts, writer.effects.delivered)
            if !writer.effects.news.isEmpty { news(writer.effects.news) }
            for answer in answers { answer() }
            checkpointer.noteCommit(writer.connection)
            return nil
        } catch {
            return error
        }
    }

    private func perform(_ item: Item, _ writer: Writer) throws -> () -> Void {
        switch item {
        case .accept(let prepared, let source, let clearing, let answer):
            let receipts = try writer.accept(prepared, from: source, clearing: clearing)
            return { answer(.success(receipts)) }
        case .work(let work):
            for item in work { try writer.perform(item) }
            return {}
        case .order(let order), .outside(let order):
            try writer.flush()
            return try order.perform(writer)
        case .barrier(let done): return done
        }
    }

    /// Why the last transaction failed; nil when it did not.
    package var lastFailure: String? { failure.withLock { $0 } }

    static let unavailable = Problem(
        code: "store_unavailable", message: "The event could not be stored.",
        hint: "Send it again; the same message id makes that safe.")
}
