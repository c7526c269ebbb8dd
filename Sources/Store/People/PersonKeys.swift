package import Events

/// The identifiers of one person: user ids, emails and anonymous ids.
package struct PersonKeys: Sendable, Equatable {
    package var users: Set<String> = []
    package var emails: Set<String> = []
    package var anonymous: Set<String> = []

    package init() {}

    /// How many identifiers there are.
    var count: Int { users.count + emails.count + anonymous.count }

    /// Takes the other's identifiers in.
    package mutating func formUnion(_ other: PersonKeys) {
        users.formUnion(other.users)
        emails.formUnion(other.emails)
        anonymous.formUnion(other.anonymous)
    }

    package var all: [IdentityKey] {
        known + anonymous.sorted().map { IdentityKey(.anonymous, $0) }
    }

    /// The identifiers under which consent is kept: user ids and emails.
    package var known: [IdentityKey] {
        users.sorted().map { IdentityKey(.user, $0) }
            + emails.sorted().map { IdentityKey(.email, $0) }
    }
}
