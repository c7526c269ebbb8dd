package import Events
import JSON
package import Request

/// Builds the requests of the jobs that the store hands over, on a thread of its own.
///
/// Building applies a blueprint to an event and is the most expensive step of a delivery, so it
/// does not belong on the transport's thread. All news and every change of the pipeline go through
/// the builder in order: a change of the pipeline reaches the machine after the jobs that were
/// built before it, and the machine takes these back. Large news are passed on in parts, so that
/// the first requests leave while the last are built.
final class Builder: Sendable {
    private struct Inbox {
        var inputs: [DeliveryMachine.Input] = []
        var isClosed = false
    }
    private let inbox: Locked<Inbox>
    private let thread: WorkerThread

    /// How long the thread waits before it looks up.
    private static let longestWait = Duration.minutes(1)

    /// - Parameters:
    ///   - mark: called with the delivery whose request is about to be built, and with nil after.
    ///   - output: called with each input that was put in, the requests of its jobs built.
    init(
        builders: any RequestBuilders, mark: @escaping @Sendable (DeliveryID?) -> Void,
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
                        output(.news([builders.building(part, mark: mark)]))
                    }
                }
            }
        }
    }

    deinit { inbox.signal { $0.isClosed = true } }

    /// Puts an input in; returns at once.
    func post(_ input: DeliveryMachine.Input) {
        inbox.signal { if !$0.isClosed { $0.inputs.append(input) } }
    }

    /// Ends the thread; inputs that it has not taken up are discarded.
    func close() {
        inbox.signal { $0.isClosed = true }
        thread.join()
    }
}

extension StoreNews {
    /// Jobs that are built before they are passed on.
    private static let slice = 64

    /// The same news in parts that are soon built, so that nothing waits for all of a large one.
    fileprivate var parts: [StoreNews] {
        switch self {
        case .handedOver(let jobs):
            return jobs.slices(of: Self.slice).map { .handedOver(Array($0)) }
        case .claimed(let destination, let jobs, let limit, let nextDue):
            let slices = jobs.slices(of: Self.slice)
            let last = Array(slices.last ?? [])
            // The claim is accounted for with its last part.
            return slices.dropLast().map { .handedOver(Array($0)) } + [
                .claimed(
                    destination: destination, jobs: last, limit: limit - (jobs.count - last.count),
                    nextDue: nextDue)
            ]
        case .waiting, .consentChanged, .released, .heldByOperator, .probe, .storeFails:
            return [self]
        }
    }
}

/// A job that can be sent: its request, and the builder that completes the request.
struct ReadyJob {
    let job: Job
    let request: MappedRequest
    let builder: RequestBuilder
}

extension RequestBuilders {
    /// The same news with the requests of its jobs built, or the reason why there are none.
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
        case .waiting, .consentChanged, .released, .heldByOperator, .probe, .storeFails: news
        }
    }

    /// The same job with its requests built; a job that has its requests stays as it is.
    func building(_ job: Job, mark: (DeliveryID?) -> Void = { _ in }) -> Job {
        guard case .unbuilt = job.content else { return job }
        do throws(BuildFault) {
            return try build(job, with: try openBuilder(for: job), mark: mark)
        } catch {
            return job.with(.fault(error))
        }
    }

    /// Looks at a job again just before it is sent: when the pipeline has changed since its
    /// requests were built, they are built anew, so that nothing of the one before is sent.
    ///
    /// Requests that were sent before stay as they are, unless they would go elsewhere now.
    func ready(_ job: Job) throws(BuildFault) -> ReadyJob {
        let builder = try openBuilder(for: job)
        var job = job
        if let before = job.builder {
            if before !== builder { job = try build(job.unsent, with: builder, mark: { _ in }) }
        } else if !job.sendsAsWas {
            job = renewed(job, by: builder)
        }
        return ReadyJob(job: job, request: try job.request.get(), builder: builder)
    }

    /// A job whose request has moved, built anew whole.
    ///
    /// Nothing that is sent is half of the state before and half of the one now. A request that
    /// cannot be built any more is sent as it was.
    private func renewed(_ job: Job, by builder: RequestBuilder) -> Job {
        guard case .success(let request) = job.request,
            builder.hasMoved(request, for: job.event),
            let anew = try? build(job, with: builder, mark: { _ in }),
            case .success(let next) = anew.request, next.name == request.name
        else { return job }
        return anew
    }

    private func openBuilder(for job: Job) throws(BuildFault) -> RequestBuilder {
        guard let builder = builder(for: job.id.destination) else { throw .destinationGone }
        return builder
    }

    private func build(
        _ job: Job, with builder: RequestBuilder, mark: (DeliveryID?) -> Void
    ) throws(BuildFault) -> Job {
        mark(job.id)
        defer { mark(nil) }
        do throws(RequestFault) {
            let requests = try builder.requests(
                for: job.event, of: job.identity, carried: job.plan)
            return job.with(
                .built(requests, by: builder), revision: builder.revision)
        } catch {
            throw .unbuildable(error)
        }
    }
}
