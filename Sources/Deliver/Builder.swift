package import Events

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
/// Everything that is for the machine goes through it, in order: so a changed pipeline, which comes
/// after what the one before has built, takes all of that back.
final class Builder: Sendable {
    private struct Inbox {
        var inputs: [DeliveryMachine.Input] = []
        var isClosed = false
    }
    private let inbox: Locked<Inbox>

    /// Milliseconds the thread waits before it looks up.
    private static let longestWait: Int64 = 60_000

    /// - Parameters:
    ///   - mark: called with the delivery whose request is about to be built, and with nil after.
    ///   - output: takes what was put in, with the requests of its jobs.
    init(
        targets: any Targets, mark: @escaping @Sendable (DeliveryID?) -> Void,
        output: @escaping @Sendable ([DeliveryMachine.Input]) -> Void
    ) {
        let inbox = Locked(Inbox())
        self.inbox = inbox
        _ = WorkerThread(named: "map") {
            while true {
                let inputs = inbox.wait(atMost: Self.longestWait) { inbox in
                    defer { inbox.inputs = [] }
                    return inbox.isClosed ? [] : inbox.inputs.isEmpty ? nil : inbox.inputs
                }
                guard let inputs else { continue }
                if inputs.isEmpty { return }
                output(
                    inputs.map { input in
                        guard case .news(let news) = input else { return input }
                        return .news(targets.building(news, mark: mark))
                    })
            }
        }
    }

    deinit { close() }

    func post(_ input: DeliveryMachine.Input) { inbox.signal { $0.inputs.append(input) } }

    /// Ends the thread; what is put in from here on goes nowhere.
    func close() { inbox.signal { $0.isClosed = true } }
}

extension Targets {
    /// The same with the requests of its jobs built, or the reason why there are none.
    ///
    /// - Parameter mark: called with the delivery whose request is about to be built, and with nil
    ///   after.
    package func building(
        _ news: [StoreNews], mark: (DeliveryID?) -> Void = { _ in }
    ) -> [StoreNews] {
        news.map { news in
            switch news {
            case .handedOver(let jobs): .handedOver(jobs.map { building($0, mark) })
            case .claimed(let destination, let jobs, let limit, let nextDue):
                .claimed(
                    destination: destination, jobs: jobs.map { building($0, mark) }, limit: limit,
                    nextDue: nextDue)
            default: news
            }
        }
    }

    private func building(_ job: Job, _ mark: (DeliveryID?) -> Void) -> Job {
        guard case .unbuilt = job.content else { return job }
        guard let target = target(job.id.destination) else { return job.with(.fault(.gone)) }
        mark(job.id)
        defer { mark(nil) }
        switch target.requests(for: job) {
        case .success(let built):
            return job.with(.built(built.requests, isNew: true), revision: built.revision)
        case .failure(let fault): return job.with(.fault(fault))
        }
    }
}
