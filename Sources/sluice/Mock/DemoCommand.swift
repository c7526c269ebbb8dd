import ArgumentParser
import Events
import FoundationEssentials
import Ingest
import JSON
import Log
import Logging
import ServiceLifecycle

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show the whole way on this machine, with a stand-in for Vero.",
        discussion: """
            Starts a server and the stand-in on free ports, with its data in a temporary folder; sends \
            the events of Fixtures/events and tells what became of each. Nothing leaves this machine.
            """)

    @Option(help: "The pipeline file.")
    var config = "pipeline.example.json"

    @Option(help: "The folder with the events.")
    var events = "Fixtures/events"

    /// The rule by which the stand-in refuses an event, as Vero refuses data it does not like.
    private static let refused = "400@SKU-REFUSED"
    /// The time in which every delivery must have ended, and between two looks.
    private static let patience: Duration = .seconds(30)
    private static let pause: Duration = .milliseconds(20)

    func run() async throws {
        let files = try eventFiles()
        let folder =
            FileManager.default.temporaryDirectory.path + "/sluice-demo-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let vero = try MockVero(rules: [Self.refused].compactMap { FaultRule($0) })
        let logger = makeLogger()
        let config = config
        let terminal = Terminal.standard
        try await withMockVero(vero, logger: logger) { veroAddress in
            var overrides = PipelineFile.Overrides(
                environment: StoreOptions.environment, listen: "127.0.0.1:0", data: folder,
                standIn: MockVero.standIn(at: veroAddress))
            overrides.environment["SLUICE_WRITE_KEY"] = "demo-key"
            overrides.environment["VERO_AUTH_TOKEN"] = "demo-token"
            let server = try Server(try PipelineFile.read(config, overrides), logger: logger)
            try await whileListening(logger: logger) {
                Server.together(server.services($0))
            } body: { address in
                terminal.write(
                    "Sluice listens on \(address); a stand-in takes Vero's place on \(veroAddress).\n"
                )
                let sent = try await Self.send(files, to: address)
                try await Self.waitUntilEnded(server.log)
                try Self.report(sent, from: server.log, and: vero)
            }
        }
    }

    /// Identify comes first, so that later events know the email; the rest by name.
    private func eventFiles() throws -> [(name: String, bytes: [UInt8])] {
        let names = try? FileManager.default.contentsOfDirectory(atPath: events)
        let files = (names ?? []).filter { $0.hasSuffix(".json") }
        guard !files.isEmpty else {
            throw Problem(
                code: "no_events", message: "There are no events in \(events).",
                hint: "Run it in Sluice's folder, or name a folder with --events.")
        }
        let (first, rest) = (
            files.filter { $0 == "identify.json" }, files.filter { $0 != "identify.json" }
        )
        return try (first + rest.sorted()).map { ($0, try readFile("\(events)/\($0)")) }
    }

    private static func send(
        _ files: [(name: String, bytes: [UInt8])], to address: ListenAddress
    ) async throws -> [(name: String, answer: Sender.Answer)] {
        let sender = Sender(server: "http://\(address)", key: "demo-key")
        defer { sender.close() }
        var sent: [(name: String, answer: Sender.Answer)] = []
        for file in files {
            sent.append((file.name, try await sender.send(file.bytes, name: file.name)))
        }
        return sent
    }

    private static func waitUntilEnded(_ log: any DeliveryLog) async throws {
        for _ in 0..<patience.milliseconds / pause.milliseconds {
            if try log.destinations().allSatisfy({ $0.waiting == 0 }) { return }
            try await Task.sleep(for: pause)
        }
        throw Problem(
            code: "demo",
            message: "The deliveries did not end in \(patience.milliseconds / 1000) s.",
            hint: "Try again on a machine that is less busy.")
    }

    private static func report(
        _ sent: [(name: String, answer: Sender.Answer)], from log: any DeliveryLog,
        and vero: MockVero
    ) throws {
        let terminal = Terminal.standard
        let now = WorldClock.system.now()
        var counts: [String: Int] = [:]
        for (name, answer) in sent {
            terminal.write(terminal.colour(name, .bold) + ": " + answer.sentence)
            guard let id = answer.id.flatMap({ EventID($0) }) else {
                throw Problem(
                    code: "demo", message: "The event \(name) was not accepted.",
                    hint: answer.sentence)
            }
            if answer.isRepeat { continue }
            for row in try log.deliveries(of: id) {
                terminal.write("  \(terminal.state(row.shownState)): \(row.sentence(at: now))")
                let refusal = try log.detail(row.id)?.attempts.last?.attempt.answer
                if row.state == .failed, let refusal { terminal.write("  Its answer: \(refusal)") }
                if let advice = row.advice { terminal.write("  What to do: \(advice)") }
                counts[row.shownState, default: 0] += 1
            }
        }
        let totals = counts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        terminal.write(
            "\nThe stand-in got \(vero.ledger.count) requests. The verdicts: \(totals.joined(separator: ", "))."
        )
    }
}
