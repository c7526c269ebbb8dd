package import Events

/// The facts that earlier events gave about one identifier.
package struct IdentityRecord: Sendable, Equatable {
    /// For an anonymous id: the user it turned out to be.
    package var userID: String?
    /// The address an identify call with a server key gave.
    package var email: String?
    /// The lane taken over from a previous id by an alias; nil for the identifier's own.
    package var lane: LaneKey?

    /// A record of these facts.
    package init(userID: String? = nil, email: String? = nil, lane: LaneKey? = nil) {
        self.userID = userID
        self.email = email
        self.lane = lane
    }
}

/// The stored identities, inside the transaction that accepts an event.
package protocol IdentityStore {
    /// The facts about an identifier; nil when there are none.
    func identity(_ key: IdentityKey) throws -> IdentityRecord?
    /// Stores the facts about an identifier in place of the earlier ones.
    mutating func save(_ record: IdentityRecord, for key: IdentityKey) throws
    /// The lane an identifier has of its own: stable, and the same for equal identifiers.
    func ownLane(of key: IdentityKey) -> LaneKey
}
