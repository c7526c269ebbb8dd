package import Events

/// A source, as it stood when the server last took its pipeline.
package struct SourceRow: Sendable {
    package var name: String
    package var kind: String
    /// The reason why its events are refused; nil when it is on.
    package var offReason: String?
    package var lastEvent: Timestamp?

    package init(name: String, kind: String, offReason: String?, lastEvent: Timestamp?) {
        self.name = name
        self.kind = kind
        self.offReason = offReason
        self.lastEvent = lastEvent
    }
}
