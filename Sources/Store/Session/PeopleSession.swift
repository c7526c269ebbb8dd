package import Consent
package import Events
package import Identify

/// Keeps what is known about people, and finds their events.
///
/// A person's row is found by the keyed hash of an identifier, so that a suppression can outlive
/// the data it protects. Events are found by the first 64 bits of that hash.
package protocol PeopleSession: AnyObject {
    /// False while nobody was ever stored: then nobody has to be looked for.
    var hasPeople: Bool { get }
    func person(_ key: Digest128) throws -> PersonRecord?
    func save(_ person: PersonRecord, for key: Digest128) throws
    func removePerson(_ key: Digest128) throws

    /// Identifiers that stand in the newest events of a user id or an email.
    func identifiers(
        _ kind: IdentityKey.Kind, inEventsOf key: Int64, newest limit: Int
    ) throws -> Set<String>
    /// The stored identifiers that lead to a user: former ids, addresses and anonymous ids.
    func identifiers(leadingTo user: String) throws -> [IdentityKey]
    /// The stored identifiers that have an address, in whatever case it is written.
    func identifiers(withEmail email: String) throws -> [IdentityKey]
    /// The oldest events of a user id, an email, or of an anonymous id that had no user.
    ///
    /// - Parameters:
    ///   - event: only later ones.
    ///   - limit: events at the most.
    func events(ofKey key: Int64, after event: EventID, limit: Int) throws -> [PersonEvent]
    /// The name of the source an event came from.
    func source(of event: EventID) throws -> String?
    func hasOpenDelivery(_ event: EventID) throws -> Bool
    /// Ends the deliveries of an event that wait.
    ///
    /// - Returns: their destinations and lanes.
    func endWaiting(
        of event: EventID, for reason: Reason, at moment: Timestamp
    ) throws -> [(destination: DestinationNumber, lane: LaneKey)]
    /// Keeps to whom an event of an anonymous id belongs.
    func saveOwner(_ user: String, of event: EventID) throws
    /// Keeps the address of the person to whom an event of an anonymous id belongs.
    ///
    /// - Parameter key: the number under which the address's events are found.
    func saveEmail(_ email: String, key: Int64, of event: EventID) throws
    /// Leaves of an event that it was, and what became of it; nothing about whom.
    func empty(_ event: EventID) throws
    /// Remembers an event that has to be emptied once its deliveries have ended.
    func postponeEmptying(of event: EventID) throws
    /// Remembered events whose deliveries have ended, oldest first; `empty` forgets them.
    func postponedAndEnded(limit: Int) throws -> [EventID]
    /// The details of an action's entries in the audit about one person, oldest first.
    func auditDetails(of action: String, about hash: String) throws -> [String]
    /// Calls `body` with rejected bodies in the order of their numbers, one at a time.
    ///
    /// - Parameters:
    ///   - number: rows after this one.
    ///   - limit: rows at the most.
    func forEachRejection(
        after number: Int64, limit: Int, _ body: (RejectedBody) -> Void
    ) throws
    func removeRejections(_ numbers: [Int64]) throws
    /// Removes the last error of destinations where it holds one of the texts, in lower case.
    func removeErrors(holding texts: Set<String>) throws
}

/// A body that could not be used, as a store keeps it for people to look at.
package struct RejectedBody: Sendable {
    /// The number of its row.
    package let number: Int64
    /// The body as it came.
    package let bytes: [UInt8]
    /// Its message id, headers and removed paths in one text; empty when it had none.
    package let beside: String

    /// A rejected body with the texts that are kept beside it.
    package init(
        number: Int64, bytes: [UInt8], messageID: String?, headers: String?, removed: String
    ) {
        self.number = number
        self.bytes = bytes
        beside = [messageID, headers, removed].compactMap(\.self).joined(separator: " ")
    }
}

/// The row that a store keeps under one identifier.
package struct PersonRecord: Sendable, Equatable {
    package let kind: IdentityKey.Kind
    /// The identifier itself; nil for a person who was forgotten.
    package var value: String?
    package var identity: IdentityRecord
    package var standing: Standing

    package init(
        kind: IdentityKey.Kind, value: String?, identity: IdentityRecord = IdentityRecord(),
        standing: Standing = Standing()
    ) {
        self.kind = kind
        self.value = value
        self.identity = identity
        self.standing = standing
    }
}

/// An event that may belong to a person.
package struct PersonEvent: Sendable, Equatable {
    package let id: EventID
    /// The user it belongs to; nil when none was known.
    package let userID: String?
    /// The address it belongs to; nil when none was known.
    package let email: String?

    package init(id: EventID, userID: String?, email: String?) {
        self.id = id
        self.userID = userID
        self.email = email
    }
}
