import Events

/// How sources and destinations stand, for people: when something last came and went, and what was
/// last wrong.
///
/// Not worth a page of the file in every transaction: kept in memory, and written now and then.
final class Standings {
    /// Milliseconds between two writings.
    static let interval: Int64 = 500

    private let saveDelivered, saveError, saveEvent: Statement
    /// By the numbers of destinations and sources.
    private var delivered: [Int64: Timestamp] = [:]
    private var errors: [Int64: (text: String, at: Timestamp)] = [:]
    private var events: [Int64: Timestamp] = [:]
    private var savedAt = Timestamp(milliseconds: 0)
    /// Written in the open transaction.
    private var isSaved = false

    init(_ connection: Connection) throws {
        saveDelivered = try connection.prepare(
            "UPDATE destinations SET last_delivered_at = ? WHERE id = ?")
        saveError = try connection.prepare(
            "UPDATE destinations SET last_error = ?, last_error_at = ? WHERE id = ?")
        saveEvent = try connection.prepare("UPDATE sources SET last_event_at = ? WHERE id = ?")
    }

    func noteEvent(_ source: Int64, at moment: Timestamp) { events[source] = moment }

    func noteDelivered(_ destination: Int64, at moment: Timestamp) {
        delivered[destination] = moment
    }

    func noteError(_ destination: Int64, _ text: String, at moment: Timestamp) {
        errors[destination] = (text, moment)
    }

    /// Whether something is known that has not been written.
    var isNew: Bool { !delivered.isEmpty || !errors.isEmpty || !events.isEmpty }

    /// Writes what is known when it is time to, or at once.
    func save(at now: Timestamp, atOnce: Bool) throws {
        guard isNew, atOnce || abs(now - savedAt) >= Self.interval else { return }
        savedAt = now
        for (source, at) in events {
            try saveEvent.reset().bind(1, at.milliseconds).bind(2, source).run()
        }
        for (destination, at) in delivered {
            try saveDelivered.reset().bind(1, at.milliseconds).bind(2, destination).run()
        }
        for (destination, error) in errors {
            saveError.reset().bind(1, error.text).bind(2, error.at.milliseconds)
                .bind(3, destination)
            try saveError.run()
        }
        isSaved = true
    }

    /// The transaction is in the file.
    func keep() {
        if isSaved { forget() }
        isSaved = false
    }

    /// Nothing of the transaction is in the file: what was known is still to be written.
    func undo() { isSaved = false }

    /// Also when a person is forgotten, whom an error may name.
    func forget() {
        events = [:]
        delivered = [:]
        errors = [:]
    }
}
