import Deliver
import Events

/// Everything that has to follow from a transaction, once it is on disk.
struct Effects {
    /// Fresh deliveries with attempt 1 open.
    var handedOver: [Job] = []
    /// Places in the deliverer's memory that were taken for them; given back when nothing comes.
    var places: [String] = []
    /// Destinations for which something became ready or due.
    var destinationsToWake: Set<String> = []
    var news: [StoreNews] = []
    var counts: [Tally.Key: Int] = [:]
    var delivered: [String: Tally.Delivered] = [:]

    mutating func count(_ key: Tally.Key, _ number: Int = 1) {
        counts[key, default: 0] += number
    }
}
