package import Consent
import Events
package import Map
package import Request

/// Where deliveries go: who may be sent to (its gate), what is sent (its builder) and how much at a
/// time (its limits).
package final class Destination: Sendable {
    /// Names are identities: a renamed destination is another one.
    package let name: String
    package let isEnabled: Bool
    package let builder: RequestBuilder
    package let gate: ConsentGate
    package let limits: DeliveryLimits
    /// The rule for events of people who are not known yet; nil when they are left out for good.
    package let anonymous: AnonymousRule?
    /// Shown with every delivery, such as that a stand-in takes them.
    package let remark: String?

    package var blueprint: Blueprint { builder.blueprint }
    package var preset: Blueprint.Preset { builder.preset }

    package init(
        name: String, isEnabled: Bool = true, blueprint: Blueprint, preset: Blueprint.Preset,
        parameters: [String: String], consent: ConsentRule?, limits: DeliveryLimits,
        anonymous: AnonymousRule? = nil, remark: String? = nil
    ) {
        self.name = name
        self.isEnabled = isEnabled
        builder = RequestBuilder(
            destination: name, blueprint: blueprint, preset: preset, parameters: parameters,
            options: limits.options)
        gate = ConsentGate(rule: consent, names: [name, blueprint.name, blueprint.title])
        self.limits = limits
        self.anonymous = anonymous
        self.remark = remark
    }
}

/// How long events of an anonymous person stay in reach of a destination that has to know whom they
/// are about.
package struct AnonymousRule: Sendable, Equatable {
    /// Older events stay left out.
    package let wait: Duration
    /// Events of one anonymous id at the most; the newest ones go.
    package let events: Int

    /// The longest wait.
    package static let longest: Duration = .days(7)
    /// The most events.
    package static let most = 1_000
    /// Bytes of the events of one anonymous id that go at the most.
    package static let bytes = 1 << 20

    /// A rule of these limits.
    package init(wait: Duration, events: Int) {
        self.wait = wait
        self.events = events
    }
}
