/// The limits of one destination: how much of its work may be under way, and how requests travel.
package struct DeliveryLimits: Sendable, Equatable {
    /// Exchanges at the same time.
    package var inFlight: Int
    /// Requests a second; nil for as fast as it goes.
    package var perSecond: Double?
    /// Deliveries held in memory; the others wait in the store.
    package var inMemory: Int
    package var options: TransportOptions

    package init(
        inFlight: Int = 64, perSecond: Double? = nil, inMemory: Int = 2_048,
        options: TransportOptions = TransportOptions()
    ) {
        self.inFlight = inFlight
        self.perSecond = perSecond
        self.inMemory = inMemory
        self.options = options
    }
}
