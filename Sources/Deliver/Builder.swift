package import Events
import JSON

/// Why a job has no request.
package struct BuildFault: Error, Sendable {
    package let reason: Reason
    package let detail: String

    package init(reason: Reason, detail: String) {
        self.reason = reason
        self.detail = detail
    }

    /// What waits for a destination that is gone from the pipeline is kept.
    static let gone = BuildFault(reason: .dropped, detail: "the destination is gone")
}

/// Builds the requests of what the store hands over, on a thread of its own.
///
/// All news and every change of the pipeline go through it in order, so that a change takes back
/// what was built before it.
final class Builder: Sendable {
    private struct Inbox {
        var inputs: [DeliveryMachine.Input] = []
        var isClosed = false
    }
    private let inbox: Locked<Inbox>
    private let thread: WorkerThread

    /// Milliseconds the thread waits before it looks up.
    private static let longestWait: Int64 = 60_000

    /// - Parameters:
    ///   - mark: called with the delivery whose request is about to be built, and with nil after.
    ///   - output: takes what was put in, with the requests of its jobs.
    init(
        targets: any Targets, mark: @escaping @Sendable (DeliveryID?) -> Void,
        output: @escaping @Sendable (DeliveryMachine.Input) -> Void
    ) {
        let inbox = Locked(Inbox())
        self.inbox = inbox
        thread = WorkerThread(named: "map") {
            while true {
                let inputs = inbox.wait(atMost: Self.longestWait) { inbox in
                    defer { inbox.inputs = [] }
                    return inbox.isClosed ? [] : inbox.inputs.isEmpty ? nil : inbox.inputs
                }
                guard let inputs else { continue }
                if inputs.isEmpty { return }
                for input in inputs {
                    guard case .news(let news) = input else {
                        output(input)
                        continue
                    }
                    for part in news.flatMap(\.parts) {
                        output(.news([targets.building(part, mark: mark)]))
                    }
                }
            }
        }
    }

    deinit { inbox.signal { $0.isClosed = true } }

    func post(_ input: DeliveryMachine.Input) {
        inbox.signal { if !$0.isClosed { $0.inputs.append(input) } }
    }

    /// Ends the thread; what is put in from here on goes nowhere.
    func close() {
        inbox.signal { $0.isClosed = true }
        thread.join()
    }
}

extension StoreNews {
    /// Jobs that are built before they are passed on.
    private static let slice = 64

    /// The same in parts that are soon built, so that nothing waits for all of a large one.
    fileprivate var parts: [StoreNews] {
        switch self {
        case .handedOver(let jobs):
            return jobs.slices(of: Self.slice).map { .handedOver(Array($0)) }
        case .claimed(let destination, let jobs, let limit, let nextDue):
            let slices = jobs.slices(of: Self.slice)
            let last = Array(slices.last ?? [])
            // What was claimed is accounted for with the last.
            return slices.dropLast().map { .handedOver(Array($0)) } + [
                .claimed(
                    destination: destination, jobs: last, limit: limit - (jobs.count - last.count),
                    nextDue: nextDue)
            ]
        default: return [self]
        }
    }

    /// Whether whoever ordered it may count on it from now on.
    var isUrgent: Bool {
        switch self {
        case .consentChanged, .heldByOperator: true
        default: false
        }
    }
}

extension Targets {
    /// The same with the requests of its jobs built, or the reason why there are none.
    ///
    /// - Parameter mark: called with the delivery whose request is about to be built, and with nil
    ///   after.
    package func building(
        _ news: StoreNews, mark: (DeliveryID?) -> Void = { _ in }
    ) -> StoreNews {
        switch news {
        case .handedOver(let jobs): .handedOver(jobs.map { building($0, mark: mark) })
        case .claimed(let destination, let jobs, let limit, let nextDue):
            .claimed(
                destination: destination, jobs: jobs.map { building($0, mark: mark) },
                limit: limit, nextDue: nextDue)
        default: news
        }
    }

    func building(_ job: Job, mark: (DeliveryID?) -> Void = { _ in }) -> Job {
        guard case .unbuilt = job.content else { return job }
        guard let target = target(job.id.destination) else { return job.with(.fault(.gone)) }
        mark(job.id)
        defer { mark(nil) }
        switch target.requests(for: job) {
        case .success(let built):
            return job.with(.built(built.requests, by: target), revision: built.revision)
        case .failure(let fault): return job.with(.fault(fault))
        }
    }
}
