package import Events
import JSON

/// The person an event belongs to, and what follows from the event for stored identities.
package struct Resolution: Sendable {
    /// The person.
    package var identity: Identity
    /// The reason why the event may not say what it says about a person; nil when it may.
    package var refusal: Reason?
    /// The event is believed about who its person is: it came from a server, or with a proof.
    package var isBelieved: Bool
    /// Steps that carry over, or remove, what is stored about consent.
    package var handovers: [Handover] = []
    /// The anonymous id that has just got its first address, while it has no user.
    var addressedDevice: String?

    /// The anonymous id whose person has just become known, as its first and only one.
    package var knownDevice: KnownDevice? {
        for case .restrict(_, let key) in handovers where key.kind == .anonymous {
            return KnownDevice(anonymousID: key.value, email: nil)
        }
        return addressedDevice.map { KnownDevice(anonymousID: $0, email: identity.email) }
    }
}

/// An anonymous id whose person has become known.
package struct KnownDevice: Sendable, Equatable {
    package let anonymousID: String
    /// The person's address, while no user id is known; nil when the id leads to a user.
    package let email: String?
}

/// A step that follows for stored consent when identifiers turn out to belong together, or not.
package enum Handover: Sendable, Equatable {
    /// The restrictions under one identifier hold for another one from now on.
    case restrict(IdentityKey, like: IdentityKey)
    /// The identifier belongs to somebody else now: nothing that was stored under it stays.
    case clear(IdentityKey)
    /// The identifier may belong to somebody else now: only what restricts stays.
    case keepRestrictions(IdentityKey)
}

