package import JSON

/// The state of a whole installation: its sources, its destinations, and its pipeline file.
package struct StatusReport: Sendable {
    package let sources: [SourceRow]
    package let destinations: [DestinationRow]
    /// The fault of a changed pipeline file that the server refused; nil when there is none.
    package let reloadFault: String?

    package init(from log: any DeliveryLog) throws {
        destinations = try log.destinations()
        sources = try log.sources()
        reloadFault = try log.reloadFault()
    }

    /// True when a destination is held or refuses everything: an operator has to do something.
    package var needsOperator: Bool { destinations.contains { $0.hold != nil || $0.isRefusing } }

    /// The report as JSON.
    package func appendJSON(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("sources")
        sources.appendJSON(to: &writer)
        writer.key("destinations")
        destinations.appendJSON(to: &writer)
        writer.member("reloadFault", reloadFault)
        writer.endObject()
    }
}
