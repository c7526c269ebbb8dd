package import Consent
package import Identify

/// The stored knowledge about one identifier of a person.
package struct KnownPerson: Sendable, Equatable {
    /// The other identifiers it belongs to; nil when nothing is known.
    package var identity: IdentityRecord?
    /// Its consent and suppressions; nil when nothing is stored.
    package var standing: Standing?

    package init(identity: IdentityRecord?, standing: Standing?) {
        self.identity = identity
        self.standing = standing
    }
}
