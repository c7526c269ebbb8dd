/// The paths of the operator API, for the router and for the client.
///
/// A router is given `:name` as the name and fills it in itself.
enum APIPaths {
    /// The beginning of every path: the first version of the API.
    private static let root = "/api/v1"

    static func hold(_ destination: String) -> String { of(destination, "hold") }
    static func release(_ destination: String) -> String { of(destination, "release") }
    static func probe(_ destination: String) -> String { of(destination, "probe") }
    static func drop(_ destination: String) -> String { of(destination, "drop") }
    static func cancel(_ delivery: String) -> String { "\(root)/deliveries/\(delivery)/cancel" }
    static let replays = root + "/replays"
    static let consent = root + "/people/consent"
    static let suppression = root + "/people/suppression"
    static let forget = root + "/people/forget"
    static let allowAgain = root + "/people/allow-again"
    static func reprocess(_ source: String) -> String { "\(root)/sources/\(source)/reprocess" }
    static let backup = root + "/store/backup"
    static let check = root + "/store/check"
    static let compact = root + "/store/compact"

    private static func of(_ destination: String, _ order: String) -> String {
        "\(root)/destinations/\(destination)/\(order)"
    }
}
