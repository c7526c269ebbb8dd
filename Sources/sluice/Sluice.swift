import ArgumentParser
import CMalloc
import Events
import JSON
import NIOCore

@main
struct Sluice: AsyncParsableCommand {
    /// The program's version; a command and a server have to have the same.
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "sluice",
        abstract: "Receives your events once and forwards them, mapped and with consent.",
        discussion: """
            First steps:
              sluice demo                      the whole way on this machine, with a stand-in for Vero
              export SLUICE_WRITE_KEY=try-me   the key events are sent with
              sluice serve --mock-vero --config pipeline.example.json
              sluice send Fixtures/events/product-viewed.json
              sluice why USER-OR-EVENT-OR-EMAIL
              sluice --generate-completion-script bash

            Exit codes: 0 done, 1 failed (or found something wrong), 2 wrong use of the command.
            """,
        version: "sluice \(version)",
        groupedSubcommands: [
            CommandGroup(
                name: "Run",
                subcommands: [
                    ServeCommand.self, DemoCommand.self, BenchCommand.self, MockCommand.self,
                ]),
            CommandGroup(
                name: "Send and read",
                subcommands: [
                    SendCommand.self, WhyCommand.self, DeliveriesCommand.self,
                    DeliveryCommand.self, RejectedCommand.self, ExplainCommand.self,
                    ReplayCommand.self,
                ]),
            CommandGroup(
                name: "People",
                subcommands: [
                    ConsentCommand.self, SuppressCommand.self, ForgetCommand.self,
                    ExportCommand.self,
                ]),
            CommandGroup(
                name: "Configure and operate",
                subcommands: [
                    CheckCommand.self, BlueprintCommand.self, SourceCommand.self,
                    DestinationCommand.self,
                    StatusCommand.self, StoreCommand.self,
                ]),
        ])

    /// ArgumentParser's code for wrong use is 64; ours is 2.
    static func main() async {
        keepMemory()
        NIOSingletons.groupLoopCountSuggestion = max(1, System.coreCount / 4)
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    /// Memory the allocator keeps for itself, in bytes: giving every page back at once and taking
    /// it again costs a third of the processor under load.
    private static let keptMemory: Int32 = 32 << 20

    private static func keepMemory() {
        #if canImport(Glibc)
        mallopt(M_TRIM_THRESHOLD, keptMemory)
        mallopt(M_MMAP_THRESHOLD, keptMemory)
        mallopt(M_TOP_PAD, keptMemory / 32)
        #endif
    }

    private static func end(with error: any Error) -> Never {
        switch error {
        case let problem as Problem:
            Terminal.standard.writeError("error: \(problem.message) \(problem.hint)")
            exit(withError: ExitCode.failure)
        case let faults as Diagnostics:
            for fault in faults.all { Terminal.standard.writeError("\(fault)") }
            exit(withError: ExitCode.failure)
        case let code as ExitCode: exit(withError: code)
        default:
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            Terminal.standard.writeError(fullMessage(for: error))
            exit(withError: ExitCode(2))
        }
    }
}
