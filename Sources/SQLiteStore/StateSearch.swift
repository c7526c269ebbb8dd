import Deliver
import Events
import Log

/// Finds deliveries by their state through the partial indexes, however many others there are.
///
/// Only for filters that ask for nothing more than a state or reason, a destination and a time; the
/// parameters are those of the whole search.
struct StateSearch {
    private let arms: [String]
    /// Selects SQLite takes in one statement, and fewer than that.
    private static let mostArms = 400

    /// Nil when the filter has to be looked for row by row.
    init?(_ filter: DeliveryFilter, _ connection: Connection) throws {
        guard let state = filter.state ?? filter.reason?.state, state != .delivered,
            filter.reason.map({ $0.state == state }) ?? true,
            !filter.isHeld, filter.eventName == nil, filter.user == nil, filter.status == nil
        else { return nil }
        let select = try connection.prepare(
            "SELECT id FROM destinations WHERE ?1 IS NULL OR name = ?1")
        select.bind(1, filter.destination)
        var arms: [String] = []
        while try select.step() {
            for condition in Self.conditions(state, filter.reason) {
                arms.append(Self.arm(filter, select.int64(0), condition))
            }
        }
        guard (1...Self.mostArms).contains(arms.count) else { return nil }
        self.arms = arms
    }

    /// What an index is asked for at one destination, the rows of each in the order of events.
    private static func conditions(_ state: DeliveryState, _ reason: Reason?) -> [String] {
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

    private static func arm(
        _ filter: DeliveryFilter, _ destination: Int64, _ condition: String
    ) -> String {
        """
        SELECT * FROM (SELECT event, destination FROM deliveries \(condition)
            AND destination = \(destination) AND event >= ?1
            \(filter.after == nil ? "" : "AND event > ?2")
            ORDER BY event \(filter.oldestFirst ? "ASC" : "DESC") LIMIT ?11)
        """
    }

    /// The same search among what was found.
    func narrowing(_ rows: String) -> String {
        "WITH found (event, destination) AS (\(arms.joined(separator: " UNION ALL "))) "
            + rows.replacing(
                "FROM deliveries AS d",
                with: "FROM found CROSS JOIN deliveries AS d USING (event, destination)")
    }
}
