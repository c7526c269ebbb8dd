package import Accept
import Consent
package import Events
import JSON
import Identify
package import Pipeline

/// One open transaction of a store: everything the rules of `Store/` ask of a database.
///
/// The rules decide; a session only finds, inserts, changes and removes. It belongs to one thread.
/// Between `begin` and `commit` every call sees what earlier calls of the same transaction did.
/// Rows may be gathered and written many at a time, as long as that cannot be noticed.
///
/// Every call throws when the database fails; the writer then rolls back. An error that conforms
/// to `StoreFailure` says what has to follow from it.
package protocol StoreSession: AcceptSession, DeliverySession, DestinationSession, PeopleSession,
    RetentionSession
{
    /// Where the data lies, for people and for measuring: a file's path.
    var path: String { get }
    /// The settings that durability depends on, read back from the database, by name.
    var settings: [String: String] { get }
    /// The secret with which identifiers are hashed; made once, when the store is created.
    var hashKey: [UInt8] { get }

    func begin() throws
    /// Makes the transaction durable; returns only when it survives a loss of power.
    func commit() throws
    /// Undoes the transaction, in the database and in what the session keeps in memory.
    func rollback()

    /// Does work after a commit that needs no transaction, such as moving a log into its file.
    func finishCommit()
    /// Does a slice of work that can wait for a quiet moment.
    ///
    /// - Returns: true when more of it is left.
    func workAside() throws -> Bool
    /// Writes something small that shows whether the database can be written again.
    func touch() throws
    /// Removes every trace of deleted data from the files; outside a transaction.
    ///
    /// - Returns: false while a reader keeps an older state, or much has to be copied first without
    ///   keeping the writer; try again later.
    func clean() throws -> Bool
    /// Gives the space of removed rows back to the disk; outside a transaction.
    func compact() throws
    func close()

    /// Keeps an order or an effect for later questions about who did what.
    func insert(_ entry: AuditEntry) throws
    /// Keeps the pipeline that was taken, which ends a refusal, or one that was refused.
    func save(_ change: PipelineChange) throws
    /// Keeps why no events are taken, and since when; nil when they are.
    func savePressure(_ pressure: StorePressure?, since moment: Timestamp) throws
}

/// The number under which a session keeps a destination's name.
package typealias DestinationNumber = Int64
/// The number under which a session keeps a source's name.
package typealias SourceNumber = Int64

/// A line of the audit; it names people by keyed hashes only.
package struct AuditEntry: Sendable, Equatable {
    package var at: Timestamp
    package var action: String
    package var subject: String
    package var detail: String
}

// MARK: - Accepting

/// Finds repeats and inserts what an accept transaction stores.
package protocol AcceptSession: AnyObject {
    /// The number of a source's name; a new name gets one.
    func number(ofSource name: String) throws -> SourceNumber
    /// The newest event id in the store; zero in an empty one.
    func lastEvent() throws -> EventID
    /// The event that came with a message id before.
    func event(withMessage digest: Digest128, from source: SourceNumber) throws -> EventID?
    func insert(_ event: EventRecord) throws
    func insert(_ rejection: Rejection, from source: String, at moment: Timestamp) throws
    /// Removes rejected bodies of a source.
    ///
    /// - Returns: how many of them were there.
    func removeRejections(_ numbers: [Int64], of source: String) throws -> Int
}

/// An event as a store keeps it, with everything it is found by.
package struct EventRecord: Sendable {
    package let event: Event
    package let identity: Identity
    package let source: SourceNumber
    /// The digest of its message id.
    package let message: Digest128
    /// The first 64 bits of the keyed hash of its user id, or of its anonymous id when it has no
    /// user.
    package let userKey: Int64?
    /// The same of its email.
    package let emailKey: Int64?

    /// The record of a forgotten person's event: that it came, and nothing about whom.
    var emptied: EventRecord {
        let event = Event(
            id: event.id, source: event.source, trusted: event.trusted, type: event.type,
            name: event.type == .track ? event.name : nil,
            messageID: EmptiedMessageID.text(message, atOnce: true), timestamp: event.timestamp,
            sentAt: event.sentAt, receivedAt: event.receivedAt, document: .emptyObject)
        return EventRecord(
            event: event, identity: .nobody, source: source, message: message, userKey: nil,
            emailKey: nil)
    }
}

// MARK: - Retention

/// Lists and removes what is old.
package protocol RetentionSession: AnyObject {
    /// Bytes of the store that hold data.
    func usedBytes() throws -> Int64
    /// The last event whose body was looked at for removal; zero before the first.
    func bodiesRemoved() throws -> EventID
    func saveBodiesRemoved(_ last: EventID) throws
    /// Events between two ids, both excluded, the oldest first.
    func events(after first: EventID, before bound: EventID, limit: Int) throws -> [EventID]
    /// Events before an id of which no delivery is open, the oldest first.
    func endedEvents(before bound: EventID, limit: Int) throws -> [EventID]
    /// Removes an event's body, its requests and its answers; the rows of the log stay.
    func removeBody(of event: EventID) throws
    /// Removes an event with all its rows; its message id is free again.
    func removeEvent(_ event: EventID) throws
    /// Removes up to `limit` of the oldest rejected bodies that came before a moment.
    ///
    /// - Returns: true when some were removed.
    func removeRejections(before moment: Timestamp, limit: Int) throws -> Bool
}
