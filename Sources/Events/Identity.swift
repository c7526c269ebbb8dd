/// One identifier of a person: what stored facts are kept under.
package struct IdentityKey: Sendable, Hashable {
    /// The three kinds of identifier.
    package enum Kind: String, Sendable, CaseIterable { case user, email, anonymous }
    package let kind: Kind
    /// Emails are folded to lower case, so that one address is one person.
    package let value: String

    package init(_ kind: Kind, _ value: String) {
        self.kind = kind
        self.value = kind == .email ? value.lowercased() : value
    }
}

/// Who an event belongs to, as blueprints and the log read it.
package struct Identity: Sendable, Equatable {
    package var userID: String?
    /// The address that may be sent: the event's own, else the stored one.
    package var email: String?
    package var anonymousID: String?
    package var emailState: EmailState
    package var lane: LaneKey

    package init(
        userID: String?, email: String?, anonymousID: String?, emailState: EmailState, lane: LaneKey
    ) {
        self.userID = userID
        self.email = email
        self.anonymousID = anonymousID
        self.emailState = emailState
        self.lane = lane
    }

    /// Somebody nothing is known about.
    package static let nobody = Identity(
        userID: nil, email: nil, anonymousID: nil, emailState: .fine, lane: LaneKey(number: 0))

    /// What there is to say about the event's own email.
    package enum EmailState: String, Sendable, CaseIterable {
        /// It has none, or one that is used as it came.
        case fine
        case hashed
        /// Left out: it is not an address.
        case invalid
        /// Left out: a browser key brought it, and no server key had stored it.
        case untrusted
    }

    /// Every key under which something may be stored about this person.
    package var keys: [IdentityKey] {
        var keys: [IdentityKey] = []
        if let userID { keys.append(IdentityKey(.user, userID)) }
        if let email { keys.append(IdentityKey(.email, email)) }
        if let anonymousID { keys.append(IdentityKey(.anonymous, anonymousID)) }
        return keys
    }
}
