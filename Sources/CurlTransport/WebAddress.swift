import CCurl
import Events
package import Request

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The cause why nothing can be sent to an address: a fault of the configuration.
package struct AddressFault: Error, Sendable, Equatable {
    package let kind: TransportResult.Failure.Kind
    /// In a sentence.
    package let message: String
    package let fix: String

    /// - Parameter detail: goes on after "The address cannot be used:".
    init(_ detail: String, fix: String) {
        kind = .invalidAddress
        message = kind.sentence(at: "", detail: detail)
        self.fix = fix
    }

    init(_ kind: TransportResult.Failure.Kind, at place: String) {
        self.kind = kind
        message = kind.sentence(at: place)
        fix = kind.words.fix
    }
}

/// An address of the web as libcurl reads it: for what is said about it before it is asked.
package struct WebAddress: Sendable, Equatable {
    let isSecure: Bool
    /// In ASCII; an IPv6 address in brackets.
    package let host: String
    let port: Int

    /// The host and port, for words.
    package var place: String { "\(host):\(port)" }

    package init(_ text: String) throws(AddressFault) {
        guard let parsed = curl_url() else { throw Self.unreadable }
        defer { curl_url_cleanup(parsed) }
        self = try Self.parse(text, into: parsed)
    }

    private static let unreadable = AddressFault(
        "it is not one", fix: "Write such as https://host/path.")

    /// Bytes of the longest name of a host, and of each of its parts (RFC 1035).
    private static let longestName = 253
    private static let longestLabel = 63

    /// Reads an address into libcurl's own form, its host in ASCII.
    static func parse(
        _ text: String, into parsed: OpaquePointer
    ) throws(AddressFault) -> WebAddress {
        let isSecure = try isSecure(text)
        // First without the one before: it is no relative address.
        guard curl_url_set(parsed, CURLUPART_URL, nil, 0) == CURLUE_OK else { throw unreadable }
        let code = curl_url_set(parsed, CURLUPART_URL, text, UInt32(CURLU_PATH_AS_IS))
        switch code {
        case CURLUE_OK: break
        case CURLUE_BAD_PORT_NUMBER: throw badPort
        case CURLUE_BAD_HOSTNAME, CURLUE_NO_HOST, CURLUE_BAD_IPV6: throw badHost
        default: throw unreadable
        }
        let host = try asciiHost(of: parsed)
        let port = part(CURLUPART_PORT, of: parsed, flags: UInt32(CURLU_DEFAULT_PORT))
        guard let port = port.flatMap({ Int($0) }), port > 0 else { throw badPort }
        return WebAddress(isSecure: isSecure, host: host, port: port)
    }

    private init(isSecure: Bool, host: String, port: Int) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
    }

    private static let badPort = AddressFault(
        "its port is none", fix: "Write a number from 1 to 65535 after the colon, or no colon.")
    private static let badHost = AddressFault(
        "its host is none", fix: "Write the host's name, such as https://api.example.com/path.")

    /// Looks at the text before libcurl does, which forgives too much; true for https.
    private static func isSecure(_ text: String) throws(AddressFault) -> Bool {
        if text.isEmpty {
            throw AddressFault("it is empty", fix: "Write such as https://host/path.")
        }
        let isPlain = text.utf8.allSatisfy { $0 > UInt8(ascii: " ") && $0 < 0x7F }
        for scalar in isPlain ? "".unicodeScalars : text.unicodeScalars {
            let properties = scalar.properties
            if properties.isWhitespace || [.control, .format].contains(properties.generalCategory) {
                throw AddressFault(
                    "it has a blank, a line break or an invisible character in it",
                    fix: "Remove it; inside a path, a blank is written %20.")
            }
        }
        let scheme = text.prefix { $0 != ":" && $0 != "/" }.lowercased()
        let rest = text.dropFirst(scheme.count)
        guard rest.hasPrefix("://") else {
            throw AddressFault(
                "it does not begin with https://", fix: "Write https:// before the host.")
        }
        guard scheme == "https" || scheme == "http" else {
            throw AddressFault(
                "it begins with \(scheme.prefix(16))://, not with https://",
                fix: "Write https:// before the host.")
        }
        if let next = rest.dropFirst(3).first, !"/?#:".contains(next) { return scheme == "https" }
        throw badHost
    }

    /// The host in ASCII: names in other letters are written as name servers know them.
    private static func asciiHost(of parsed: OpaquePointer) throws(AddressFault) -> String {
        guard let written = part(CURLUPART_HOST, of: parsed, flags: 0) else { throw badHost }
        var host = written
        if !written.utf8.allSatisfy({ $0 < 0x80 }) {
            host = withUTF8 { part(CURLUPART_HOST, of: parsed, flags: ccurl_ascii_host) } ?? ""
        }
        guard !host.isEmpty, host == written || rename(parsed, to: host),
            host.utf8.allSatisfy({ $0 < 0x80 })
        else {
            throw AddressFault(
                "the host \"\(written)\" is not written in ASCII",
                fix: "Write it as name servers know it, beginning with xn--.")
        }
        if host.hasPrefix("[") || Network.parse(host) != nil { return host }
        // One dot at the end is the root.
        let name = host.hasSuffix(".") ? host.dropLast() : host[...]
        let labels = name.split(separator: ".", omittingEmptySubsequences: false)
        guard name.utf8.count <= longestName,
            labels.allSatisfy({ !$0.isEmpty && $0.utf8.count <= longestLabel })
        else { throw badHost }
        return host
    }

    private static func rename(_ parsed: OpaquePointer, to host: String) -> Bool {
        curl_url_set(parsed, CURLUPART_HOST, host, 0) == CURLUE_OK
    }

    private static func part(
        _ part: CURLUPart, of parsed: OpaquePointer, flags: UInt32
    ) -> String? {
        var found: UnsafeMutablePointer<CChar>?
        guard curl_url_get(parsed, part, &found, flags) == CURLUE_OK, let found else { return nil }
        defer { curl_free(found) }
        return String(cString: found)
    }

    /// Names in other letters are read in the thread's locale, which is not UTF-8 by itself.
    private static func withUTF8<Result>(_ body: () -> Result) -> Result {
        guard let locale = newlocale(Int32(1 << LC_CTYPE), "C.UTF-8", nil) else { return body() }
        let before = uselocale(locale)
        defer {
            uselocale(before)
            freelocale(locale)
        }
        return body()
    }
}

extension TransportOptions {
    /// The cause why no request will ever be sent to an address; nil when nothing is known against
    /// it before its name is resolved.
    package func fault(of address: String) -> AddressFault? {
        do throws(AddressFault) {
            return fault(of: try WebAddress(address))
        } catch {
            return error
        }
    }

    /// The same for an address that was read.
    func fault(of address: WebAddress) -> AddressFault? {
        let addressGuard = AddressGuard(
            allowedNetworks: allowedNetworks, isSecure: address.isSecure)
        switch addressGuard.judge(host: address.host) {
        case .permitted: return nil
        case .special: return AddressFault(.blocked, at: address.place)
        case .plainHTTP: return AddressFault(.plainHTTP, at: address.place)
        case nil: break
        }
        // A proxy resolves names by itself, so nobody here sees where plain text would go.
        let isBlind = surroundings?.proxy != nil && !address.isSecure
        return isBlind || addressGuard.permitsNothing
            ? AddressFault(.plainHTTP, at: address.place) : nil
    }
}
