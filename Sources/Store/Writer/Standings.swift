package import Events

/// The last events, deliveries and errors of sources and destinations, for people who look.
///
/// They are not worth a page of the file in every transaction: they are kept in memory and written
/// twice a second.
package final class Standings: TransactionParticipant {
    /// The time between two writings.
    static let interval = Duration.milliseconds(500)

    private let session: any DestinationSession
    private var news = News()
    private var savedAt = Timestamp(milliseconds: 0)
    /// The news were written in the open transaction.
    private var isSaved = false

    /// News by the numbers of sources and destinations.
    package struct News: Sendable {
        package var lastEvents: [SourceNumber: Timestamp] = [:]
        package var lastDelivered: [DestinationNumber: Timestamp] = [:]
        package var lastErrors: [DestinationNumber: (text: String, at: Timestamp)] = [:]

        var isEmpty: Bool { lastEvents.isEmpty && lastDelivered.isEmpty && lastErrors.isEmpty }
    }

    init(_ session: any DestinationSession) { self.session = session }

    func eventCame(from source: SourceNumber, at moment: Timestamp) {
        news.lastEvents[source] = moment
    }

    func delivered(to destination: DestinationNumber, at moment: Timestamp) {
        news.lastDelivered[destination] = moment
    }

    func failed(at destination: DestinationNumber, _ text: String, moment: Timestamp) {
        news.lastErrors[destination] = (text, moment)
    }

    /// True while something has not been written.
    var hasNews: Bool { !news.isEmpty }

    /// Writes the news when it is time to, or at once.
    func save(at now: Timestamp, atOnce: Bool) throws {
        guard hasNews else { return }
        let pause = now.since(savedAt)
        guard atOnce || pause >= Self.interval || pause < .zero else { return }
        savedAt = now
        try session.save(news)
        isSaved = true
    }

    package func keep() {
        if isSaved { forget() }
        isSaved = false
    }

    package func undo() { isSaved = false }

    /// Drops the news; also when a person is forgotten, whom an error may name.
    func forget() { news = News() }
}
