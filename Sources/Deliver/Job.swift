package import Events
package import Request

/// An event, whom it belongs to and what was decided about it: shared by all copies of a job.
private final class Subject: Sendable {
    let event: Event
    let identity: Identity
    let plan: RequestPlan?

    init(_ event: Event, identity: Identity, plan: RequestPlan?) {
        self.event = event
        self.identity = identity
        self.plan = plan
    }
}

/// One delivery with an attempt open, handed to the deliverer.
///
/// An object, because it goes through many hands; it never changes.
package final class Job: Sendable {
    package let id: DeliveryID
    package let run: Int
    /// The number of the open attempt.
    package let attempt: Int
    /// Attempts that count for the schedule, before this one.
    package let tries: Int
    /// The first request that has not been delivered yet.
    package let step: Int
    private let subject: Subject
    package let content: Content
    /// The blueprint's revision that the requests were, or will be, built with.
    package let revision: String
    /// The store's change number when consent was last looked at.
    package let decidedAt: Int64
    /// An operator ordered the requests of an earlier run, byte for byte.
    package let sendsAsWas: Bool

    package var event: Event { subject.event }
    package var identity: Identity { subject.identity }
    /// The decided way from the event to requests; nil when the store has loaded the job.
    package var plan: RequestPlan? { subject.plan }

    /// The requests of a job, or why it has none.
    package enum Content: Sendable {
        case unbuilt
        /// The same requests at every try. `by` is the builder that has just built them: they are
        /// saved with the attempt that ends next. Nil when they were saved before.
        case built([MappedRequest], by: RequestBuilder?)
        case fault(BuildFault)
    }

    /// - Parameter plan: the plan of `Pipeline.Planned`, for a delivery that was just decided.
    package convenience init(
        id: DeliveryID, run: Int, attempt: Int, tries: Int, step: Int, event: Event,
        identity: Identity, content: Content = .unbuilt, revision: String, decidedAt: Int64,
        plan: RequestPlan? = nil, sendsAsWas: Bool = false
    ) {
        self.init(
            id: id, run: run, attempt: attempt, tries: tries, step: step,
            subject: Subject(event, identity: identity, plan: plan), content: content,
            revision: revision, decidedAt: decidedAt, sendsAsWas: sendsAsWas)
    }

    private init(
        id: DeliveryID, run: Int, attempt: Int, tries: Int, step: Int, subject: Subject,
        content: Content, revision: String, decidedAt: Int64, sendsAsWas: Bool
    ) {
        self.id = id
        self.run = run
        self.attempt = attempt
        self.tries = tries
        self.step = step
        self.subject = subject
        self.content = content
        self.revision = revision
        self.decidedAt = decidedAt
        self.sendsAsWas = sendsAsWas
    }

    /// The same job with what was built for it.
    package func with(_ content: Content, revision: String? = nil) -> Job {
        Job(
            id: id, run: run, attempt: attempt, tries: tries, step: step, subject: subject,
            content: content, revision: revision ?? self.revision, decidedAt: decidedAt,
            sendsAsWas: sendsAsWas)
    }

    /// The same job as it was before its requests were built; requests that were saved stay.
    var unsent: Job { pinsRequests ? with(.unbuilt) : self }

    /// The same delivery with its next request and a schedule that begins anew.
    package func following() -> Job {
        Job(
            id: id, run: run, attempt: attempt + 1, tries: 0, step: step + 1, subject: subject,
            content: .built(requests, by: nil), revision: revision, decidedAt: decidedAt,
            sendsAsWas: sendsAsWas)
    }

    /// Every request of the delivery; empty before they are built.
    package var requests: [MappedRequest] {
        if case .built(let requests, _) = content { requests } else { [] }
    }

    /// True when the requests were built for this attempt and have to be saved with it.
    package var pinsRequests: Bool { builder != nil }

    /// The builder that has just built the requests.
    var builder: RequestBuilder? {
        if case .built(_, let builder) = content { builder } else { nil }
    }

    /// The request that this attempt sends, or why there is none.
    var request: Result<MappedRequest, BuildFault> {
        switch content {
        case .built(let requests, _) where step < requests.count: .success(requests[step])
        case .fault(let fault): .failure(fault)
        case .built, .unbuilt:
            .failure(
                .unbuildable(RequestFault(reason: .mapping, detail: "the event has no request")))
        }
    }
}

/// The cause when a job has no request to send.
package enum BuildFault: Error, Sendable, Equatable {
    /// The destination is gone from the pipeline or switched off: the delivery is kept for it.
    case destinationGone
    /// The event cannot become a request there: the delivery fails.
    case unbuildable(RequestFault)
}
