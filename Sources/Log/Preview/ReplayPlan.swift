import Consent
package import Events
import JSON
package import Pipeline
import Request

/// The preview of a replay: which deliveries would be sent again, worked out without doing it.
package struct ReplayPlan: Sendable {
    /// A delivery that would be sent again.
    package struct Item: Sendable {
        package let row: DeliveryRow
        /// The requests that would be sent.
        package let requests: [MappedRequest]
        /// True when they differ from those of the last run.
        package let isChanged: Bool
    }

    /// The way in which the requests of a replay are made, and what it leaves out.
    package struct Mode: Sendable {
        /// True: the requests of the last run are sent byte for byte.
        ///
        /// False: new ones are built.
        package var asWas: Bool
        /// True: deliveries whose requests come out the same are left out.
        package var onlyChanged: Bool

        package init(asWas: Bool, onlyChanged: Bool) {
            self.asWas = asWas
            self.onlyChanged = onlyChanged
        }
    }

    /// Deliveries that would be sent again.
    package private(set) var going: [Item] = []
    /// Deliveries that are left out because their requests come out the same.
    package private(set) var unchanged = 0
    /// Deliveries that are left out because they are not in a final state.
    package private(set) var unfinished = 0
    /// Deliveries that cannot be sent again, counted by the reason.
    package private(set) var refused: [String: Int] = [:]
    /// Deliveries that would be filtered again, counted by the reason.
    package private(set) var filtered: [String: Int] = [:]
    /// Deliveries that can appear twice at their destination.
    package private(set) var repeats = 0

    /// The time in which a service may take an equal event for a repeat; many never do.
    private static let repeatWindow: Duration = .minutes(5)

    /// - Parameters:
    ///   - rows: the deliveries that the operator selected.
    ///   - pipeline: the pipeline as it is now, by which new requests are built.
    package init(
        of rows: [DeliveryRow], in log: any DeliveryLog, pipeline: Pipeline, mode: Mode,
        at now: Timestamp
    ) throws {
        for row in rows {
            guard row.state.isFinal else {
                unfinished += 1
                continue
            }
            guard let destination = pipeline[row.id.destination],
                let detail = try log.detail(row.id)
            else {
                refused["the destination is gone", default: 0] += 1
                continue
            }
            if let reason = Self.refusal(of: detail, asWas: mode.asWas) {
                refused[reason, default: 0] += 1
                continue
            }
            let event = detail.event.event
            let known = detail.event.identity
            let people = try log.people(of: event, email: known.email, owner: known.ownerID)
            let identity = try pipeline.current(detail.event.identity, of: event, in: people)
            let verdict = try pipeline.replan(event, identity, destination: destination, in: people)
            if let reason = verdict.reason, !mode.asWas || reason.isPersons {
                filtered[reason.sentence, default: 0] += 1
                continue
            }
            let requests =
                mode.asWas
                ? detail.requests
                : (try? destination.builder.requests(for: event, of: identity)) ?? []
            let isChanged = requests != detail.requests
            if mode.onlyChanged, !isChanged {
                unchanged += 1
                continue
            }
            if row.state == .delivered, now.since(row.receivedAt) > Self.repeatWindow {
                repeats += 1
            }
            going.append(Item(row: row, requests: requests, isChanged: isChanged))
        }
    }

    /// The reason why a delivery cannot be sent again; nil when it can.
    private static func refusal(of detail: DeliveryDetail, asWas: Bool) -> String? {
        if detail.event.event.document.root.isEmpty { return "the body was removed" }
        return asWas && detail.requests.isEmpty ? "it never had a request" : nil
    }
}
