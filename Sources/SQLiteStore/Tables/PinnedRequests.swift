import Events
import JSON

/// A run's requests as the attempt that built them keeps them: what is said of each, and their
/// bodies, byte for byte, one after the other.
struct PinnedRequests {
    /// A record of seven fields for each request, separated by U+001E.
    let heads: String
    let bodies: [UInt8]

    init(_ requests: [MappedRequest]) {
        if requests.count == 1 {
            heads = Self.head(requests[0])
            bodies = requests[0].body.bytes
        } else {
            heads = requests.map(Self.head).joined(separator: "\u{1E}")
            bodies = requests.flatMap(\.body.bytes)
        }
    }

    private static func head(_ request: MappedRequest) -> String {
        Fields.join([
            request.name, request.method, request.url.text, request.url.placesText,
            request.encoding.rawValue, String(request.body.bytes.count), request.body.placesText,
        ])
    }

    /// The requests that the current run of delivery (?1, ?2) sends: those of its last attempt that
    /// built any.
    static let select = """
        SELECT requests, bodies FROM attempts
        WHERE event = ?1 AND destination = ?2 AND requests IS NOT NULL AND run = (
            SELECT coalesce(pinned, run) FROM deliveries WHERE event = ?1 AND destination = ?2)
        ORDER BY number DESC LIMIT 1
        """

    static func read(_ row: Statement) throws -> [MappedRequest] {
        defer { row.reset() }
        guard try row.step() else { return [] }
        return requests(heads: row.text(0) ?? "", bodies: row.blob(1) ?? [])
    }

    static func requests(heads: String, bodies: [UInt8]) -> [MappedRequest] {
        var rest = bodies[...]
        return heads.split(separator: "\u{1E}").compactMap { head in
            let fields = Fields.split(head)
            guard fields.count == 7, let count = Int(fields[5]) else { return nil }
            let body = Array(rest.prefix(count))
            rest = rest.dropFirst(count)
            return MappedRequest(
                name: fields[0], method: fields[1],
                url: MaskedText(Array(fields[2].utf8), placesText: fields[3]),
                encoding: MappedRequest.Encoding(rawValue: fields[4]) ?? .json,
                body: MaskedText(body, placesText: fields[6]))
        }
    }
}
