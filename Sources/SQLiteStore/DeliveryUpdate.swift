import Events
import JSON

/// Changes many deliveries of one destination alike: what a statement costs by itself is paid once
/// for all of them.
final class DeliveryUpdate {
    private let update: Statement
    private let values: Int32
    private let connection: Connection

    /// - Parameters:
    ///   - assignments: what is set, with the values ?1, ?2, … as far as `values`.
    ///   - condition: what the deliveries have to be.
    init(
        _ connection: Connection, _ assignments: String, values: Int32 = 1,
        if condition: String = "true"
    ) throws {
        self.connection = connection
        self.values = values
        // OR FAIL: whoever gets an error undoes the transaction, so that no copy of pages is made
        // for undoing the statement.
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
        _ events: [Int64], _ destination: Int64, bind: (Statement) -> Void
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

/// The events of one statement that is for many.
enum EventList {
    /// - Parameter index: the number of the statement's values before them.
    static func condition(after index: Int32) -> String {
        let places = (1...Int32(Statement.many)).map { "?\(index + $0)" }.joined(separator: ", ")
        return "deliveries.event IN (\(places))"
    }

    /// The last fills the places that are left.
    static func bind(_ events: ArraySlice<Int64>, to statement: Statement, after index: Int32) {
        guard let last = events.last else { return }
        for place in 0..<Statement.many {
            let event = place < events.count ? events[events.startIndex + place] : last
            statement.bind(index + 1 + Int32(place), event)
        }
    }
}
