import Deliver
import Events
import Store

/// Gathers deliveries that were taken at their first attempt, and records them sixteen at a time.
final class DeliveredRows {
    /// Deliveries that one statement can record together.
    private struct Group {
        let destination: Int64
        let revision: String
        let status: Int
        var endedAt: Timestamp
        var events: [Int64]
    }
    private let update: DeliveryUpdate
    private var groups: [Group] = []

    init(_ connection: Connection) throws {
        update = try DeliveryUpdate(
            connection, set: DeliverySQL.deliver, values: 3, if: DeliverySQL.isFirstTry)
    }

    /// Gathers a delivery that is being sent; it is recorded after `flush`, with the moment of the
    /// last one of its group.
    func add(_ outcome: Outcome, at destination: DestinationNumber, status: Int) {
        let (job, endedAt) = (outcome.job, outcome.endedAt)
        let index = groups.firstIndex {
            $0.destination == destination && $0.status == status && $0.revision == job.revision
        }
        guard let index else {
            groups.append(
                Group(
                    destination: destination, revision: job.revision, status: status,
                    endedAt: endedAt, events: [job.id.event.number]))
            return
        }
        groups[index].endedAt = max(groups[index].endedAt, endedAt)
        groups[index].events.append(job.id.event.number)
    }

    func flush() throws {
        defer { discard() }
        for group in groups {
            let changed = try update.run(group.events, at: group.destination) {
                $0.bind(1, group.endedAt.milliseconds).bind(2, group.revision)
                    .bind(3, group.status)
            }
            guard changed == group.events.count else { throw NotSending(events: group.events) }
        }
    }

    /// Drops the deliveries that were gathered and not recorded.
    func discard() { groups = [] }

    /// One of the deliveries was recorded twice: only the end of its attempt ends a delivery that
    /// is being sent.
    private struct NotSending: Error, CustomStringConvertible {
        let events: [Int64]

        var description: String {
            let ids = events.map { EventID(number: $0).text }.joined(separator: ", ")
            return "one of these has ended and is not being sent in the file: \(ids)"
        }
    }
}
