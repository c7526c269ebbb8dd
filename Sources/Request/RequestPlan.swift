package import Events
package import Map

/// The decided way from one event to one destination's requests: the blueprint's plan and
/// everything that its mappings read.
///
/// It is made once, when the event is decided about, and goes along with the delivery, so that
/// nothing is looked up or gathered again when the requests are built and sent.
package struct RequestPlan: Sendable {
    /// The state of the destination that made the plan; another state plans anew.
    let builder: RequestBuilder
    package let event: Blueprint.EventPlan
    package let input: MapInput

    init(_ event: Blueprint.EventPlan, of builder: RequestBuilder, input: MapInput) {
        self.builder = builder
        self.event = event
        self.input = input
    }

    /// The first request, when it requires something that the event does not give; then the
    /// destination cannot know who this is.
    package var unsatisfied: Blueprint.Request? {
        guard let step = event.steps.first, !step.isSatisfied(by: input) else { return nil }
        return step.request
    }
}

/// The cause when an event becomes no request at a destination.
package struct RequestFault: Error, Sendable, Equatable {
    package let reason: Reason
    /// The target and what was wrong with its value, or what is missing.
    package let detail: String

    package init(reason: Reason, detail: String) {
        self.reason = reason
        self.detail = detail
    }
}
