import Events
import Log
import Store

/// The statement that finds the deliveries a filter asks for, newest or oldest first.
///
/// A filter that asks for a state or a reason, and for nothing more than a destination and a time
/// beside it, is answered from the partial indexes, however many other deliveries there are: one
/// select for each destination and reason, each in the order of events, and their union. Every
/// other filter is looked for row by row.
struct DeliverySearch {
    let statement: Statement
    /// True when the partial indexes answer, and no other row is looked at.
    let isIndexed: Bool

    /// Selects that SQLite takes in one statement, and fewer than that.
    private static let selectsMax = 400

    /// - Parameter number: gives the 64 bits under which an identifier's events are found.
    init(
        _ filter: DeliveryFilter, _ connection: Connection, number: (IdentityKey) -> Int64
    ) throws {
        let selects = try Self.selects(filter, connection)
        isIndexed = !selects.isEmpty
        let order = filter.oldestFirst ? "ASC" : "DESC"
        let found =
            !isIndexed
            ? DeliveryColumn.select()
            : """
            WITH found (event, destination) AS (\(selects.joined(separator: " UNION ALL ")))
            \(DeliveryColumn.select(
                from: "found CROSS JOIN deliveries AS d USING (event, destination)"))
            """
        statement = try connection.prepare(
            """
            \(found) WHERE \(Self.conditions(filter).joined(separator: " AND "))
            ORDER BY d.event \(order), d.destination LIMIT ?11
            """)
        statement.bind(1, EventID(first: filter.since).number).bind(2, filter.after?.number)
            .bind(3, filter.state?.rawValue).bind(4, filter.reason?.rawValue)
            .bind(5, filter.destination).bind(6, filter.eventName)
            .bind(7, filter.user.map { number(IdentityKey(.user, $0)) })
            .bind(8, filter.user.map { number(IdentityKey(.email, $0)) })
            .bind(9, filter.status?.lowerBound).bind(10, filter.status?.upperBound)
            .bind(11, filter.limit)
    }

    private static func conditions(_ filter: DeliveryFilter) -> [String] {
        var conditions = ["d.event >= ?1"]
        if filter.after != nil { conditions.append("d.event > ?2") }
        if filter.state != nil { conditions.append("d.state = ?3") }
        if filter.isHeld {
            conditions.append(
                """
                held_since IS NOT NULL AND destinations.is_configured = 1
                    AND d.state IN ('queued', 'retrying')
                """)
        }
        if filter.reason != nil { conditions.append("d.reason = ?4") }
        if filter.destination != nil { conditions.append("destinations.name = ?5") }
        if filter.eventName != nil { conditions.append("\(DeliveryColumn.label.sql) = ?6") }
        if filter.user != nil {
            conditions.append("d.event IN (\(KeyIndex.events(of: "?7, ?8")))")
        }
        if filter.status != nil { conditions.append("d.status BETWEEN ?9 AND ?10") }
        return conditions
    }

    /// The selects over the partial indexes; none when the filter has to be looked for row by row.
    private static func selects(
        _ filter: DeliveryFilter, _ connection: Connection
    ) throws -> [String] {
        guard let state = filter.state ?? filter.reason?.state, state != .delivered,
            filter.reason.map({ $0.state == state }) ?? true,
            !filter.isHeld, filter.eventName == nil, filter.user == nil, filter.status == nil
        else { return [] }
        let destinations = try connection.prepare(
            "SELECT id FROM destinations WHERE ?1 IS NULL OR name = ?1")
        destinations.bind(1, filter.destination)
        var selects: [String] = []
        while try destinations.step() {
            for source in indexed(state, filter.reason) {
                selects.append(select(filter, at: destinations.int64(0), from: source))
            }
        }
        return selects.count <= selectsMax ? selects : []
    }

    /// The parts of an index in which deliveries of one destination stand in the order of events.
    private static func indexed(_ state: DeliveryState, _ reason: Reason?) -> [String] {
        let isState = "state = '\(state.rawValue)'"
        guard state.isFinal else {
            let reasoned = reason.map { " AND reason = '\($0.rawValue)'" } ?? ""
            return ["INDEXED BY deliveries_open WHERE \(Schema.open) AND \(isState)\(reasoned)"]
        }
        let reasons = reason.map { [$0] } ?? Reason.allCases.filter { $0.state == state }
        let unreasoned = reason == nil ? ["reason IS NULL"] : []
        return (reasons.map { "reason = '\($0.rawValue)'" } + unreasoned).map {
            """
            INDEXED BY deliveries_undelivered WHERE ended_at IS NOT NULL AND state <> 'delivered'
                AND \(isState) AND \($0)
            """
        }
    }

    private static func select(
        _ filter: DeliveryFilter, at destination: DestinationNumber, from source: String
    ) -> String {
        """
        SELECT * FROM (SELECT event, destination FROM deliveries \(source)
            AND destination = \(destination) AND event >= ?1
            \(filter.after == nil ? "" : "AND event > ?2")
            ORDER BY event \(filter.oldestFirst ? "ASC" : "DESC") LIMIT ?11)
        """
    }
}
