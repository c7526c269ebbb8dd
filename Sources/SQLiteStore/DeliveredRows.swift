import Deliver
import Events

/// Gathers deliveries that went well at the first try that counts, and records them many at a time.
final class DeliveredRows {
    /// What those of one statement have in common.
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
            connection, DeliverySQL.deliver, values: 3, if: DeliverySQL.isFirstTry)
    }

    /// Takes one that is being sent; it is recorded after `flush`, with the moment of the last.
    func add(_ job: Job, _ destination: Int64, status: Int, at endedAt: Timestamp) {
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
            let changed = try update.run(group.events, group.destination) {
                $0.bind(1, group.endedAt.milliseconds).bind(2, group.revision)
                    .bind(3, group.status)
            }
            guard changed == group.events.count else { throw NotSending(events: group.events) }
        }
    }

    /// Forgets what was taken and not recorded.
    func discard() { groups = [] }

    /// Nothing but the end of its attempt ends a delivery that is being sent, so one of them was
    /// recorded twice.
    private struct NotSending: Error, CustomStringConvertible {
        let events: [Int64]

        var description: String {
            let ids = events.map { EventID(number: $0).text }.joined(separator: ", ")
            return "one of these has ended and is not being sent in the file: \(ids)"
        }
    }
}

extension Outcome {
    /// The status with which the first request of a first run was taken at its first try, and no
    /// other follows.
    var firstSuccess: Int? {
        next == .delivered && job.run == 1 && job.tries == 0 && job.step == 0
            ? attempt.status : nil
    }
}
