import Accept
import Deliver
import Events
import Pipeline

/// What is done when a transaction fails.
extension SQLiteStore {
    /// Nothing of it is in the file.
    ///
    /// What is done about it depends on why.
    func recover(_ items: [Item], _ error: any Error, _ writer: Writer) {
        let fault = StoreFault(error)
        failure.withLock { $0 = fault.text }
        switch fault {
        case .passing, .pressed: postpone(items, fault)
        case .fatal:
            faults(fault)
            postpone(items, fault)
        case .single: isolate(items.flatMap(Self.parts), fault, writer)
        }
    }

    /// One of them is at fault, and the others must not pay for it: each is tried alone, in order,
    /// until something stops all of them.
    private func isolate(_ parts: [Item], _ fault: StoreFault, _ writer: Writer) {
        for (index, part) in parts.enumerated() {
            let error = parts.count == 1 ? nil : attempt([part], writer)
            let own = error.map { StoreFault($0) } ?? (parts.count == 1 ? fault : nil)
            switch own {
            case nil: continue
            case .single:
                faults(own ?? fault)
                Self.refuse(part)
                giveUp(part, writer)
            case .passing, .pressed, .fatal:
                failure.withLock { $0 = own?.text }
                if case .fatal = own { faults(own ?? fault) }
                postpone(Array(parts[index...]), own ?? fault)
                return
            }
        }
    }

    /// The deliverer must not wait for ever for what cannot be done.
    private func giveUp(_ part: Item, _ writer: Writer) {
        guard case .work(let work) = part, let item = work.first else { return }
        switch item {
        case .claim(let destination, let limit, _):
            let later = writer.now + options.claimPause
            news([.claimed(destination: destination, jobs: [], limit: limit, nextDue: later)])
        case .record(let outcome):
            // Without its record the delivery is tried again; better twice than never.
            _ = attempt([.work([.giveBack([outcome.job])])], writer)
        case .giveBack, .hold, .release, .rest: break
        }
    }

    private static func parts(_ item: Item) -> [Item] {
        if case .work(let work) = item { return work.map { .work([$0]) } }
        return [item]
    }

    static func refuse(_ item: Item) {
        switch item {
        case .accept(_, _, _, let answer): answer(.failure(unavailable))
        case .order(let order), .outside(let order): order.refuse()
        case .barrier(let done): done()
        case .work: break
        }
    }

    /// Senders are told to come again; the deliverer's work is kept for the next try.
    private func postpone(_ items: [Item], _ fault: StoreFault) {
        let isClosing = inbox.withLock(\.closing)
        let tries = postponed.withLock { count in
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
        if tries == 1 || givesUp { faults(fault) }
        let pause = Locked(())
        _ = pause.wait(atMost: options.pause) { _ in Bool?.none }
    }
}
