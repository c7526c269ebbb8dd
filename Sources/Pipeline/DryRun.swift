import Consent
package import Events
import Identify
package import Map
import Request

/// An event taken through every stage without being stored or sent.
package struct DryRun: Sendable {
    /// The end of the event at one destination, had it been sent in.
    package struct Outcome: Sendable {
        package let destination: String
        /// Nil: it would be sent.
        package let reason: Reason?
        package let detail: String?
        package let consent: ConsentRecord?
        package let trace: MappingTrace?
        package let requests: [MappedRequest]
    }
    package let event: Event
    package let identity: Identity
    package let outcomes: [Outcome]
    /// The event's changes to its person, in words.
    package let changes: [String]

    /// - Parameters:
    ///   - people: what is known already; nothing is stored there for good.
    ///   - destination: only this one; nil for all.
    package init(
        _ event: Event, pipeline: Pipeline, people: MemoryPeople, destination: String? = nil
    ) throws {
        var people = people
        let decision = try pipeline.decide(event, in: &people)
        self.event = event
        identity = decision.identity
        changes = decision.changes
        outcomes = decision.deliveries.filter { destination ?? $0.destination == $0.destination }
            .compactMap { planned in
                pipeline[planned.destination].map {
                    Self.outcome(of: planned, at: $0, event: event, identity: decision.identity)
                }
            }
    }

    private static func outcome(
        of planned: Pipeline.Planned, at destination: Destination, event: Event,
        identity: Identity
    ) -> Outcome {
        var reason = planned.reason
        var detail = planned.detail
        var requests: [MappedRequest] = []
        let builder = destination.builder
        let plan = builder.plan(for: event, of: identity, carried: planned.plan)
        do throws(RequestFault) {
            requests = try builder.requests(for: event, of: identity, carried: plan)
        } catch {
            reason = reason ?? error.reason
            detail = planned.reason == nil ? error.detail : detail
        }
        return Outcome(
            destination: planned.destination, reason: reason, detail: detail,
            consent: planned.consent, trace: plan.map { $0.event.trace($0.input) },
            requests: requests)
    }
}
