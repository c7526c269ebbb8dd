package import Consent
package import Events
import Identify
import Pipeline

/// The log as it is read: by commands, by the API, and while a server writes it.
///
/// Reads are short and never wait for the writer. They throw when the store's file cannot be read.
package protocol DeliveryLog: Sendable {
    /// The event of an id; nil when the log has none.
    func event(_ id: EventID) throws -> EventRow?
    /// The events of a message id: one for each source that used it.
    func events(messageID: String) throws -> [EventID]
    /// The newest events of a person, newest first.
    ///
    /// - Parameter key: a user id or an email.
    func events(of key: IdentityKey, limit: Int) throws -> [EventID]
    /// The first event of a user on a device after an event; nil when there is none.
    func firstEvent(
        of user: String, on device: String, after event: EventID
    ) throws -> EventID?
    /// The deliveries of an event, in the order of the pipeline's destinations.
    func deliveries(of event: EventID) throws -> [DeliveryRow]
    /// The delivery of an id with its event, requests and attempts; nil when the log has none.
    func detail(_ id: DeliveryID) throws -> DeliveryDetail?
    /// The deliveries that a filter lets through, in its order, at most as many as its limit.
    func deliveries(_ filter: DeliveryFilter) throws -> [DeliveryRow]
    /// The newest rejected bodies, newest first.
    func rejected(limit: Int) throws -> [RejectedRow]
    /// Rejected bodies of one source, oldest first, that come after a number.
    func rejected(source: String, after number: Int64, limit: Int) throws -> [RejectedRow]
    /// The destinations, in the order in which the pipeline first named them.
    func destinations() throws -> [DestinationRow]
    /// The sources of the pipeline.
    func sources() throws -> [SourceRow]
    /// The calls that were refused in the last days, for each source and code; the newest first.
    func refusals() throws -> [RefusalRow]
    /// The stored knowledge about one identifier of a person.
    func person(_ key: IdentityKey) throws -> KnownPerson
    /// The receipts of forgetting, oldest first.
    ///
    /// - Parameter id: a user id or an email; nil for every receipt.
    func receipts(of id: String?) throws -> [ForgetReceipt]
    /// Identifiers that stand in the events of a user id or an email, however many there are.
    func identifiers(
        _ kind: IdentityKey.Kind, inEventsOf key: IdentityKey
    ) throws -> Set<String>
    /// Events of anonymous ids that no index finds, because an earlier version stored them.
    func unfoundEvents(ofDevices devices: Set<String>) throws -> [EventID]
    /// The running server's own state, as it last wrote it down.
    func server() throws -> ServerRow
}

extension DeliveryLog {
    /// The faults of a changed pipeline file that the server refused; nil when there is none.
    package func reloadFault() throws -> String? { try server().refused?.fault }

    /// Events of an email whose users are looked at.
    private static var bearersMax: Int { 20 }

    /// The stored consent of a person: one entry for each identifier that has another.
    ///
    /// Of a user id, also what is stored under the user's address and former ids: it holds for them
    /// too. Of an email, also what is stored under the users whose newest events bear it.
    ///
    /// - Parameter id: a user id, an email or an anonymous id.
    package func standings(of id: String) throws -> [StoredStanding] {
        let spellings = IdentityKey.spellings(of: id)
        var keys = spellings.flatMap { [IdentityKey(.user, $0), IdentityKey(.email, $0)] }
        let bearers = try events(
            of: IdentityKey(.email, spellings[0]), limit: Self.bearersMax
        ).compactMap { try event($0)?.identity.person }
        keys += Set(bearers).sorted().map { IdentityKey(.user, $0) }
        for key in keys where key.kind == .user {
            guard let record = try person(key).identity else { continue }
            if let email = record.email { keys.append(IdentityKey(.email, email)) }
            keys += record.previous.map { IdentityKey(.user, $0) }
        }
        keys.append(IdentityKey(.anonymous, id))
        var found: [StoredStanding] = []
        var seen: Set<IdentityKey> = []
        for key in keys where seen.insert(key).inserted {
            guard let standing = try person(key).standing, !standing.isEmpty else { continue }
            if let index = found.firstIndex(where: { $0.standing == standing }) {
                found[index].keys.append(key)
            } else {
                found.append(StoredStanding(keys: [key], standing: standing))
            }
        }
        return found
    }
}

/// The consent that is stored alike under some of a person's identifiers.
package struct StoredStanding: Sendable, Equatable {
    /// The identifiers it is stored under.
    package var keys: [IdentityKey]
    package let standing: Standing

    package init(keys: [IdentityKey], standing: Standing) {
        self.keys = keys
        self.standing = standing
    }
}

/// The record of what was removed when a person was forgotten; it holds nothing of the person.
package struct ForgetReceipt: Sendable, Equatable {
    /// The moment it was done.
    package let at: Timestamp
    /// The report, as JSON.
    package let report: String

    package init(at: Timestamp, report: String) {
        self.at = at
        self.report = report
    }
}
