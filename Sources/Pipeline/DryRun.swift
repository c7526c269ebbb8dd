import Consent
package import Events
import Identify
package import Map

/// An event taken through every stage without being stored or sent.
package struct DryRun: Sendable {
    /// What one destination would do.
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
    /// What the event changes about its person, in words.
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
                    Self.outcome(planned, $0, event, decision.identity)
                }
            }
    }

    private static func outcome(
        _ planned: Pipeline.Planned, _ destination: Destination, _ event: Event,
        _ identity: Identity
    ) -> Outcome {
        var reason = planned.reason
        var detail = planned.detail
        var requests: [MappedRequest] = []
        do throws(MappingFault) {
            requests = try destination.requests(for: event, identity)
        } catch {
            reason = reason ?? error.reason
            detail = planned.reason == nil ? error.detail : detail
        }
        let input = MapInput(event: event, identity: identity, parameters: destination.parameters)
        return Outcome(
            destination: planned.destination, reason: reason, detail: detail,
            consent: planned.consent, trace: destination.preset.plan(for: event)?.trace(input),
            requests: requests)
    }
}
