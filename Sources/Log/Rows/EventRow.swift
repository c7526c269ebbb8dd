package import Events

/// An event as the log keeps it, with the person it belongs to.
package struct EventRow: Sendable {
    package var event: Event
    package var identity: Identity

    package init(event: Event, identity: Identity) {
        self.event = event
        self.identity = identity
    }
}
