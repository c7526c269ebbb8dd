package import Events

/// The facts that earlier events gave about one identifier.
package struct IdentityRecord: Sendable, Equatable {
    /// The user that the identifier leads to.
    ///
    /// For an anonymous id: the user it was last seen with. For an email: the user it once belonged
    /// to. For a user id: the new id that an alias gave.
    package var userID: String?
    /// The address that a trusted identify call gave.
    package var email: String?
    /// The lane taken over from a previous id by an alias; nil for the identifier's own.
    package var lane: LaneKey?
    /// For an anonymous id: who tied it to its user.
    package var link: Link
    /// For a user id: the former ids that aliases gave, the newest last; at most sixteen.
    package var previous: [String]

    /// The origin of the link between an anonymous id and its user.
    package enum Link: Int, Sendable {
        /// Only a page said so, or an earlier version stored it: nothing of the user follows.
        case unproven = 0
        /// A server said so: what the user restricts, and the email, follow.
        case proven = 1
        /// A server said so after the device had belonged to somebody else.
        case handedOver = 2
        /// Only a page said so, after the device had belonged to somebody else.
        case unprovenHandedOver = 3

        /// True when a server said so.
        var isProven: Bool { self == .proven || self == .handedOver }
    }

    /// Former ids that are kept.
    static let previousMax = 16

    /// A record of these facts.
    package init(
        userID: String? = nil, email: String? = nil, lane: LaneKey? = nil, link: Link = .unproven,
        previous: [String] = []
    ) {
        self.userID = userID
        self.email = email
        self.lane = lane
        self.link = link
        self.previous = previous
    }

    /// For an anonymous id: the user to whom a server has tied it.
    package var owner: String? { link.isProven ? userID : nil }

    /// For an anonymous id: the user to whom events from before the link belong too; nil when the
    /// device has had more than one user.
    package var onlyOwner: String? { link == .proven ? userID : nil }
}

extension IdentityKey {
    /// The spellings under which an id or email that an operator gives may be stored: without what
    /// stands around it, and as it was given, which is how an earlier version took it.
    package static func spellings(of id: String) -> [String] {
        let read: String
        if case .usable(let address) = EmailCheck(id) {
            read = address
        } else {
            read = String(id.withoutOuterBlanks)
        }
        return read == id ? [id] : [read, id]
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
