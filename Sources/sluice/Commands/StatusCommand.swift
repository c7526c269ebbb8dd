import ArgumentParser
import Events
import JSON
import Log

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "How each source and destination stands; exits 1 when one is held or refuses all."
    )

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let report = try StatusReport(from: try options.log())
        if output.json {
            Terminal.standard.write(json: JSONWriter.make { report.appendJSON(to: &$0) })
        } else {
            show(report.sources)
            if !report.sources.isEmpty { Terminal.standard.write() }
            show(report.destinations)
            if let fault = report.reloadFault {
                Terminal.standard.write(
                    "\nThe changed pipeline was not taken; the last good one runs:\n\(fault)")
            }
        }
        if report.needsOperator { throw ExitCode.failure }
    }
}

/// Shows the sources and how they stand, as a table.
func show(_ rows: [SourceRow]) {
    if rows.isEmpty { return }
    let terminal = Terminal.standard
    terminal.table(
        ["SOURCE", "KIND", "STATE", "LAST EVENT"],
        rows.map { row in
            [
                row.name, row.kind, row.offReason.map { "off: \($0)" } ?? "on",
                row.lastEvent?.iso8601 ?? "–",
            ]
        })
}

/// Shows the destinations and how they stand, as a table, and what to do about held ones.
func show(_ rows: [DestinationRow]) {
    let terminal = Terminal.standard
    terminal.table(
        ["DESTINATION", "STATE", "WAITING", "OLDEST", "LAST 2XX", "LAST ERROR"],
        rows.map { row in
            [
                row.name, terminal.state(row.state), "\(row.waiting)",
                row.oldestWaiting?.iso8601 ?? "–", row.lastDelivered?.iso8601 ?? "–",
                row.lastError.map { "\(row.lastErrorAt?.iso8601 ?? "") \(printable($0))" } ?? "–",
            ]
        })
    for row in rows {
        guard let hold = row.hold else { continue }
        terminal.write("\n\(row.name) is held since \(hold.since.iso8601): \(printable(hold.hint))")
        terminal.write("What to do: \(hold.fix) Then: sluice destination release \(row.name)")
        if !hold.delivery.isEmpty { terminal.write("An example: sluice why \(hold.delivery)") }
    }
    for row in rows {
        guard let until = row.restingUntil else { continue }
        terminal.write(
            "\n\(row.name) did not answer and rests; it is tried again at \(until.iso8601).")
    }
    for row in rows {
        guard let until = row.pausingUntil else { continue }
        terminal.write(
            "\n\(row.name) asked for a pause; it is sent to again from \(until.iso8601) on.")
    }
    for row in rows where row.isRefusing {
        terminal.write(
            "\n\(row.name) has refused \(row.refusedInARow) deliveries in a row, and taken none "
                + "since. See why: sluice deliveries --state failed --destination \(row.name)")
    }
}
