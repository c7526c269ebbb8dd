import ArgumentParser
import Events
import Ingest
import Logging
import ServiceLifecycle

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Run the server: take events in, deliver them, keep the log.",
        discussion: """
            Ends in order on SIGTERM or Ctrl-C: takes no more events, finishes what is in flight \
            (20 s at most), exits 0. Reads the environment that the pipeline file names.
            """)

    @OptionGroup var options: StoreOptions

    @Option(help: "Listen here instead of where the pipeline file says.")
    var listen: String?

    @Flag(
        name: .customLong("mock-vero"),
        help: "Send to a built-in stand-in for Vero instead of Vero; needs no token.")
    var mockVero = false

    @Option(help: "With --mock-vero: write a JSON line for each request the stand-in gets.")
    var ledger: String?

    func run() async throws {
        var overrides = PipelineFile.Overrides(
            environment: StoreOptions.environment, listen: listen, data: options.data)
        let logger = makeLogger()
        guard mockVero else {
            try await serve(try read(overrides), logger)
            return
        }
        if overrides.environment["VERO_AUTH_TOKEN", default: ""].isEmpty {
            overrides.environment["VERO_AUTH_TOKEN"] = "stand-in"
        }
        try await withMockVero(try MockVero(ledger: ledger), logger) { [overrides] address in
            var overrides = overrides
            overrides.standIn = "http://\(address)/api/v2"
            Terminal.standard.writeError(
                "Vero's place is taken by a stand-in at \(address): nothing goes to Vero.")
            try await serve(try PipelineFile.read(options.configPath, overrides), logger)
        }
    }

    func validate() throws {
        if let listen, ListenAddress(listen) == nil {
            throw ValidationError("\"\(listen)\" is no address; write host:port.")
        }
    }

    private func read(_ overrides: PipelineFile.Overrides) throws -> PipelineFile {
        do {
            return try PipelineFile.read(options.configPath, overrides)
        } catch {
            Terminal.standard.writeError(
                "To try it without an account: sluice serve --mock-vero --config \(options.configPath)"
            )
            throw error
        }
    }

    private func serve(_ file: PipelineFile, _ logger: Logger) async throws {
        let server = try Server(file, logger: logger)
        try await server.run { address in
            Terminal.standard.writeError("Listening on http://\(address) · data in \(file.data)")
        }
    }
}

/// A logger for the libraries: warnings and worse, on standard error.
func makeLogger() -> Logger {
    var logger = Logger(label: "sluice") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = .warning
    return logger
}

/// Runs the stand-in on a free port while `body` runs.
func withMockVero(
    _ vero: MockVero, listen: ListenAddress = .tcp(host: "127.0.0.1", port: 0), _ logger: Logger,
    _ body: @escaping @Sendable (ListenAddress) async throws -> Void
) async throws {
    let (addresses, found) = AsyncStream.makeStream(
        of: ListenAddress.self, bufferingPolicy: .bufferingNewest(1))
    let server = makeServer(vero.router(), listen: listen, logger: logger) { found.yield($0) }
    let group = ServiceGroup(configuration: .init(services: [server], logger: logger))
    try await whileRunning(group, ending: { found.finish() }) {
        for await address in addresses { return try await body(address) }
    }
}

/// Runs `body` beside a service group, which goes down whatever way the work ends.
///
/// - Parameter ending: called when the group has ended, for whoever still waits for it.
func whileRunning(
    _ group: ServiceGroup, ending: @escaping @Sendable () -> Void,
    _ body: @escaping @Sendable () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer { ending() }
            try await group.run()
        }
        tasks.addTask {
            do {
                try await body()
                await group.triggerGracefulShutdown()
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
        }
        try await tasks.waitForAll()
    }
}
