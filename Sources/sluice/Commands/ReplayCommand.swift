import ArgumentParser
import Deliver
import Events
import JSON
import Log
import Map
import Pipeline
import Store

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
        let log = try options.log()
        let plan = try ReplayPlan(
            of: try rows(log), in: log, pipeline: file.pipeline,
            mode: ReplayPlan.Mode(asWas: asWas, onlyChanged: onlyChanged),
            at: WorldClock.system.now())
        for line in plan.lines(sample: Self.sample) { Terminal.standard.write(line) }
        guard yes else {
            if !plan.going.isEmpty { Terminal.standard.write("Send them with --yes") }
            return
        }
        var result = ReplayOrder.Outcome()
        var rest = plan.going.map(\.row.id)[...]
        while !rest.isEmpty {
            var order = ReplayOrder(
                deliveries: Array(rest.prefix(Self.slice)), asWas: asWas, perSecond: rate,
                reason: words)
            order.first = plan.going.count - rest.count
            rest = rest.dropFirst(Self.slice)
            let step = try await options.give(needsPipeline: true) { [order] in
                try await $0.replay(order)
            }
            result.queued += step.queued
            result.filtered += step.filtered
            result.refused += step.refused
        }
        Terminal.standard.write(
            "\(result.queued) queued, \(result.filtered) filtered, \(result.refused) refused.")
    }

    private func rows(_ log: any DeliveryLog) throws -> [DeliveryRow] {
        guard ids.isEmpty else { return try ids.flatMap { try rows(of: $0, log) } }
        var filter = selection.filter(limit: limit, now: WorldClock.system.now())
        filter.oldestFirst = true
        return try log.deliveries(filter)
    }

    private func rows(of id: String, _ log: any DeliveryLog) throws -> [DeliveryRow] {
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

    /// The selection and the mode in words, for the audit.
    private var words: String {
        let own = [
            ids.isEmpty ? nil : "\(ids.count) ids", asWas ? "as was" : nil,
            onlyChanged ? "only changed" : nil,
        ]
        return (own.compactMap { $0 } + selection.words).joined(separator: ", ")
    }
}

extension ReplayPlan {
    /// The plan as lines for a terminal, with a few of its deliveries.
    fileprivate func lines(sample: Int) -> [String] {
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
        for (why, count) in filtered.sorted(by: { $0.key < $1.key }) {
            lines.append("\(count) would be kept back again: \(why).")
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
