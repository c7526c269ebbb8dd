import Consent
import Events
import Foundation
import Identify
import Map
import Pipeline
import Request
import SluiceTesting
import Testing

/// Random histories of three people on two devices, decided by the real pipeline.
///
/// `SLUICE_HISTORIES` says how many; each is made from its number, so that one that fails can be
/// run again alone.
@Suite struct `Nothing of one person` {
    static let count = Int(ProcessInfo.processInfo.environment["SLUICE_HISTORIES"] ?? "") ?? 1_000

    @Test func `becomes another's, and no event passes that its own person's no forbids`() throws {
        let destination = try Fixtures.destination(
            "shop", consent: ConsentRule(require: ["marketing"], missing: .deny),
            blueprint: try shop(), parameters: [:])
        for seed in 1...Self.count {
            var history = History(seed: UInt64(seed), destination: destination)
            for step in 1...40 {
                if let fault = try history.step() {
                    Issue.record("seed \(seed), step \(step): \(fault)\n\(history.told)")
                    return
                }
            }
        }
    }
}

/// A blueprint that sends whatever it may about the person.
private func shop() throws -> Blueprint {
    let text = """
        {"blueprint": "shop", "version": 1, "title": "The Shop", "parameters": {},
         "requests": {"known": {"url": "https://x/", "require": {"any": ["id", "email"]},
             "mappings": {"id": "identity.user_id", "email": "identity.email",
                          "old": "identity.previous_id"}}},
         "presets": {"default": {"defaults": {"action": "pass", "request": "known"}, "events": {
           "Bought": {"request": "known"}, "identify": {"request": "known"},
           "alias": {"request": "known"}, "Unsubscribed": {"request": "known"},
           "Resubscribed": {"request": "known"}, "Consent Updated": {"request": "known"}}}}}
        """
    return try Blueprint.read(file: "shop.json", bytes: Array(text.utf8))
}

/// One history: what people do, and what they would say about it.
private struct History {
    private var random: SeededNumbers
    private let pipeline: Pipeline
    private var people = MemoryPeople()
    private var now = ManualClock().now
    /// The person each device was last seen with, and whether a server said so.
    private var lastUser: [String: String] = [:]
    private var minds: [String: Mind] = [:]
    private(set) var told = ""

    /// The answers of a person that count, by the rules that they were promised.
    private struct Mind {
        /// The answer that counts, and the time that a later yes has to pass.
        var denied: Timestamp?
        var granted: Timestamp?
        var suppressed: Timestamp?
        /// Something that restricts was said on a device before it was tied to the person.
        var mayBeRestricted = false

        mutating func deny(at moment: Timestamp) {
            denied = max(moment, granted ?? moment, denied ?? moment)
            granted = nil
        }

        /// A no that came under another id of the person: a later yes stays.
        mutating func deny(elsewhereAt moment: Timestamp) {
            if let granted, granted > moment { return }
            deny(at: moment)
        }

        mutating func grant(at moment: Timestamp) {
            if let denied, moment <= denied { return }
            denied = nil
            granted = max(moment, granted ?? moment)
        }
    }

    init(seed: UInt64, destination: Destination) {
        random = SeededNumbers(seed: seed)
        var effect = Effect()
        effect.suppress = "unsubscribed"
        pipeline = Pipeline(
            destinations: [destination],
            sources: [
                SourceRules(name: "backend", kind: "server"),
                SourceRules(name: "site", kind: "browser", believesConsent: true),
                SourceRules(name: "hook", kind: "webhook", effects: ["leftlist": [effect]]),
            ])
    }

    private mutating func pick<Element>(_ elements: [Element]) -> Element {
        elements[Int(random.next() % UInt64(elements.count))]
    }

    private mutating func chance(_ one: UInt64, in many: UInt64) -> Bool {
        random.next() % many < one
    }

    private static func owned(by person: String) -> Set<String> {
        [person, "\(person)-old", "\(person)@x.co", "\(person)2@x.co"]
    }

    /// One thing that happens.
    ///
    /// - Returns: the broken promise; nil when all are kept.
    mutating func step() throws -> String? {
        now = now + .seconds(60)
        let person = pick(["a", "b", "c"])
        let device = pick(["d1", "d2", nil])
        let isServer = chance(3, in: 4)
        switch random.next() % 12 {
        case 11: return try denyUnderOldID(person)
        case 10: return try identifyByAddress(person, device ?? "d1")
        case 0, 1: return try identify(person, device, isServer: isServer)
        case 2: return try consent(person, device)
        case 3: return try unsubscribe(person)
        case 4: return try resubscribe(person, device)
        case 5: return try alias(person)
        case 6: return try anonymous(device ?? "d1", isServer: isServer)
        default: return try track(person, device, isServer: isServer)
        }
    }

