package import Events

/// What earlier events said about one identifier.
package struct IdentityRecord: Sendable, Equatable {
    /// For an anonymous id: the user it turned out to be.
    package var userID: String?
    /// The address an identify call with a server key gave.
    package var email: String?
    /// The lane taken over from a previous id by an alias; nil for the identifier's own.
    package var lane: LaneKey?

    package init(userID: String? = nil, email: String? = nil, lane: LaneKey? = nil) {
        self.userID = userID
        self.email = email
        self.lane = lane
    }
}

/// The stored identities, inside the accept transaction.
package protocol IdentityStore {
    func identity(_ key: IdentityKey) throws -> IdentityRecord?
    mutating func save(_ record: IdentityRecord, for key: IdentityKey) throws
    /// The lane an identifier has of its own: stable, and the same for equal identifiers.
    func ownLane(of key: IdentityKey) -> LaneKey
}
