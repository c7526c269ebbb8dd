import Events

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Decides after name resolution whether a request may connect to an address.
///
/// Private, local and otherwise special networks are refused unless the pipeline file allows them;
/// plain http is refused to every address that is not allowed there. An IPv6 address that stands
/// for an IPv4 address, such as one of NAT64, is judged by the address inside.
struct AddressGuard: Sendable {
    enum Verdict: Sendable { case permitted, special, plainHTTP }

    private let allowed: [Network]
    /// The scheme is http: only allowed networks are reached.
    private let onlyAllowed: Bool

    init(allowedNetworks: [String], isSecure: Bool) {
        allowed = allowedNetworks.compactMap { Network($0) }
        onlyAllowed = !isSecure
    }

    /// - Parameter bytes: 4 bytes of IPv4 or 16 of IPv6, in network order.
    func judge(_ bytes: [UInt8]) -> Verdict {
        let address = Network.plain(bytes)
        let inside = Network.inside(address)
        if isAllowed(address) || (!inside.isEmpty && inside.allSatisfy(isAllowed)) {
            return .permitted
        }
        let judged = inside.isEmpty ? [address] : inside
        if judged.contains(where: { address in Self.special.contains { $0.contains(address) } }) {
            return .special
        }
        return onlyAllowed ? .plainHTTP : .permitted
    }

    private func isAllowed(_ address: [UInt8]) -> Bool {
        allowed.contains { $0.contains(address) }
    }

    /// The verdict that is known before a name is resolved; nil for a name.
    ///
    /// - Parameter host: in ASCII; an IPv6 address in brackets.
    func judge(host: String) -> Verdict? {
        let name = host.lowercased()
        let verdicts: [Verdict]
        if name == "localhost" || name.hasSuffix(".localhost") {
            verdicts = ["127.0.0.1", "::1"].compactMap(Network.parse).map(judge)
        } else {
            let bare = name.hasPrefix("[") ? String(name.dropFirst().dropLast()) : name
            verdicts = [Network.parse(bare)].compactMap { $0 }.map(judge)
        }
        return verdicts.contains(.permitted) ? .permitted : verdicts.first
    }

    /// True when plain http can reach nothing at all.
    var permitsNothing: Bool { onlyAllowed && allowed.isEmpty }

    /// Networks that no public service lives in: IANA's special-purpose registries (RFC 6890).
    private static let special: [Network] = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7",
        "fe80::/10", "fec0::/10", "ff00::/8",
    ].compactMap { Network($0) }
}

/// A block of addresses, such as `10.0.0.0/8`; an address alone is a block of one.
struct Network: Sendable {
    private let bytes: [UInt8]
    private let bits: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1)
        guard let first = parts.first, let parsed = Self.parse(String(first)) else { return nil }
        bytes = Self.plain(parsed)
        let whole = bytes.count * 8
        guard parts.count == 2 else {
            bits = whole
            return
        }
        guard let given = Int(parts[1]), (0...parsed.count * 8).contains(given) else { return nil }
        bits = max(0, given - (parsed.count * 8 - whole))
    }

    func contains(_ address: [UInt8]) -> Bool {
        guard address.count == bytes.count else { return false }
        for index in 0..<bits / 8 where address[index] != bytes[index] { return false }
        let rest = bits % 8
        guard rest > 0 else { return true }
        let mask = UInt8(truncatingIfNeeded: 0xFF << (8 - rest))
        return address[bits / 8] & mask == bytes[bits / 8] & mask
    }

    /// An IPv4 address that is written as IPv6 (`::ffff:a.b.c.d`) is judged as IPv4.
    static func plain(_ bytes: [UInt8]) -> [UInt8] {
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
        return bytes.count == 16 && bytes.starts(with: mapped) ? Array(bytes[12...]) : bytes
    }

    /// The IPv4 addresses that an IPv6 address stands for; none for an ordinary one.
    ///
    /// With NAT64's local prefix nobody but its translator knows where the address begins: each
    /// place that may be meant counts.
    static func inside(_ bytes: [UInt8]) -> [[UInt8]] {
        guard bytes.count == 16 else { return [] }
        func picked(_ places: [Int]) -> [UInt8] { places.map { bytes[$0] } }
        let last = [12, 13, 14, 15]
        if embedding.contains(where: { $0.contains(bytes) }) { return [picked(last)] }
        if sixToFour.contains(where: { $0.contains(bytes) }) { return [picked([2, 3, 4, 5])] }
        guard localTranslation.contains(where: { $0.contains(bytes) }) else { return [] }
        let found = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], last].map(picked)
        let hosts = found.filter { $0[0] != 0 }
        return hosts.isEmpty ? [picked(last)] : hosts
    }

    /// NAT64's well-known prefix (RFC 6052), SIIT's, and the first way to write IPv4 as IPv6.
    private static let embedding = ["64:ff9b::/96", "::ffff:0:0:0/96", "::/96"]
        .compactMap { Network($0) }
    /// 6to4 (RFC 3056).
    private static let sixToFour = ["2002::/16"].compactMap { Network($0) }
    /// NAT64's prefix for local use (RFC 8215).
    private static let localTranslation = ["64:ff9b:1::/48"].compactMap { Network($0) }

    /// The bytes of an address that is written in numbers; nil for a name.
    static func parse(_ text: String) -> [UInt8]? {
        var four = [UInt8](repeating: 0, count: 4)
        if inet_pton(AF_INET, text, &four) == 1 { return four }
        var sixteen = [UInt8](repeating: 0, count: 16)
        return inet_pton(AF_INET6, text, &sixteen) == 1 ? sixteen : nil
    }
}

/// True when a text names a network: for checking configuration.
package func isNetwork(_ text: String) -> Bool { Network(text) != nil }
