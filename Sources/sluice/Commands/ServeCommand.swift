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
            (20 s at most), exits 0. Reads the environment that the pipeline file names. Takes a \
            changed pipeline or blueprint by itself, or on SIGHUP; one that is wrong is refused whole.
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
            let file = try read(overrides)
            try await serve(file, logger) { [options, overrides] in
                try PipelineFile.read(options.configPath, overrides)
            }
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
            let read = { @Sendable [options, overrides] in
                try PipelineFile.read(options.configPath, overrides)
            }
            try await serve(try read(), logger, reading: read)
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

    private func serve(
        _ file: PipelineFile, _ logger: Logger,
        reading: @escaping @Sendable () throws -> PipelineFile
    ) async throws {
        let server = try Server(file, logger: logger)
        try await server.run(reading: reading) { address in
            Terminal.standard.writeError("Listening on http://\(address) · data in \(file.data)")
        }
    }
}

/// A logger for the libraries: warnings and worse, on standard error.
func makeLogger() -> Logger {
    var logger = Logger(label: "sluice") { _ in
        LineLogHandler(lines: .standardError, clock: .system)
    }
    logger.logLevel = .warning
    return logger
}

/// Runs the stand-in on a free port while `body` runs.
func withMockVero(
    _ vero: MockVero, listen: ListenAddress = .tcp(host: "127.0.0.1", port: 0), _ logger: Logger,
    _ body: @escaping @Sendable (ListenAddress) async throws -> Void
) async throws {
    try await whileListening(logger) { found in
        [
            .init(
                service: makeServer(
                    vero.router(), listen: listen, logger: logger, onListening: found))
        ]
    } body: { address in
        try await body(address)
    }
}

/// Runs services while `body` runs, which gets the address one of them really listens on.
///
/// The services go down in order, whatever way the work ends.
func whileListening(
    _ logger: Logger,
    services: (@escaping @Sendable (ListenAddress) async -> Void)
        -> [ServiceGroupConfiguration.ServiceConfiguration],
    body: @escaping @Sendable (ListenAddress) async throws -> Void
) async throws {
    let (addresses, found) = AsyncStream.makeStream(
        of: ListenAddress.self, bufferingPolicy: .bufferingNewest(1))
    let group = ServiceGroup(
        configuration: .init(services: services { found.yield($0) }, logger: logger))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            defer { found.finish() }
            try await group.run()
        }
        tasks.addTask {
            do {
                for await address in addresses {
                    try await body(address)
                    break
                }
                await group.triggerGracefulShutdown()
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
        }
        try await tasks.waitForAll()
    }
}
