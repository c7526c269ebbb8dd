import Events
import HTTPTypes
import Hummingbird
import Ingest
import Log
import NIOCore
import Store

/// The page for Prometheus, on an address of its own: counts, waiting, latencies, file and disk.
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
            page.addGauge(
                "sluice_deliveries_waiting", "Deliveries that wait.", labels: label,
                value: row.waiting)
            let age = row.oldestWaiting.map { max(0, now.since($0).milliseconds / 1000) } ?? 0
            page.addGauge(
                "sluice_oldest_waiting_seconds", "Age of the oldest that waits.", labels: label,
                value: Int(age))
            page.addGauge(
                "sluice_destination_held", "1 when it is held.", labels: label,
                value: row.hold == nil ? 0 : 1)
            page.addGauge(
                "sluice_destination_resting", "1 when it rests because it does not answer.",
                labels: label,
                value: row.restingUntil == nil ? 0 : 1)
            page.addGauge(
                "sluice_destination_pausing", "1 while it pauses because it asked for it.",
                labels: label, value: row.pausingUntil == nil ? 0 : 1)
            page.addGauge(
                "sluice_destination_refused_in_a_row",
                "Deliveries that it refused since the last that it took.", labels: label,
                value: row.refusedInARow)
        }
        page.addGauge(
            "sluice_store_takes_events", "0 when events are answered 503.",
            value: store.pressure == nil && store.lastFailure == nil ? 1 : 0)
        for (name, file) in [("sluice_store_bytes", ""), ("sluice_wal_bytes", "-wal")] {
            page.addGauge(
                name, "Bytes of the store's \(file.isEmpty ? "file" : "log").",
                value: Int(fileBytes(at: store.path + file) ?? 0))
        }
        page.addGauge(
            "sluice_disk_free_bytes", "Bytes that are free on the disk.",
            value: Int(freeBytes(at: data) ?? 0))
        return page.text
    }

    private func add(_ counts: [Tally.Key: Int], to page: inout Page) {
        var latencies: [String: [Int]] = [:]
        var sums: [String: Int] = [:]
        for (key, count) in counts {
            switch key {
            case .accepted(let source):
                page.addCounter(
                    "sluice_events_accepted_total", "Events taken.", labels: "source=\"\(source)\"",
                    value: count)
            case .duplicate(let source):
                page.addCounter(
                    "sluice_events_duplicate_total", "Repeats recognised.",
                    labels: "source=\"\(source)\"", value: count)
            case .rejected(let source):
                page.addCounter(
                    "sluice_events_rejected_total", "Events that could not be used.",
                    labels: "source=\"\(source)\"", value: count)
            case .refused(let source, let code):
                page.addCounter(
                    "sluice_calls_refused_total", "Calls refused whole, by source and code.",
                    labels: "source=\"\(source ?? "")\",code=\"\(code)\"", value: count)
            case .ended(let destination, let state, let reason):
                page.addCounter(
                    "sluice_deliveries_total", "Deliveries by how they ended.",
                    labels: "destination=\"\(destination)\",state=\"\(state.rawValue)\","
                        + "reason=\"\(reason?.rawValue ?? "")\"", value: count)
            case .becameKnown(let destination):
                page.addCounter(
                    "sluice_deliveries_became_known_total",
                    "Deliveries of anonymous people that went because the person became known.",
                    labels: "destination=\"\(destination)\"", value: count)
            case .attempt(let destination, let kind):
                page.addCounter(
                    "sluice_attempts_total", "Attempts by what the answer meant.",
                    labels: "destination=\"\(destination)\",class=\"\(kind.rawValue)\"",
                    value: count)
            case .latency(let destination, let bucket):
                let none = [Int](repeating: 0, count: Tally.buckets.count + 1)
                latencies[destination, default: none][bucket] += count
            case .latencySum(let destination): sums[destination] = count
            }
        }
        for (destination, buckets) in latencies {
            page.addHistogram(
                "sluice_delivery_seconds", "From acceptance to the good answer.",
                labels: "destination=\"\(destination)\"", buckets: buckets,
                sum: sums[destination] ?? 0)
        }
    }
}

/// A page in Prometheus' text format; lines of one metric stand together, in order.
private struct Page {
    private var heads: [String: String] = [:]
    private var lines: [String: [String]] = [:]

    mutating func addCounter(_ name: String, _ help: String, labels: String, value: Int) {
        add(name, help, type: "counter", labels: labels, value: value)
    }

    mutating func addGauge(_ name: String, _ help: String, labels: String = "", value: Int) {
        add(name, help, type: "gauge", labels: labels, value: value)
    }

    mutating func addHistogram(
        _ name: String, _ help: String, labels: String, buckets: [Int], sum: Int
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
        _ name: String, _ help: String, type: String, labels: String, value: Int
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
