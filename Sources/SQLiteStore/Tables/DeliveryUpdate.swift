import Events
import Store
import JSON

/// Changes many deliveries of one destination alike, sixteen with one statement: its own cost is
/// then paid once for all of them.
final class DeliveryUpdate {
    private let update: Statement
    private let values: Int32
    private let connection: Connection

    /// - Parameters:
    ///   - assignments: the columns that are set, with the values ?1, ?2, … as far as `values`.
    ///   - condition: holds for the deliveries that are changed.
    init(
        _ connection: Connection, set assignments: String, values: Int32 = 1,
        if condition: String = "true"
    ) throws {
        self.connection = connection
        self.values = values
        // OR FAIL: the transaction is undone after an error, so that SQLite need not copy pages
        // for undoing the statement alone.
        update = try connection.prepare(
            """
            UPDATE OR FAIL deliveries SET \(assignments)
            WHERE destination = ?\(values + 1) AND \(EventList.condition(after: values + 1))
                AND \(condition)
            """)
    }

    /// - Parameter bind: gives the statement its values.
    /// - Returns: how many were changed.
    @discardableResult
    func run(
        _ events: [Int64], at destination: DestinationNumber, bind: (Statement) -> Void
    ) throws -> Int {
        var changes = 0
        for slice in events.slices(of: Statement.many) {
            bind(update.reset())
            update.bind(values + 1, destination)
            EventList.bind(slice, to: update, after: values + 1)
            try update.run()
            changes += connection.changes
        }
        return changes
    }
}

/// The list of events in a statement for sixteen of them.
enum EventList {
    /// The condition that a delivery's event is in the list.
    ///
    /// - Parameter index: the number of the statement's values before the list.
    static func condition(after index: Int32) -> String {
        let places = (1...Int32(Statement.many)).map { "?\(index + $0)" }.joined(separator: ", ")
        return "deliveries.event IN (\(places))"
    }

    /// Binds the events; the last one fills the places that are left.
    static func bind(_ events: ArraySlice<Int64>, to statement: Statement, after index: Int32) {
        guard let last = events.last else { return }
        for place in 0..<Statement.many {
            let event = place < events.count ? events[events.startIndex + place] : last
            statement.bind(index + 1 + Int32(place), event)
        }
    }
}
