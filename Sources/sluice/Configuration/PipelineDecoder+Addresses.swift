import CurlTransport
import Events
import JSON
import Map
import Request

extension PipelineDecoder {
    /// Reports every address of a destination that no request can be sent to: a wrong one would
    /// hold the destination, or fail each event.
    func checkAddresses(
        of preset: Blueprint.Preset, in blueprint: Blueprint, parameters: [String: String],
        options: TransportOptions, at destination: ConfigurationValue
    ) {
        let check = AddressCheck(
            blueprint: blueprint, parameters: parameters, options: options,
            destination: destination)
        var reported: Set<Int> = []
        for template in preset.addresses {
            for fault in check.faults(of: template)
            where reported.insert(fault.value.json.offset).inserted {
                fault.value.report(fault.message, fix: fault.fix)
            }
        }
    }
}

/// Looks at the addresses that the parameters of one destination make.
private struct AddressCheck {
    let blueprint: Blueprint
    let parameters: [String: String]
    let options: TransportOptions
    let destination: ConfigurationValue

    /// A fault, and the value of the file that it comes from.
    struct Fault {
        let value: ConfigurationValue
        let message: String
        let fix: String
    }

    /// A template's faults: one address, or one for each event with a value of its own.
    func faults(of template: TextTemplate) -> [Fault] {
        let perEvent = blueprint.parameters.first {
            $0.isPerEvent && template.names.contains($0.name)
        }
        guard let perEvent else { return [fault(of: template, for: nil)].compactMap { $0 } }
        let given = destination["parameters"]?[perEvent.name]?.members("\"\(perEvent.name)\"")
        return (given ?? []).compactMap { fault(of: template, for: $0.key) }
    }

    private func fault(of template: TextTemplate, for event: String?) -> Fault? {
        var values: [String: String] = [:]
        for name in template.names { values[name] = value(of: name, for: event) }
        // An empty one is another fault, or left out on purpose.
        guard !values.values.contains(""), let place = place(of: template, for: event) else {
            return nil
        }
        if let opening = opening(of: template), let value = values[opening],
            value.contains(where: { "?#".contains($0) })
        {
            return Fault(
                value: place, message: "The address has a ? or a # before its path.",
                fix: "End it before the ? or #: the blueprint adds the path.")
        }
        let address = template.fill { .plain(values[$0] ?? "") }.text
        return options.fault(of: address).map {
            Fault(value: place, message: $0.message, fix: $0.fix)
        }
    }

    /// The parameter that an address begins with, when the blueprint adds to it.
    private func opening(of template: TextTemplate) -> String? {
        guard template.parts.count > 1, case .name(let name) = template.parts[0] else { return nil }
        return name
    }

    private func value(of name: String, for event: String?) -> String {
        guard let parameter = blueprint.parameters.first(where: { $0.name == name }) else {
            // The event's name, percent-encoded.
            return "event"
        }
        if parameter.isPerEvent, let event {
            return parameters[ParameterValues.key(name, event: event)] ?? ""
        }
        return parameters[name] ?? parameter.value ?? ""
    }

    /// Where the host of an address is written: the first parameter in it, else the blueprint.
    private func place(of template: TextTemplate, for event: String?) -> ConfigurationValue? {
        let given = template.names.lazy.compactMap { destination["parameters"]?[$0] }.first
        if let event, let own = given?[event] { return own }
        return given ?? destination["blueprint"] ?? destination
    }
}
