import ArgumentParser
import Events
import FoundationEssentials
import Glibc
import JSON

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure this machine: events taken and delivered a second, latencies, stages.",
        discussion: """
            Starts a server with a fresh store, a load and a receiver, all on loopback; nothing leaves \
            this machine. Load and receiver share the processors with the server. Every figure is the \
            median of the rounds. Measure a release build: swift build -c release.
            """)

    /// The parts that can be measured.
    enum Part: String, CaseIterable, ExpressibleByArgument {
        /// Taken, delivered and logged, as fast as it goes.
        case through
        /// Taken only, the destination held.
        case ingest
        /// The release of what waited.
        case delivery
        /// At a steady rate.
        case latency
        /// Each stage alone.
        case stages
    }

    @Option(help: "Seconds of each measurement.")
    var seconds = 3.0

    @Option(help: "Measurements of each kind; the median counts.")
    var rounds = 3

    @Option(help: "Only this part (through, ingest, delivery, latency, stages); may be repeated.")
    var only: [Part] = []

    @Option(help: "The blueprint of the destination.")
    var blueprint = "Blueprints/vero.json"

    @Option(help: "The event the stages are measured with.")
    var event = "Fixtures/events/product-viewed.json"

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (0.1...600).contains(seconds), (1...99).contains(rounds) else {
            throw ValidationError("--seconds goes from 0.1 to 600, --rounds from 1 to 99.")
        }
    }

    func run() async throws {
        let folder =
            FileManager.default.temporaryDirectory.path
            + "/sluice-bench-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let receiver = try BenchReceiver()
        defer { receiver.stop() }
        let path =
            blueprint.hasPrefix("/")
            ? blueprint : FileManager.default.currentDirectoryPath + "/" + blueprint
        _ = try readFile(path)
        let asked = only.isEmpty ? Part.allCases : only
        // Ingest and delivery are one: what was taken is what is delivered.
        let parts = asked.filter { $0 != .delivery || !asked.contains(.ingest) }
        var report = BenchReport(seconds: seconds, rounds: rounds)
        let runs = BenchRuns(
            folder: folder, blueprint: path, receiver: receiver, seconds: seconds)
        for part in parts {
            for round in 1...rounds {
                if !output.json {
                    Terminal.standard.writeError("\(part.rawValue), round \(round) of \(rounds)…")
                }
                switch part {
                case .through: try await runs.through(&report)
                case .ingest, .delivery: try await runs.held(&report)
                case .latency: try await runs.latency(&report)
                case .stages: try await runs.stages(try readFile(event), &report)
                }
            }
        }
        if output.json { Terminal.standard.write(json: report.json) } else { report.show() }
    }
}
