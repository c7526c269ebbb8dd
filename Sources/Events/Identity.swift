/// One identifier of a person, under which facts about the person are stored.
package struct IdentityKey: Sendable, Hashable {
    /// The three kinds of identifier.
    package enum Kind: String, Sendable, CaseIterable { case user, email, anonymous }
    /// The kind of the identifier.
    package let kind: Kind
    /// The identifier itself; an email in lower case, so that one address is one person.
    package let value: String

    /// An identifier as an event brings it.
    package init(_ kind: Kind, _ value: String) {
        self.kind = kind
        self.value = kind == .email ? value.lowercased() : value
    }
}

/// The person an event belongs to, as blueprints and the log read it.
package struct Identity: Sendable, Equatable {
    /// The user id that the event carries.
    package var userID: String?
    /// The email address that may be sent: the event's own, else the stored one.
    package var email: String?
    /// The anonymous id that the event carries.
    package var anonymousID: String?
    /// The user to whom a server had linked the anonymous id, for an event that names no user.
    package var ownerID: String?
    /// Of an alias: the old id, when it was a user's and another than the new one.
    package var formerID: String?
    /// The judgement on the event's own email.
    package var emailState: EmailState
    /// The lane in which the person's deliveries keep their order.
    package var lane: LaneKey

    /// A person as the identifiers of an event give it.
    package init(
        userID: String?, email: String?, anonymousID: String?, ownerID: String? = nil,
        formerID: String? = nil, emailState: EmailState, lane: LaneKey
    ) {
        self.userID = userID
        self.email = email
        self.anonymousID = anonymousID
        self.ownerID = ownerID
        self.formerID = formerID
        self.emailState = emailState
        self.lane = lane
    }

    /// A person about whom nothing is known.
    package static let nobody = Identity(
        userID: nil, email: nil, anonymousID: nil, emailState: .fine, lane: LaneKey(number: 0))

    /// The judgement on the email that an event carries.
    package enum EmailState: String, Sendable, CaseIterable {
        /// The event has none, or one that is used as it came.
        case fine
        /// Left out: it looks like a digest of an address.
        case hashed
        /// Left out: it is not an address.
        case invalid
        /// Left out: a browser key brought it, and no server key had stored it.
        case untrusted
    }

    /// The user the event belongs to: the one it names, else the one its anonymous id leads to.
    package var person: String? { userID ?? ownerID }

    /// Every key under which something may be stored about this person.
    package var keys: [IdentityKey] {
        var keys: [IdentityKey] = []
        if let person { keys.append(IdentityKey(.user, person)) }
        if let email { keys.append(IdentityKey(.email, email)) }
        if let anonymousID { keys.append(IdentityKey(.anonymous, anonymousID)) }
        return keys
    }
}