    // MARK: What people do

    private mutating func identify(
        _ person: String, _ device: String?, isServer: Bool
    ) throws -> String? {
        let email = chance(1, in: 2) ? pick(["\(person)@x.co", "\(person)2@x.co"]) : nil
        let answer = chance(1, in: 3) ? chance(1, in: 2) : nil
        let moment = sometime()
        if let device {
            if isServer { inheritRestrictions(of: device, to: person) }
            lastUser[device] = person
        }
        if isServer, let answer { note(answer, of: person, at: moment) }
        // A page's no binds the person as soon as a server ties the device to them.
        if !isServer, answer == false { minds[person, default: Mind()].mayBeRestricted = true }
        return try send(
            "identify", user: person, on: device, email: email, answer: answer, at: moment,
            isServer: isServer)
    }

    /// The person says no under the old id, before or after an alias joins the two.
    private mutating func denyUnderOldID(_ person: String) throws -> String? {
        let old = "\(person)-old"
        oldNo[person] = now
        if people.identity(IdentityKey(.user, old))?.userID == person {
            minds[person, default: Mind()].deny(elsewhereAt: now)
        }
        return try send("track", "Consent Updated", user: old, on: nil, answer: false, at: now)
    }

    /// The person gives an address on a device, and no user id.
    private mutating func identifyByAddress(_ person: String, _ device: String) throws -> String? {
        if lastUser[device] == nil { addressed[device] = person }
        return try send(
            "identify", user: nil, on: device, email: "\(person)@x.co", at: now, of: person)
    }

    /// An alias ties a device only when it has no other user: the store says whether it did.
    private mutating func tied(_ device: String, to person: String) {
        let key = IdentityKey(.anonymous, device)
        if lastUser[device] == nil, people.identity(key)?.userID == person {
            lastUser[device] = person
        }
    }

    private mutating func consent(_ person: String, _ device: String?) throws -> String? {
        let answer = chance(1, in: 2)
        let moment = sometime()
        note(answer, of: person, at: moment)
        if answer, let since = minds[person]?.suppressed, moment >= since {
            minds[person]?.suppressed = nil
        }
        seen(person, device)
        return try send(
            "track", "Consent Updated", user: person, on: device, answer: answer, at: moment)
    }

    private mutating func unsubscribe(_ person: String) throws -> String? {
        let text = """
            {"type":"track","event":"Left List","userId":"\(person)",
             "timestamp":"\(now.iso8601)"}
            """
        minds[person, default: Mind()].suppressed = now
        return try decide(text, source: "hook", user: person, device: nil, answer: nil)
    }

    private mutating func resubscribe(_ person: String, _ device: String?) throws -> String? {
        minds[person]?.suppressed = nil
        seen(person, device)
        return try send("track", "Resubscribed", user: person, on: device, at: now)
    }

    private mutating func alias(_ person: String) throws -> String? {
        let old = pick(["\(person)-old", "d1", "d2"])
        if old.hasPrefix("d") {
            // An alias from a device that is somebody else's changes nothing.
            if lastUser[old] == nil || lastUser[old] == person {
                inheritRestrictions(of: old, to: person)
            }
        }
        let text = """
            {"type":"alias","userId":"\(person)","previousId":"\(old)",
             "timestamp":"\(now.iso8601)"}
            """
        if !old.hasPrefix("d"), let moment = oldNo[person] {
            minds[person, default: Mind()].deny(elsewhereAt: moment)
        }
        let fault = try decide(text, source: "backend", user: person, device: nil, answer: nil)
        if old.hasPrefix("d") { tied(old, to: person) }
        return fault
    }

    private mutating func anonymous(_ device: String, isServer: Bool) throws -> String? {
        let answer = chance(1, in: 2) ? chance(1, in: 2) : nil
        let name = answer == nil ? "Bought" : "Consent Updated"
        if answer == false {
            // A no on a device binds the person to whom a server has tied it.
            if let owner = people.identity(IdentityKey(.anonymous, device))?.owner {
                minds[owner, default: Mind()].deny(at: now)
            }
            // It binds the address that was given there, too.
            if let person = addressed[device] {
                minds[person, default: Mind()].mayBeRestricted = true
            }
            restricted.insert(device)
        }
        return try send(
            "track", name, user: nil, on: device, answer: answer, at: now, isServer: isServer)
    }

