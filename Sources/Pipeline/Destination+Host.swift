import Events
import Map
import Request

extension Destination {
    /// The hosts that its requests go to, with their ports, as far as they are the same for every
    /// event; nil when none is.
    package var host: String? {
        let plans = Array(preset.events.values) + [preset.otherEvents].compactMap(\.self)
        let hosts = plans.flatMap(\.steps).compactMap { step in
            step.request.fixedAddress(builder.parameters).flatMap { Self.host(of: $0.text) }
        }
        let found = Set(hosts).sorted()
        return found.isEmpty ? nil : found.joined(separator: ", ")
    }

    /// The host and port of an address; nil for one in which a secret stands there.
    private static func host(of url: String) -> String? {
        guard let scheme = url.firstRange(of: "://") else { return nil }
        let authority = url[scheme.upperBound...].prefix { !"/?#".contains($0) }
        let host = authority.split(separator: "@").last.map(String.init) ?? ""
        return host.isEmpty || host.contains("***") ? nil : host
    }
}
