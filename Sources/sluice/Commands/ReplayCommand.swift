import ArgumentParser
import Deliver
import Events
import JSON
import Map
import Pipeline
import Request
import SQLiteStore

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Send deliveries again, such as after a blueprint was mended.",
        discussion: """
            Without --yes only shows how many and a few of them. Each becomes the next run of the \
            same delivery: history stays, consent and the email count as of now. Every stage runs \
            again, with the blueprint as it is now, unless --as-was sends the old requests byte for \
            byte.
            """)

    @Argument(help: "Delivery or event ids; none for what the options below select.")
    var ids: [String] = []

    @OptionGroup var selection: FilterOptions

    @Option(help: "How many at the most.")
    var limit = 10_000

    @Flag(help: "Send the old requests byte for byte.")
    var asWas = false

    @Flag(help: "Only what would come out differently now.")
    var onlyChanged = false

    @Option(help: "Deliveries a second.")
    var rate = 50.0

    @Flag(help: "Do it.")
    var yes = false

    @OptionGroup var options: StoreOptions

    /// Deliveries that are handed over at once.
    private static let slice = 500
    /// Lines of the sample.
    private static let sample = 5

    func validate() throws {
        guard (1...1_000_000).contains(limit) else {
            throw ValidationError("--limit must be between 1 and 1000000.")
        }
        guard rate > 0 else { throw ValidationError("--rate must be above 0.") }
        if asWas, onlyChanged {
            throw ValidationError("--as-was changes nothing; leave --only-changed out.")
        }
        if ids.isEmpty, selection.words.isEmpty {
            throw ValidationError("Name deliveries, or select some: --state, --reason, --event …")
        }
    }

    func run() async throws {
        let file = try PipelineFile.read(
            options.configPath, .init(environment: StoreOptions.environment, data: options.data))
        let log = try options.store()
        let plan = try ReplayPlan(
            try rows(log), log: log, pipeline: file.pipeline, asWas: asWas,
            onlyChanged: onlyChanged, now: WorldClock.system.now())
        for line in plan.lines(sample: Self.sample) { Terminal.standard.write(line) }
        guard yes else {
            if !plan.going.isEmpty { Terminal.standard.write("Send them with --yes") }
            return
        }
        var result = ReplayOrder.Result()
        var rest = plan.going.map(\.row.id)[...]
        let control = Control(directory: try options.directory())
        while !rest.isEmpty {
            var order = ReplayOrder(
                deliveries: Array(rest.prefix(Self.slice)), asWas: asWas, perSecond: rate,
                reason: words)
            order.first = plan.going.count - rest.count
            rest = rest.dropFirst(Self.slice)
            let step = try await control.replay(order, pipeline: file.pipeline)
            result.queued += step.queued
            result.filtered += step.filtered
            result.refused += step.refused
        }
        Terminal.standard.write(
            "\(result.queued) queued, \(result.filtered) filtered, \(result.refused) refused.")
    }

    private func rows(_ log: SQLiteLog) throws -> [DeliveryRow] {
        guard ids.isEmpty else { return try ids.flatMap { try rows(of: $0, log) } }
        var filter = selection.filter(limit: limit, now: WorldClock.system.now())
        filter.oldestFirst = true
        return try log.deliveries(filter)
    }

    private func rows(of id: String, _ log: SQLiteLog) throws -> [DeliveryRow] {
        if let delivery = DeliveryID(id) {
            return try log.deliveries(of: delivery.event).filter { $0.id == delivery }
        }
        guard let event = EventID(id) else {
            throw Problem(
                code: "no_such_delivery", message: "\"\(printable(id))\" is no id.",
                hint: "Give evt_… or dlv_…; sluice deliveries lists them.")
        }
        return try log.deliveries(of: event).filter {
            selection.destination ?? $0.id.destination == $0.id.destination
        }
    }

    /// What was asked for, for the audit.
    private var words: String {
        let own = [
            ids.isEmpty ? nil : "\(ids.count) ids", asWas ? "as was" : nil,
            onlyChanged ? "only changed" : nil,
        ]
        return (own.compactMap { $0 } + selection.words).joined(separator: ", ")
    }
}

/// What a replay would do, worked out without doing it.
struct ReplayPlan {
    struct Item {
        let row: DeliveryRow
        /// What would be sent.
        let requests: [MappedRequest]
        let isChanged: Bool
    }
    private(set) var going: [Item] = []
    private var unchanged = 0
    private var unfinished = 0
    private var refused: [String: Int] = [:]
    private var repeats = 0

    /// Milliseconds in which Vero takes an equal event for a repeat; others may never.
    private static let window: Int64 = 300_000

    init(
        _ rows: [DeliveryRow], log: SQLiteLog, pipeline: Pipeline, asWas: Bool,
        onlyChanged: Bool, now: Timestamp
    ) throws {
        for row in rows {
            guard row.state.isFinal else {
                unfinished += 1
                continue
            }
            guard let destination = pipeline[row.id.destination],
                let detail = try log.detail(row.id)
            else {
                refused["the destination is gone", default: 0] += 1
                continue
            }
            let event = detail.event
            guard !event.event.document.root.isEmpty else {
                refused["the body was removed", default: 0] += 1
                continue
            }
            if asWas, detail.requests.isEmpty {
                refused["it never had a request", default: 0] += 1
                continue
            }
            let requests =
                asWas
                ? detail.requests
                : (try? destination.builder.requests(for: event.event, of: event.identity)) ?? []
            let isChanged = requests != detail.requests
            if onlyChanged, !isChanged {
                unchanged += 1
                continue
            }
            if row.state == .delivered, now - row.receivedAt > Self.window { repeats += 1 }
            going.append(Item(row: row, requests: requests, isChanged: isChanged))
        }
    }

    func lines(sample: Int) -> [String] {
        var lines = ["\(going.count) deliveries would be sent again."]
        for item in going.prefix(sample) {
            let row = item.row
            let change = item.isChanged ? "it comes out differently now" : "as before"
            let name = printable(row.eventName)
            lines.append("  \(row.id.text)  \(name)  \(row.state.rawValue)  \(change)")
            for request in item.requests.prefix(1) where item.isChanged {
                let body = printable(String(request.body.text.prefix(160)))
                lines.append("    \(request.method) \(body)")
            }
        }
        if unchanged > 0 {
            lines.append("\(unchanged) would come out the same; they are left out.")
        }
        if unfinished > 0 {
            lines.append("\(unfinished) are still on their way; they are left out.")
        }
        for (why, count) in refused.sorted(by: { $0.key < $1.key }) {
            lines.append("\(count) cannot be sent again: \(why).")
        }
        if repeats > 0 {
            lines.append(
                "\(repeats) were delivered more than five minutes ago: there they can appear twice."
            )
        }
        return lines
    }
}
