import Events

/// Changes many deliveries of one destination alike: what a statement costs by itself is paid once
/// for all of them.
final class DeliveryUpdate {
    /// Deliveries of one statement.
    private static let many = 16

    private let update: Statement

    /// - Parameter assignments: what is set; ?1 is the moment.
    init(_ connection: Connection, _ assignments: String) throws {
        let events = (0..<Self.many).map { "?\($0 + 3)" }.joined(separator: ", ")
        // OR FAIL: whoever gets an error undoes the transaction, so that no copy of pages is made
        // for undoing the statement.
        update = try connection.prepare(
            """
            UPDATE OR FAIL deliveries SET \(assignments)
            WHERE destination = ?2 AND event IN (\(events))
            """)
    }

    func run(_ events: [Int64], _ destination: Int64, at moment: Timestamp) throws {
        var rest = events[...]
        while let last = rest.prefix(Self.many).last {
            update.reset().bind(1, moment.milliseconds).bind(2, destination)
            for place in 0..<Self.many {
                // The last fills the places that are left.
                let event = place < rest.count ? rest[rest.startIndex + place] : last
                update.bind(Int32(place) + 3, event)
            }
            try update.run()
            rest = rest.dropFirst(Self.many)
        }
    }
}