    private mutating func track(
        _ person: String, _ device: String?, isServer: Bool
    ) throws -> String? {
        let email = chance(1, in: 4) ? "\(person)@x.co" : nil
        let answer = chance(1, in: 4) ? chance(1, in: 2) : nil
        seen(person, device)
        return try send(
            "track", "Bought", user: person, on: device, email: email, answer: answer,
            at: sometime(), isServer: isServer)
    }

    // MARK: What follows

    /// Devices on which somebody said no while nobody was known by them.
    private var restricted: Set<String> = []
    /// The last no of each person under the old id.
    private var oldNo: [String: Timestamp] = [:]
    /// The person whose address was last given on a device, while no user was known by it.
    private var addressed: [String: String] = [:]

    /// The moment of an event by its sender's clock: mostly now, sometimes hours ago.
    private mutating func sometime() -> Timestamp {
        chance(1, in: 3) ? now - .seconds(Int(random.next() % 20_000)) : now
    }

    private mutating func note(_ answer: Bool, of person: String, at moment: Timestamp) {
        if answer {
            minds[person, default: Mind()].grant(at: moment)
        } else {
            minds[person, default: Mind()].deny(at: moment)
        }
    }

    private mutating func inheritRestrictions(of device: String, to person: String) {
        if restricted.contains(device) { minds[person, default: Mind()].mayBeRestricted = true }
    }

    /// A device is tied to whoever was seen with it last.
    private mutating func seen(_ person: String, _ device: String?) {
        guard let device else { return }
        inheritRestrictions(of: device, to: person)
        lastUser[device] = person
    }

    private mutating func send(
        _ type: String, _ name: String? = nil, user: String?, on device: String?,
        email: String? = nil, answer: Bool? = nil, at moment: Timestamp, isServer: Bool = true,
        of person: String? = nil
    ) throws -> String? {
        let parts: [String?] = [
            "\"type\":\"\(type)\"", name.map { "\"event\":\"\($0)\"" },
            user.map { "\"userId\":\"\($0)\"" }, device.map { "\"anonymousId\":\"\($0)\"" },
            "\"timestamp\":\"\(moment.iso8601)\"",
            email.map { "\"\(type == "identify" ? "traits" : "x")\":{\"email\":\"\($0)\"}" },
            "\"context\":{\(email.map { "\"traits\":{\"email\":\"\($0)\"}," } ?? "")\"consent\":{\(answer.map { "\"marketing\":\($0)" } ?? "")}}",
        ]
        let text = "{\(parts.compactMap { $0 }.joined(separator: ","))}"
        return try decide(
            text, source: isServer ? "backend" : "site", user: user, device: device,
            answer: answer.map { ($0, moment) }, of: person)
    }

    /// Has the pipeline decide, and looks whether every promise is kept.
    private mutating func decide(
        _ text: String, source: String, user: String?, device: String?,
        answer: (granted: Bool, at: Timestamp)?, of person: String? = nil
    ) throws -> String? {
        told += "\(source): \(text)\n"
        let event = try Fixtures.accepted(
            text, source: source, trusted: source != "site", at: now)
        let decision = try pipeline.decide(event, in: &people)
        let planned = decision.deliveries[0]
        let owner = person ?? user ?? device.flatMap { lastUser[$0] ?? addressed[$0] }
        let values = [decision.identity.email, planned.plan?.input.identity.formerID]
        let owned = owner.map(Self.owned) ?? []
        if let foreign = values.compactMap({ $0 }).first(where: {
            !owned.contains($0) && $0 != "d1" && $0 != "d2"
        }) {
            return "\(foreign) is sent for \(owner ?? "nobody")"
        }
        guard let user, let mind = minds[user], planned.reason == nil else {
            return overRestricts(user, planned, answer: answer, source: source)
        }
        if mind.suppressed != nil, source != "hook" { return "\(user) is suppressed" }
        if answer?.granted == false { return "the event itself says no" }
        if let denied = mind.denied {
            let isEnded = answer.map { $0.granted && $0.at > denied && source == "backend" }
            if isEnded != true, source != "hook" { return "\(user) said no" }
        }
        return nil
    }

    /// A server's event of a person who said yes, and never anything else, has to pass.
    private func overRestricts(
        _ user: String?, _ planned: Pipeline.Planned, answer: (granted: Bool, at: Timestamp)?,
        source: String
    ) -> String? {
        guard let user, let mind = minds[user], source == "backend", let reason = planned.reason,
            mind.denied == nil, mind.suppressed == nil, mind.granted != nil,
            !mind.mayBeRestricted, answer?.granted != false
        else { return nil }
        return "\(user) said yes, and it is \(reason)"
    }
}
