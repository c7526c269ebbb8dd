package import Events
import Consent
import Identify
package import Pipeline

extension DeliveryLog {
    /// The stored knowledge about an event's person, for deciding about the event in memory.
    ///
    /// Follows identifiers from one to the next: a browser leads to its user, a user to an email.
    ///
    /// - Parameters:
    ///   - email: the address that the event is known to belong to; nil for none.
    ///   - owner: the user it belongs to, when it names nobody; nil for none.
    package func people(
        of event: Event, email: String?, owner: String? = nil
    ) throws -> MemoryPeople {
        var people = MemoryPeople()
        var keys = [
            (event.userID ?? owner).map { IdentityKey(.user, $0) },
            event.previousID.map { IdentityKey(.user, $0) },
            event.anonymousID.map { IdentityKey(.anonymous, $0) },
            email.map { IdentityKey(.email, $0) },
        ].compactMap { $0 }
        var seen: Set<IdentityKey> = []
        while let key = keys.popLast() {
            guard seen.insert(key).inserted else { continue }
            let person = try person(key)
            if let standing = person.standing { people.save(standing, for: key) }
            guard let identity = person.identity else { continue }
            people.save(identity, for: key)
            if let email = identity.email { keys.append(IdentityKey(.email, email)) }
            if let user = identity.userID { keys.append(IdentityKey(.user, user)) }
            keys += identity.previous.map { IdentityKey(.user, $0) }
        }
        return people
    }
}
