import Accept
import Events
import Log
import Store
import Webhooks

/// Reads the kept webhooks of a source again, such as after its blueprint was corrected.
struct KeptBodies: Sendable {
    let store: StoreEngine
    let log: any DeliveryLog
    /// The sources with their blueprints as they are now.
    let sources: [WebhookSource]

    /// Bodies that are read at once.
    private static let slice = 16

    /// - Parameter number: one rejected body; nil for all of the source.
    func reprocess(_ name: String, number: Int64?) async throws -> ReprocessReport {
        guard let source = sources.first(where: { $0.name == name }) else {
            throw Problem.noSuchSource(name, among: sources.map(\.name), kind: "webhook source")
        }
        let reader = WebhookReader(acceptor: Acceptor())
        var report = ReprocessReport()
        var after = number.map { $0 - 1 } ?? 0
        while true {
            let rows = try log.rejected(
                source: name, after: after, limit: number == nil ? Self.slice : 1)
            for row in rows where number == nil || row.number == number {
                report.bodies += 1
                let reading = reader.read(
                    row.body, headers: WebhookReader.headers(row.headers), from: source,
                    repeatable: row.messageID, at: row.receivedAt)
                if reading.envelope.events.isEmpty {
                    report.kept += 1
                } else {
                    report.events += try await store.accept(
                        reading.envelope, from: name, replacing: [row.number]
                    ).count
                }
            }
            guard number == nil, let last = rows.last else { return report }
            after = last.number
        }
    }
}
