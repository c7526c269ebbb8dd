package import Accept
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

        package init() {}
    }

    private enum Item {
        case accept(
            Envelope, source: String, CheckedContinuation<Result<[Receipt], Problem>, Never>)
        case work([DeliveryWork])
        case release(String, CheckedContinuation<Result<Bool, Problem>, Never>)
        /// Everything before it is committed.
        case barrier(@Sendable () -> Void)
    }
    private struct Inbox {
        var items: [Item] = []
        var closing = false
    }
    private let inbox = Locked(Inbox())
    private let thread = Locked<WorkerThread?>(nil)
    private let options: Options
    private let room: Room
    private let news: @Sendable ([StoreNews]) -> Void
    package let path: String
    /// Destinations that were held when the store was opened.
    package let held: Set<String>
    /// What durability depends on, as the writer's connection reads it back.
    package let settings: [String: String]

    /// Opens or creates the store in `directory` and recovers what a crash left.
    ///
    /// - Parameters:
    ///   - hashKey: 32 random bytes, used when the store is created.
    ///   - news: called on the writer's thread, after the commit; must return at once.
    package init(
        directory: String, pipeline: Pipeline, room: Room, clock: WorldClock, hashKey: [UInt8],
        options: Options = Options(), news: @escaping @Sendable ([StoreNews]) -> Void
    ) throws {
        self.options = options
        self.room = room
        self.news = news
        path = directory + "/sluice.db"
        let connection = try Connection(
            path: path, mode: .readWrite, busyTimeout: options.busyTimeout)
        settings = try Self.configure(connection)
        try Schema.migrate(connection, key: hashKey)
        try DeliveryTable.recover(connection, at: clock.now())
        held = try Self.heldDestinations(connection)
        let writer = Locked<Writer?>(
            try Writer(connection, pipeline: pipeline, room: room, clock: clock))
        thread.withLock { thread in
            thread = WorkerThread { [self] in
                if let writer = writer.withLock({ $0.take() }) { run(writer) }
            }
        }
    }

    /// Sets what durability depends on, and reads it back: a receipt promises it.
    private static func configure(_ connection: Connection) throws -> [String: String] {
        let settings = [
            ("journal_mode", "WAL", "wal"), ("synchronous", "FULL", "2"),
            ("foreign_keys", "ON", "1"), ("trusted_schema", "OFF", "0"),
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
        // Fewer, larger checkpoints; 64 MB of cache for the indexes whose order is random.
        _ = try connection.text("PRAGMA wal_autocheckpoint = 8000")
        _ = try connection.text("PRAGMA cache_size = -65536")
        _ = try connection.text("PRAGMA journal_size_limit = 67108864")
        return Dictionary(uniqueKeysWithValues: settings.map { ($0.0, $0.2) })
    }

    private static func heldDestinations(_ connection: Connection) throws -> Set<String> {
        let select = try connection.prepare(
            "SELECT name FROM destinations WHERE held_since IS NOT NULL")
        var names: Set<String> = []
        while try select.step() { names.insert(select.text(0) ?? "") }
        return names
    }

    // MARK: For callers

    package func accept(
        _ envelope: Envelope, from source: String
    ) async throws(Problem) -> [Receipt] {
        try await ask { .accept(envelope, source: source, $0) }
    }

    package func submit(_ work: [DeliveryWork]) {
        inbox.signal { $0.items.append(.work(work)) }
    }

    /// Releases a held destination; false when it was not held.
    package func release(_ destination: String) async throws(Problem) -> Bool {
        try await ask { .release(destination, $0) }
    }

    private func ask<Answer: Sendable>(
        _ item: (CheckedContinuation<Result<Answer, Problem>, Never>) -> Item
    ) async throws(Problem) -> Answer {
        let limit = options.waitingRequests
        let result = await withCheckedContinuation { continuation in
            let taken = inbox.signal { inbox in
                guard !inbox.closing, inbox.items.count < limit else { return false }
                inbox.items.append(item(continuation))
                return true
            }
            if !taken { continuation.resume(returning: .failure(Self.unavailable)) }
        }
        return try result.get()
    }

    /// Waits until everything submitted before is committed.
    package func flush() {
        let done = Locked(false)
        inbox.signal { $0.items.append(.barrier { done.signal { $0 = true } }) }
        _ = done.wait(atMost: 60_000) { $0 ? true : nil }
    }

    /// Commits what was submitted and closes the file.
    package func close() {
        inbox.signal { $0.closing = true }
        thread.withLock { $0 }?.join()
    }

    // MARK: The writer's thread

    private func run(_ writer: Writer) {
        while true {
            let taken = inbox.wait(atMost: 60_000) { inbox -> [Item]? in
                guard !inbox.items.isEmpty else { return inbox.closing ? [] : nil }
                return Self.takeItems(&inbox.items, upTo: options.transactionItems)
            }
            guard let items = taken else { continue }
            if items.isEmpty { return }
            commit(items, writer)
        }
    }

    private static func takeItems(_ items: inout [Item], upTo limit: Int) -> [Item] {
        var weight = 0
        let end = items.firstIndex { item in
            weight += Self.weight(item)
            return weight > limit
        }
        let count = max(1, end ?? items.count)
        defer { items.removeFirst(count) }
        return Array(items.prefix(count))
    }

    private static func weight(_ item: Item) -> Int {
        switch item {
        case .accept(let envelope, _, _): envelope.events.count + envelope.rejections.count
        case .work(let work): work.count
        case .release, .barrier: 1
        }
    }

    /// One transaction for all of them; answers go out after the commit.
    private func commit(_ items: [Item], _ writer: Writer) {
        var answers: [() -> Void] = []
        do {
            try writer.transaction {
                answers = []
                for item in items { answers.append(try perform(item, writer)) }
            }
            failure.withLock { $0 = nil }
            if !writer.effects.news.isEmpty { news(writer.effects.news) }
            for answer in answers { answer() }
        } catch {
            refuse(items, error)
        }
    }

    private func perform(_ item: Item, _ writer: Writer) throws -> () -> Void {
        switch item {
        case .accept(let envelope, let source, let continuation):
            let receipts = try writer.accept(envelope, from: source)
            return { continuation.resume(returning: .success(receipts)) }
        case .work(let work):
            for item in work { try writer.perform(item) }
            return {}
        case .release(let name, let continuation):
            let released = try writer.release(name)
            return { continuation.resume(returning: .success(released)) }
        case .barrier(let done): return done
        }
    }

    /// Nothing was stored: senders are told so, and the deliverer's work is kept for the next try.
    private func refuse(_ items: [Item], _ error: any Error) {
        var kept: [Item] = []
        for item in items {
            switch item {
            case .accept(_, _, let continuation):
                continuation.resume(returning: .failure(Self.unavailable))
            case .release(_, let continuation):
                continuation.resume(returning: .failure(Self.unavailable))
            case .work, .barrier: kept.append(item)
            }
        }
        let again = kept
        inbox.withLock { $0.items.insert(contentsOf: again, at: 0) }
        failure.withLock { $0 = "\(error)" }
        // The condition is only a pause here: nothing signals it until the file can be written.
        _ = inbox.wait(atMost: 100) { inbox -> Bool? in inbox.closing ? true : nil }
    }

    private let failure = Locked<String?>(nil)

    /// Why the last transaction failed; nil when it did not.
    package var lastFailure: String? { failure.withLock { $0 } }

    private static let unavailable = Problem(
        code: "store_unavailable", message: "The event could not be stored.",
        hint: "Send it again; the same message id makes that safe.")
}
