package import Deliver
package import Events

extension StoreEngine {
    /// How a store is run; every limit has a name.
    package struct Options: Sendable {
        /// Events and outcomes that one transaction takes at the most.
        package var transactionItems = 2_000
        /// Requests that may wait for the writer; more are answered 503.
        package var waitingRequests = 20_000
        /// The time before a transaction that failed is tried again.
        package var retryPause = Duration.milliseconds(100)
        /// The time after which a claim that could not be done is asked for again.
        package var claimPause = Duration.seconds(5)
        /// Tries, once the store is being closed, before work that cannot be written is given up.
        package var triesWhenClosing = 50
        /// The time between two looks at free space, queues and what is old.
        package var houseInterval = Duration.milliseconds(250)
        /// True when the pipeline is the running server's: only that one is shown in the status,
        /// and only a server keeps house.
        package var isServer = true
        package var limits = StoreLimits()
        /// The schedule of retries: no due time is later than it says.
        package var schedule = Schedule()
        /// The delivery whose request was being built when the program last ended.
        package var crashedOn: DeliveryID?
        /// Bytes that are free where the store lies; nil when nobody can tell.
        package var freeSpace: @Sendable () -> Int64? = { nil }

        package init() {}
    }
}
