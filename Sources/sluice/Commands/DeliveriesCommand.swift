import ArgumentParser
import Events
import JSON
import Log

struct DeliveriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deliveries",
        abstract: "List deliveries, newest first.",
        discussion: "Each line is one event at one destination. Look closer with: sluice why ID")

    @OptionGroup var selection: FilterOptions

    @Option(help: "How many lines at the most.")
    var limit = 50

    @Flag(help: "Go on and print new ones as they come (Ctrl-C ends).")
    var follow = false

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func validate() throws { try checkLimit(limit) }

    func run() async throws {
        let log = try options.log()
        var filter = selection.filter(limit: limit, now: WorldClock.system.now())
        var rows = try log.deliveries(filter)
        show(rows)
        guard follow else {
            if rows.count == limit {
                Terminal.standard.writeError("These are the newest \(limit); --limit shows more.")
            }
            return
        }
        filter.limit = 1_000
        filter.oldestFirst = true
        filter.after = rows.first?.id.event
        while true {
            // Following is looking again; the log has no other way to tell a reader.
            try await Task.sleep(for: .milliseconds(500))
            rows = try log.deliveries(filter)
            filter.after = rows.last?.id.event ?? filter.after
            if !rows.isEmpty { show(rows, header: false) }
        }
    }

    private func show(_ rows: [DeliveryRow], header: Bool = true) {
        let terminal = Terminal.standard
        if output.json {
            let now = WorldClock.system.now()
            for row in rows {
                terminal.write(json: JSONWriter.make { row.appendJSON(to: &$0, at: now) })
            }
            return
        }
        if rows.isEmpty, header, !follow {
            terminal.writeError("No deliveries match in this time. --since 7d looks further back.")
            return
        }
        let cells = rows.map { row in
            [
                row.receivedAt.iso8601, row.id.text, printable(row.eventName),
                printable(row.userID ?? row.email ?? "–"), terminal.state(row.shownState),
                row.reason?.rawValue ?? "", row.status.map { String($0) } ?? "",
                "\(row.attempt)", printable(row.detail ?? ""),
            ]
        }
        terminal.table(header ? Self.columns : nil, cells)
    }

    private static let columns = [
        "RECEIVED", "DELIVERY", "EVENT", "USER", "STATE", "REASON", "STATUS", "TRIES", "DETAIL",
    ]
}

/// The options that select deliveries.
struct FilterOptions: ParsableArguments {
    @Option(help: "Only this state: \(StateChoice.words.joined(separator: ", ")).")
    var state: StateChoice?

    @Option(help: "Only this reason, such as consent or anonymous.")
    var reason: Reason?

    @Option(help: "Only this destination.")
    var destination: String?

    @Option(help: "Only events of this name.")
    var event: String?

    @Option(help: "Only this user id or email.")
    var user: String?

    @Option(help: "Only this HTTP status, or a class such as 4xx.")
    var status: StatusRange?

    @Option(help: "How far to look back, such as 10m, 24h, 7d.")
    var since = Span(.hours(24))

    func filter(limit: Int, now: Timestamp) -> DeliveryFilter {
        var filter = DeliveryFilter(since: now - since.duration, limit: limit)
        filter.state = state?.state
        filter.isHeld = state?.isHeld ?? false
        filter.reason = reason
        filter.destination = destination
        filter.eventName = event
        filter.user = user
        filter.status = status?.range
        return filter
    }

    /// The selection in words, without the person: it is kept in the audit.
    var words: [String] {
        [
            state.map { "state \($0.state?.rawValue ?? "held")" },
            reason.map { "reason \($0.rawValue)" }, destination.map { "destination \($0)" },
            event.map { "event \($0)" }, user.map { _ in "one user" },
            status.map { "status \($0.range.lowerBound)" },
        ].compactMap { $0 }
    }
}

/// An HTTP status such as `404`, or a class such as `4xx`.
struct StatusRange: ExpressibleByArgument {
    let range: ClosedRange<Int>

    init?(argument: String) {
        if let status = Int(argument), (100...599).contains(status) {
            range = status...status
        } else if argument.lowercased().hasSuffix("xx"), let digit = Int(argument.prefix(1)),
            (1...5).contains(digit), argument.count == 3
        {
            range = digit * 100...digit * 100 + 99
        } else {
            return nil
        }
    }
}

/// A state as people see it: `held` too.
struct StateChoice: ExpressibleByArgument {
    static let words = DeliveryState.allCases.map(\.rawValue) + ["held"]
    let state: DeliveryState?
    var isHeld: Bool { state == nil }

    init?(argument: String) {
        state = DeliveryState(rawValue: argument)
        guard Self.words.contains(argument) else { return nil }
    }
}

extension Reason: ExpressibleByArgument {}

struct RejectedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rejected",
        abstract: "List events that could not be used, newest first, with what to do.")

    @Option(help: "How many at the most.")
    var limit = 20

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func validate() throws { try checkLimit(limit) }

    func run() throws {
        let rows = try options.log().rejected(limit: limit)
        let terminal = Terminal.standard
        if output.json {
            for row in rows { terminal.write(json: JSONWriter.make { row.appendJSON(to: &$0) }) }
            return
        }
        if rows.isEmpty { terminal.writeError("No event was rejected.") }
        for row in rows {
            terminal.write(
                "\(row.receivedAt.iso8601) from \"\(row.source)\": \(terminal.colour(row.problem.code, .red)) (number \(row.number))"
            )
            terminal.write("  \(printable(row.problem.message)) \(row.problem.hint)")
            terminal.write("  \(printable(String(decoding: row.body.prefix(200), as: UTF8.self)))")
            if !row.removed.isEmpty {
                let paths = row.removed.joined(separator: ", ")
                terminal.write("  Never stored, so removed or masked: \(printable(paths))")
            }
        }
    }
}
