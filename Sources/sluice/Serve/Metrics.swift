import Deliver
import Events
import HTTPTypes
import Hummingbird
import Ingest
import NIOCore
import SQLiteStore
import Store

/// What Prometheus reads, on an address of its own: counts, waiting, latencies, file and disk.
///
/// Names follow its conventions (prometheus.io, "Metric and label naming"); no label holds what
/// an event said.
struct MetricsRoutes: Sendable {
    let store: StoreEngine
    let log: any DeliveryLog
    let clock: WorldClock
    let data: String

    func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.middlewares.add(ProblemMiddleware())
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: try text())))
        }
        return router
    }

    func text() throws -> String {
        var page = Page()
        add(store.tally.now, to: &page)
        let now = clock.now()
        for row in try log.destinations() {
            let label = "destination=\"\(row.name)\""
            page.gauge("sluice_deliveries_waiting", "Deliveries that wait.", label, row.waiting)
            let age = row.oldestWaiting.map { max(0, now - $0) / 1000 } ?? 0
            page.gauge(
                "sluice_oldest_waiting_seconds", "Age of the oldest that waits.", label, Int(age))
            page.gauge(
                "sluice_destination_held", "1 when it is held.", label, row.hold == nil ? 0 : 1)
            page.gauge(
                "sluice_destination_resting", "1 when it rests because it does not answer.", label,
                row.restingUntil == nil ? 0 : 1)
        }
        page.gauge(
            "sluice_store_takes_events", "0 when events are answered 503.", "",
            store.pressure == nil && store.lastFailure == nil ? 1 : 0)
        for (name, file) in [("sluice_store_bytes", ""), ("sluice_wal_bytes", "-wal")] {
            page.gauge(
                name, "Bytes of the store's \(file.isEmpty ? "file" : "log").", "",
                Int(fileBytes(at: store.path + file) ?? 0))
        }
        page.gauge(
            "sluice_disk_free_bytes", "Bytes that are free on the disk.", "",
            Int(freeBytes(at: data) ?? 0))
        return page.text
    }

    private func add(_ counts: [Tally.Key: Int], to page: inout Page) {
        var latencies: [String: [Int]] = [:]
        var sums: [String: Int] = [:]
        for (key, count) in counts {
            switch key {
            case .accepted(let source):
                page.counter(
                    "sluice_events_accepted_total", "Events taken.", "source=\"\(source)\"", count)
            case .duplicate(let source):
                page.counter(
                    "sluice_events_duplicate_total", "Repeats recognised.",
                    "source=\"\(source)\"", count)
            case .rejected(let source):
                page.counter(
                    "sluice_events_rejected_total", "Events that could not be used.",
                    "source=\"\(source)\"", count)
            case .ended(let destination, let state, let reason):
                page.counter(
                    "sluice_deliveries_total", "Deliveries by how they ended.",
                    "destination=\"\(destination)\",state=\"\(state.rawValue)\","
                        + "reason=\"\(reason?.rawValue ?? "")\"", count)
            case .attempt(let destination, let kind):
                page.counter(
                    "sluice_attempts_total", "Attempts by what the answer meant.",
                    "destination=\"\(destination)\",class=\"\(kind.rawValue)\"", count)
            case .latency(let destination, let bucket):
                let none = [Int](repeating: 0, count: Tally.buckets.count + 1)
                latencies[destination, default: none][bucket] += count
            case .latencySum(let destination): sums[destination] = count
            }
        }
        for (destination, buckets) in latencies {
            page.histogram(
                "sluice_delivery_seconds", "From acceptance to the good answer.",
                "destination=\"\(destination)\"", buckets, sum: sums[destination] ?? 0)
        }
    }
}

/// A page in Prometheus' text format; lines of one metric stand together, in order.
private struct Page {
    private var heads: [String: String] = [:]
    private var lines: [String: [String]] = [:]

    mutating func counter(_ name: String, _ help: String, _ labels: String, _ value: Int) {
        add(name, help, "counter", labels, "\(value)")
    }

    mutating func gauge(_ name: String, _ help: String, _ labels: String, _ value: Int) {
        add(name, help, "gauge", labels, "\(value)")
    }

    mutating func histogram(
        _ name: String, _ help: String, _ labels: String, _ buckets: [Int], sum: Int
    ) {
        heads[name] = "# HELP \(name) \(help)\n# TYPE \(name) histogram"
        var total = 0
        for (index, count) in buckets.enumerated() {
            total += count
            let end =
                index < Tally.buckets.count ? "\(Double(Tally.buckets[index]) / 1000)" : "+Inf"
            lines[name, default: []].append("\(name)_bucket{\(labels),le=\"\(end)\"} \(total)")
        }
        lines[name, default: []].append("\(name)_sum{\(labels)} \(Double(sum) / 1000)")
        lines[name, default: []].append("\(name)_count{\(labels)} \(total)")
    }

    private mutating func add(
        _ name: String, _ help: String, _ type: String, _ labels: String, _ value: String
    ) {
        heads[name] = "# HELP \(name) \(help)\n# TYPE \(name) \(type)"
        lines[name, default: []].append("\(name)\(labels.isEmpty ? "" : "{\(labels)}") \(value)")
    }

    var text: String {
        let parts = heads.sorted { $0.key < $1.key }.map { name, head in
            let isHistogram = head.hasSuffix("histogram")
            let own = lines[name] ?? []
            return ([head] + (isHistogram ? own : own.sorted())).joined(separator: "\n")
        }
        return parts.joined(separator: "\n") + "\n"
    }
}
