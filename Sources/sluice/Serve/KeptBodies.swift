import Accept
import Deliver
import Events
import SQLiteStore
import Store
import Webhooks

/// Reads again what a webhook source brought and could not be used, after its blueprint was mended.
struct KeptBodies: Sendable {
    let store: StoreEngine
    let log: any DeliveryLog
    /// The sources with their blueprints as they are now.
    let sources: @Sendable () -> [WebhookSource]

    /// Bodies that are read at once.
    private static let slice = 16

    /// What came of it.
    struct Result: Sendable {
        var bodies = 0
        var events = 0
        /// Still of no use; they stay.
        var kept = 0
    }

    /// - Parameter number: only this one; nil for all of the source.
    func replay(_ name: String, number: Int64?) async throws -> Result {
        let sources = sources()
        guard let source = sources.first(where: { $0.name == name }) else {
            throw noSuchSource(name, among: sources.map(\.name), kind: "webhook source")
        }
        let reader = WebhookReader(acceptor: Acceptor())
        var result = Result()
        var after = number.map { $0 - 1 } ?? 0
        while true {
            let rows = try log.rejected(
                source: name, after: after, limit: number == nil ? Self.slice : 1)
            for row in rows where number == nil || row.number == number {
                result.bodies += 1
                let reading = reader.read(
                    row.body, headers: WebhookReader.headers(row.headers), from: source,
                    repeatable: row.messageID, at: row.receivedAt)
                if reading.envelope.events.isEmpty {
                    result.kept += 1
                } else {
                    result.events += try await store.accept(
                        reading.envelope, from: name, replacing: [row.number]
                    ).count
                }
            }
            guard number == nil, let last = rows.last else { return result }
            after = last.number
        }
    }
}
