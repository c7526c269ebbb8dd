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
    /// Shown with every delivery, such as that a stand-in takes them.
    package let remark: String?

    package var blueprint: Blueprint { builder.blueprint }
    package var preset: Blueprint.Preset { builder.preset }

    package init(
        name: String, isEnabled: Bool = true, blueprint: Blueprint, preset: Blueprint.Preset,
        parameters: [String: String], consent: ConsentRule?, limits: DeliveryLimits,
        remark: String? = nil
    ) {
        self.name = name
        self.isEnabled = isEnabled
        builder = RequestBuilder(
            destination: name, blueprint: blueprint, preset: preset, parameters: parameters,
            options: limits.options)
        gate = ConsentGate(rule: consent, names: [name, blueprint.name, blueprint.title])
        self.limits = limits
        self.remark = remark
    }
}
