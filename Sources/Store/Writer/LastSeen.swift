package import Events

/// The last events, deliveries and errors of sources and destinations, for people who look.
///
/// They are not worth a page of the file in every transaction: they are kept in memory and written
/// twice a second.
package final class LastSeen: TransactionParticipant {
    /// The time between two writings.
    static let interval = Duration.milliseconds(500)

    private let session: any DestinationSession
    private var pending = Pending()
    private var savedAt = Timestamp(milliseconds: 0)
    /// The pending facts were written in the open transaction.
    private var isSaved = false
    /// Deliveries that were refused in a row, where there are some.
    private var refusedInARow: [DestinationNumber: Int] = [:]

    /// Facts that have not been written, by the numbers of sources and destinations.
    package struct Pending: Sendable {
        package var lastEvents: [SourceNumber: Timestamp] = [:]
        package var lastDelivered: [DestinationNumber: Timestamp] = [:]
        package var lastErrors: [DestinationNumber: (text: String, at: Timestamp)] = [:]
        /// Deliveries that were refused in a row.
        package var refusedInARow: [DestinationNumber: Int] = [:]

        var isEmpty: Bool {
            lastEvents.isEmpty && lastDelivered.isEmpty && lastErrors.isEmpty
                && refusedInARow.isEmpty
        }
    }

    init(_ session: any DestinationSession) { self.session = session }

    func eventCame(from source: SourceNumber, at moment: Timestamp) {
        pending.lastEvents[source] = moment
    }

    func delivered(to destination: DestinationNumber, at moment: Timestamp) {
        pending.lastDelivered[destination] = moment
    }

    func failed(at destination: DestinationNumber, _ text: String, moment: Timestamp) {
        pending.lastErrors[destination] = (text, moment)
    }

    /// Takes the count that an attempt ended with.
    func refused(_ count: Int, at destination: DestinationNumber) {
        if count == 0, refusedInARow.isEmpty { return }
        guard refusedInARow[destination] ?? 0 != count else { return }
        refusedInARow[destination] = count == 0 ? nil : count
        pending.refusedInARow[destination] = count
    }

    /// Begins with a count that was stored.
    func restore(_ count: Int, at destination: DestinationNumber) {
        if count > 0 { refusedInARow[destination] = count }
    }

    /// True while something has not been written.
    var hasPending: Bool { !pending.isEmpty }

    /// Writes what is pending when it is time to, or at once.
    func save(at now: Timestamp, atOnce: Bool) throws {
        guard hasPending else { return }
        let pause = now.since(savedAt)
        guard atOnce || pause >= Self.interval || pause < .zero else { return }
        savedAt = now
        try session.save(pending)
        isSaved = true
    }

    package func keep() {
        if isSaved { forget() }
        isSaved = false
    }

    package func undo() { isSaved = false }

    /// Drops what is pending; also when a person is forgotten, whom an error may name.
    func forget() { pending = Pending() }
}
