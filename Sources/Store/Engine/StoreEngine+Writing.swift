import Accept
import Deliver
import Events

/// The writer's thread: takes what waits, commits it together, answers.
extension StoreEngine {
    /// The time between two slices of what is old.
    static let sliceInterval = Duration.milliseconds(20)
    /// The time after which the thread looks up though nothing came.
    private static let longestWait = Duration.seconds(1)

    func run(_ writer: StoreWriter) {
        defer { writer.session.close() }
        var house = Housekeeping(writer.clock.moment)
        while true {
            keepHouse(&house, writer)
            let isFailing = lastFailure != nil
            let pause =
                house.isBusy
                ? Self.sliceInterval : isFailing ? options.houseInterval : Self.longestWait
            let taken = inbox.wait(atMost: pause) { inbox -> [Item]? in
                guard !inbox.items.isEmpty else { return inbox.isClosing ? [] : nil }
                return Self.takeItems(&inbox.items, upTo: options.transactionItems)
            }
            if let taken, taken.isEmpty {
                saveForPeople(writer)
                return
            }
            // Nothing came, but somebody has to find out whether the file can be written again.
            if taken == nil, !isFailing {
                if !house.isBusy { saveForPeople(writer) }
                continue
            }
            let items = refuseUnderPressure(taken ?? [])
            if items.isEmpty, taken?.isEmpty == false { continue }
            if case .outside(let order)? = items.first {
                performOutside(order, writer)
            } else if let error = commit(items, writer) {
                recover(items, from: error, writer)
            }
        }
    }

    /// Writes what is worth no transaction of its own while others come.
    private func saveForPeople(_ writer: StoreWriter) {
        guard writer.hasUnsaved else { return }
        do { try writer.transaction(isLast: true) {} } catch { report(error) }
    }

    private static func takeItems(_ items: inout [Item], upTo limit: Int) -> [Item] {
        var weight = 0
        if case .outside? = items.first { return [items.removeFirst()] }
        let end = items.firstIndex { item in
            if case .outside = item { return true }
            weight += item.weight
            return weight > limit
        }
        let count = max(1, end ?? items.count)
        defer { items.removeFirst(count) }
        return Array(items.prefix(count))
    }

    /// Does all items in one transaction; answers go out after the commit.
    ///
    /// - Returns: the error of a transaction of which nothing remains.
    func commit(_ items: [Item], _ writer: StoreWriter) -> (any Error)? {
        var answers: [() -> Void] = []
        do {
            try writer.transaction {
                answers = []
                for item in items { answers.append(try perform(item, writer)) }
                if items.isEmpty { try writer.session.touch() }
            }
        } catch {
            return error
        }
        let failedBefore = failure.withLock { failure in
            defer { failure = nil }
            return failure != nil
        }
        if failedBefore { news([.storeFails(false)]) }
        failures.withLock { $0 = 0 }
        tally.add(writer.effects.counts, delivered: writer.effects.delivered)
        if !writer.effects.news.isEmpty { news(writer.effects.news) }
        for answer in answers { answer() }
        writer.session.finishCommit()
        return nil
    }

    /// - Returns: the step that is due after the commit.
    private func perform(_ item: Item, _ writer: StoreWriter) throws -> () -> Void {
        switch item {
        case .accept(let prepared, let source, let replaced, let answer):
            let receipts = try writer.accept(prepared, from: source, replacing: replaced)
            return { answer(.success(receipts)) }
        case .work(let work):
            for item in work { try writer.perform(item) }
            return {}
        case .order(let order), .outside(let order): return try order.perform(writer)
        case .barrier(let done): return done
        }
    }

    private func performOutside(_ order: Order, _ writer: StoreWriter) {
        do {
            try order.perform(writer)()
        } catch {
            faults(StoreFault(error))
            order.refuse()
        }
    }
}
