package import Events
package import JSON
import Pipeline

/// The state of a whole installation: its sources, its destinations, its pipeline, and whether
/// events are taken.
package struct StatusReport: Sendable {
    package let sources: [SourceRow]
    package let destinations: [DestinationRow]
    /// The calls that were refused in the last days.
    package let refusals: [RefusalRow]
    package let server: ServerRow
    /// The moment for which the report is made.
    package let at: Timestamp

    package init(from log: any DeliveryLog, at now: Timestamp) throws {
        at = now
        destinations = try log.destinations()
        sources = try log.sources()
        refusals = try log.refusals().filter { now.since($0.lastAt) < RefusalRow.shownSpan }
        server = try log.server()
    }

    /// True when an operator has to do something: a destination is held or refuses everything,
    /// calls were refused in the last hour, no events are taken, or a changed pipeline was refused.
    package var needsOperator: Bool {
        destinations.contains { $0.hold != nil || $0.isRefusing }
            || refusals.contains { $0.isFresh(at: at) }
            || server.pressure != nil || server.refused != nil
    }

    /// The report as JSON.
    package func appendJSON(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("sources")
        sources.appendJSON(to: &writer)
        writer.key("destinations")
        destinations.appendJSON(to: &writer, at: at)
        writer.member("reloadFault", server.refused?.fault)
        writer.key("refused")
        refusals.appendJSON(to: &writer, at: at)
        server.appendMembers(to: &writer)
        writer.member("needsOperator", needsOperator)
        writer.endObject()
    }
}