/// Finds the person an event belongs to, and stores what the event says about the person's
/// identifiers.
///
/// An identifier leads from one person to another only as far as a server said so. A device changes
/// hands: an anonymous id belongs to the user it was last seen with, and what was kept under it
/// before stays behind. What restricts (a no, a suppression) follows a person; an address or a yes
/// does not follow a device.
package struct Identifier {
    private let event: Event
    private let stated: StatedEmail
    private let isBelieved: Bool
    private let userKey: IdentityKey?
    private let deviceKey: IdentityKey?
    private var handovers: [Handover] = []
    private var addressedDevice: String?

    private init(_ event: Event, _ stated: StatedEmail, isBelieved: Bool) {
        self.event = event
        self.stated = stated
        self.isBelieved = isBelieved
        userKey = event.userID.map { IdentityKey(.user, $0) }
        deviceKey = event.anonymousID.map { IdentityKey(.anonymous, $0) }
    }

    /// Finds the identity and stores what an identify or alias says about it; gives a reason when
    /// the event must not be believed, and then stores nothing.
    ///
    /// - Parameters:
    ///   - stated: the event's email, already judged.
    ///   - isProven: the event carries a proof of its user id and email.
    ///   - teaches: true for an event of another kind that is stored like an identify.
    ///   - isForgotten: the person was forgotten: nothing is stored.
    ///   - isFormerForgotten: the old id of an alias was forgotten: so is the new one, and of the
    ///     old one nothing is stored.
    package static func resolve(
        _ event: Event, _ stated: StatedEmail, isProven: Bool = false, teaches: Bool = false,
        isForgotten: Bool = false, isFormerForgotten: Bool = false,
        in store: inout some IdentityStore
    ) throws -> Resolution {
        if isFormerForgotten, event.trusted, let user = event.userID, let old = event.previousID {
            var identifier = Identifier(event, stated, isBelieved: true)
            identifier.handovers = [
                .restrict(IdentityKey(.user, user), like: IdentityKey(.user, old))
            ]
            return try identifier.resolve(teaches: false, isForgotten: true, in: &store)
        }
        var identifier = Identifier(event, stated, isBelieved: event.trusted || isProven)
        return try identifier.resolve(
            teaches: teaches || event.type == .identify, isForgotten: isForgotten, in: &store)
    }

    private mutating func resolve(
        teaches: Bool, isForgotten: Bool, in store: inout some IdentityStore
    ) throws -> Resolution {
        let known = try userKey.flatMap { try store.identity($0) }
        let device = try deviceKey.flatMap { try store.identity($0) }
        let owner = event.userID == nil ? device?.owner : nil
        let stored = try storedEmail(known: known, device: device, owner: owner, in: store)
        let own = ownEmail(stored: stored)
        var identity = Identity(
            userID: event.userID, email: own.email, anonymousID: event.anonymousID,
            ownerID: owner, emailState: own.state, lane: LaneKey(number: 0))
        identity.lane = try lane(of: identity, known: known, in: store)
        identity.formerID = try formerUser(in: store)
        let refusal = Self.refusal(of: event, own.state)
        if !isForgotten, let userID = event.userID, let deviceKey {
            // Whoever is seen on a device next ends what it had of another, believed or not. A page
            // always ties: its consent is kept for the device, and must not reach the next user.
            try link(deviceKey, device, to: userID, makes: teaches || !isBelieved, in: &store)
        }
        restrictLikeOlderSpellings(email: own.email)
        if refusal == nil, !isForgotten {
            if teaches { try learnEmail(known: known, device: device, in: &store) }
            if event.type == .alias, let lane = try learnAlias(known: known, in: &store) {
                identity.lane = lane
            }
        }
        return Resolution(
            identity: identity, refusal: refusal, isBelieved: isBelieved, handovers: handovers,
            addressedDevice: addressedDevice)
    }

    // MARK: Who it is

    /// The address that is kept for the person; an anonymous id's own only while it has no user.
    private func storedEmail(
        known: IdentityRecord?, device: IdentityRecord?, owner: String?,
        in store: some IdentityStore
    ) throws -> String? {
        if event.userID != nil { return known?.email }
        if let owner { return try store.identity(IdentityKey(.user, owner))?.email }
        return device?.userID == nil ? device?.email : nil
    }

    /// The address that may be sent.
    ///
    /// An event that states an address never makes the stored one be sent in its place.
    private func ownEmail(stored: String?) -> (email: String?, state: Identity.EmailState) {
        switch stated {
        case .none: return (stored, .fine)
        case .empty: return (nil, .fine)
        case .hashed: return (nil, .hashed)
        case .invalid: return (nil, .invalid)
        case .usable(let text):
            let believed = isBelieved || stored?.lowercased() == text.lowercased()
            return believed ? (text, .fine) : (nil, .untrusted)
        }
    }

    /// The reason not to believe an event with a browser key, by what became of its email: it may
    /// state no other email, no alias, and not that a person subscribed or unsubscribed.
    package static func refusal(of event: Event, _ email: Identity.EmailState) -> Reason? {
        if event.trusted { return nil }
        switch event.type {
        case .alias: return .untrustedIdentity
        case .identify: return email == .untrusted ? .untrustedIdentity : nil
        case .track: return event.changesSubscription ? .untrustedIdentity : nil
        default: return nil
        }
    }

    private func lane(
        of identity: Identity, known: IdentityRecord?, in store: some IdentityStore
    ) throws -> LaneKey {
        if let userKey { return known?.lane ?? store.ownLane(of: userKey) }
        if let owner = identity.ownerID {
            let key = IdentityKey(.user, owner)
            return try store.identity(key)?.lane ?? store.ownLane(of: key)
        }
        if let deviceKey { return store.ownLane(of: deviceKey) }
        return store.ownLane(of: IdentityKey(.email, identity.email ?? ""))
    }

    /// Of an alias: the old id, when it is a user's; nil for one known only as anonymous, and for
    /// the new id itself.
    private func formerUser(in store: some IdentityStore) throws -> String? {
        guard event.type == .alias, let previousID = event.previousID,
            previousID != event.userID
        else { return nil }
        return try wasDevice(previousID, in: store) ? nil : previousID
    }

    /// True for an old id that is known as an anonymous id and not as a user's.
    private func wasDevice(_ previousID: String, in store: some IdentityStore) throws -> Bool {
        if try store.identity(IdentityKey(.user, previousID)) != nil { return false }
        return try event.anonymousID == previousID
            || store.identity(IdentityKey(.anonymous, previousID)) != nil
    }

    // MARK: What is learnt

    /// Takes over what an earlier version kept under the identifiers as they came.
    private mutating func restrictLikeOlderSpellings(email: String?) {
        if let userKey {
            if let older = event.userIDAsItCame {
                handovers.append(.restrict(userKey, like: IdentityKey(.user, older)))
            }
            if event.type == .alias, isBelieved, let older = event.previousIDAsItCame {
                handovers.append(.restrict(userKey, like: IdentityKey(.user, older)))
            }
        }
        if let email, let older = event.emailAsItCame(not: email) {
            let key = IdentityKey(.email, email)
            handovers.append(.restrict(key, like: IdentityKey(.email, older)))
        }
    }

    /// Ties the anonymous id to the user it was seen with.
    ///
    /// - Parameter makes: the event may tie an id that has no user yet.
    private mutating func link(
        _ key: IdentityKey, _ device: IdentityRecord?, to userID: String, makes: Bool,
        in store: inout some IdentityStore
    ) throws {
        let before = device ?? IdentityRecord()
        guard before.userID != nil || makes else {
            // A server's event of another kind ties nothing, but who is seen first is remembered:
            // what came before must not become somebody else's.
            var seen = before
            seen.userID = userID
            try store.save(seen, for: key)
            return
        }
        var record = before
        let isSame =
            try before.userID.map { $0 == userID } ?? !isAddressOfAnother(before, in: store)
        switch (before.link, isBelieved) {
        case (.unproven, true) where isSame:
            record.link = .proven
            handovers.append(.restrict(IdentityKey(.user, userID), like: key))
        case (.unproven, false) where isSame, (.proven, _) where isSame,
            (.handedOver, _) where isSame, (.unprovenHandedOver, false) where isSame:
            break
        case (_, true):
            record.link = .handedOver
            handovers.append(.clear(key))
        case (_, false):
            record.link = .unprovenHandedOver
            handovers.append(.keepRestrictions(key))
        }
        record.userID = userID
        record.email = nil
        if record != before { try store.save(record, for: key) }
    }

    /// True when the anonymous id was last known by an address that is not the user's.
    private func isAddressOfAnother(
        _ device: IdentityRecord, in store: some IdentityStore
    ) throws -> Bool {
        guard let kept = device.email?.lowercased() else { return false }
        if case .usable(let email) = stated { return email.lowercased() != kept }
        return try userKey.flatMap { try store.identity($0)?.email }?.lowercased() != kept
    }

    /// Keeps the address of an identify: for the user it names, else for the anonymous id.
    private mutating func learnEmail(
        known: IdentityRecord?, device: IdentityRecord?, in store: inout some IdentityStore
    ) throws {
        guard isBelieved, case .usable(let email) = stated else { return }
        if let userKey, let userID = event.userID {
            guard known?.email != email else { return }
            try keepFormer(known?.email, of: userID, in: &store)
            // A no moves with the person: to the new address, and from the one before.
            handovers.append(.restrict(IdentityKey(.email, email), like: userKey))
            if let former = known?.email {
                handovers.append(.restrict(userKey, like: IdentityKey(.email, former)))
            }
            var record = try store.identity(userKey) ?? IdentityRecord()
            record.email = email
            try store.save(record, for: userKey)
        } else if let deviceKey, device?.userID == nil, device?.email != email {
            var record = device ?? IdentityRecord()
            if let former = record.email {
                // Another case of letters is the same address; another address, another person.
                if former.lowercased() != email.lowercased() {
                    record.link = .handedOver
                    handovers.append(.clear(deviceKey))
                }
            } else {
                addressedDevice = deviceKey.value
            }
            record.email = email
            try store.save(record, for: deviceKey)
        }
    }

    /// Remembers whose address it was, where something is stored under a user's former address.
    private func keepFormer(
        _ email: String?, of userID: String, in store: inout some IdentityStore
    ) throws {
        guard let email else { return }
        let key = IdentityKey(.email, email)
        guard var record = try store.identity(key), record.userID == nil else { return }
        record.userID = userID
        try store.save(record, for: key)
    }

    /// The new id goes on in the old id's lane, so that their order is kept, and with what
    /// restricts the old id; an address follows only from a known user id.
    ///
    /// - Returns: the lane; nil when the two do not belong together.
    private mutating func learnAlias(
        known: IdentityRecord?, in store: inout some IdentityStore
    ) throws -> LaneKey? {
        guard let userKey, let userID = event.userID, let previousID = event.previousID,
            userID != previousID
        else { return nil }
        let oldUser = IdentityKey(.user, previousID)
        let oldDevice = IdentityKey(.anonymous, previousID)
        let asUser = try store.identity(oldUser)
        let asDevice = try store.identity(oldDevice)
        let wasDevice = try wasDevice(previousID, in: store)
        if wasDevice, let other = asDevice?.userID, other != userID { return nil }
        var record = try store.identity(userKey) ?? known ?? IdentityRecord()
        let old = wasDevice ? asDevice : asUser
        record.lane = old?.lane ?? store.ownLane(of: wasDevice ? oldDevice : oldUser)
        if wasDevice {
            try link(oldDevice, asDevice, to: userID, makes: true, in: &store)
        } else {
            record.email = record.email ?? asUser?.email
            record.previous = (record.previous + (asUser?.previous ?? []) + [previousID])
                .filter { $0 != userID }.suffix(IdentityRecord.previousMax)
            handovers.append(.restrict(userKey, like: oldUser))
            if let email = asUser?.email {
                handovers.append(.restrict(userKey, like: IdentityKey(.email, email)))
            }
            var leading = asUser ?? IdentityRecord()
            leading.userID = userID
            if leading != asUser { try store.save(leading, for: oldUser) }
        }
        try store.save(record, for: userKey)
        return record.lane
    }
}
