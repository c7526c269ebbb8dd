package import Events

/// Deliveries that an operator wants to be sent again, as the next run of each.
package struct ReplayOrder: Sendable, Equatable {
    package var deliveries: [DeliveryID]
    /// True: the requests of the last run are sent byte for byte.
    ///
    /// False: new requests are built.
    package var asWas: Bool
    /// Deliveries that become due each second, over all slices of one replay.
    package var perSecond: Double
    /// How many deliveries earlier slices of the same replay held: the due times go on from there.
    package var first = 0
    /// The selection in the operator's words, for the audit.
    package var reason: String

    package init(deliveries: [DeliveryID], asWas: Bool, perSecond: Double, reason: String) {
        self.deliveries = deliveries
        self.asWas = asWas
        self.perSecond = perSecond
        self.reason = reason
    }

    /// How many of the deliveries went which way.
    package struct Outcome: Sendable, Equatable {
        /// Deliveries that will be sent.
        package var queued = 0
        /// Deliveries that were decided again and must not be sent.
        package var filtered = 0
        /// Deliveries that are not in a final state, have lost their body, or never had a request.
        package var refused = 0

        package init() {}
    }
}
