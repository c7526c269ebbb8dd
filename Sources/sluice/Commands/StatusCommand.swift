import ArgumentParser
import Events
import JSON
import Log
import Pipeline

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "How sources, destinations and the pipeline stand, and what was refused.",
        discussion: """
            Exits 1 when somebody has to look: a destination is held or refuses everything, calls \
            were refused in the last hour, no events are taken, or a changed pipeline was refused.
            """)

    @OptionGroup var options: StoreOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let now = WorldClock.system.now()
        let report = try StatusReport(from: try options.log(), at: now)
        if output.json {
            Terminal.standard.write(json: JSONWriter.make { report.appendJSON(to: &$0) })
        } else {
            show(report)
        }
        if report.needsOperator { throw ExitCode.failure }
    }

    private func show(_ report: StatusReport) {
        let terminal = Terminal.standard
        if let pressure = report.server.pressureSentence {
            terminal.write(terminal.colour(printable(pressure), .red) + "\n")
        }
        sluice.show(report.sources)
        if !report.sources.isEmpty { terminal.write() }
        sluice.show(report.destinations, at: report.at)
        for row in report.refusals {
            let colour: Terminal.Colour = row.isFresh(at: report.at) ? .red : .faint
            terminal.write("\n" + terminal.colour(printable(row.sentence), colour))
            terminal.write(printable(row.lastCall))
            terminal.write("What to do: \(row.advice)")
        }
        if let running = report.server.runningSentence { terminal.write("\n\(running)") }
        if let refused = report.server.refusedSentence {
            terminal.write(terminal.colour(refused, .red))
            terminal.write(printable(report.server.refused?.fault ?? "", lines: true))
        }
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

/// Shows the destinations as a table, and how those stand that do not let everything go.
func show(_ rows: [DestinationRow], at now: Timestamp) {
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
    for row in rows where row.isWorthTelling {
        terminal.write("\n" + printable(row.sentence(at: now)))
        if let advice = row.advice { terminal.write("What to do: \(printable(advice))") }
        if let delivery = row.hold?.delivery, !delivery.isEmpty {
            terminal.write("An example: sluice why \(delivery)")
        }
    }
}
