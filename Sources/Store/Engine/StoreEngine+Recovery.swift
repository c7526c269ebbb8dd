import Accept
import Deliver
import Events

/// The steps after a transaction that failed; nothing of it is in the store.
extension StoreEngine {
    func recover(_ items: [Item], from error: any Error, _ writer: StoreWriter) {
        let fault = StoreFault(error)
        failure.withLock { $0 = fault.text }
        switch fault {
        case .passing, .pressed, .fatal: postpone(items, because: fault)
        case .single: isolate(items.flatMap(Self.parts(of:)), because: fault, writer)
        }
    }

    /// Tries each item alone, in order: one is at fault, and the others must not pay for it.
    ///
    /// Stops when something stops all of them.
    private func isolate(
        _ parts: [Item], because fault: StoreFault, _ writer: StoreWriter
    ) {
        if parts.count == 1 { return fail(parts[0], because: fault, writer) }
        for (index, part) in parts.enumerated() {
            guard let error = commit([part], writer) else { continue }
            let own = StoreFault(error)
            if case .single = own {
                fail(part, because: own, writer)
                continue
            }
            failure.withLock { $0 = own.text }
            return postpone(Array(parts[index...]), because: own)
        }
    }

    private func fail(_ part: Item, because fault: StoreFault, _ writer: StoreWriter) {
        faults(fault)
        Self.refuse(part)
        settle(part, writer)
    }

    /// Settles work of the deliverer that cannot be stored: it must not wait for ever.
    ///
    /// A claim is answered empty, an attempt without its record is given back; what was to be kept
    /// about the destination is lost.
    private func settle(_ part: Item, _ writer: StoreWriter) {
        guard case .work(let work) = part, let item = work.first else { return }
        switch item {
        case .claim(let destination, let limit, _, _):
            let later = writer.now + options.claimPause
            news([.claimed(destination: destination, jobs: [], limit: limit, nextDue: later)])
        case .record(let outcome):
            // Without its record the delivery is tried again; better twice than never. What cannot
            // be given back now is given back later.
            let back = Item.work([.giveBack([outcome.job])])
            if let error = commit([back], writer) { postpone([back], because: StoreFault(error)) }
        case .giveBack, .hold, .release, .rest, .pause, .suspect, .refuse: break
        }
    }

    private static func parts(of item: Item) -> [Item] {
        if case .work(let work) = item { return work.map { .work([$0]) } }
        return [item]
    }

    private static func refuse(_ item: Item) {
        switch item {
        case .accept(_, _, _, let answer): answer(.failure(unavailable))
        case .order(let order), .outside(let order): order.refuse()
        case .barrier(let done): done()
        case .work: break
        }
    }

    /// Tells senders to come again, and keeps the deliverer's work for the next try.
    private func postpone(_ items: [Item], because fault: StoreFault) {
        let isClosing = inbox.withLock(\.isClosing)
        let tries = failures.withLock { count in
            count += 1
            return count
        }
        let givesUp = isClosing && tries > options.triesWhenClosing
        var kept: [Item] = []
        for item in items {
            switch item {
            case .work, .barrier: if givesUp { Self.refuse(item) } else { kept.append(item) }
            case .accept, .order, .outside: Self.refuse(item)
            }
        }
        let again = kept
        inbox.withLock { $0.items.insert(contentsOf: again, at: 0) }
        if tries == 1 { news([.storeFails(true)]) }
        if tries == 1 || givesUp || fault.isFatal { faults(fault) }
        _ = Locked(()).wait(atMost: options.retryPause) { _ in Bool?.none }
    }
}
