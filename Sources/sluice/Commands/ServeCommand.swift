import ArgumentParser
import Events
import Ingest
import Logging

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

    @OptionGroup var standIn: StandInOptions

    func run() async throws {
        let logger = makeLogger()
        let overrides = PipelineFile.Overrides(
            environment: StoreOptions.environment, listen: listen, data: options.data)
        try await standIn.use(in: overrides, logger: logger) { [options] overrides in
            let reader = PipelineReader(path: options.configPath, overrides: overrides)
            let file: PipelineFile
            do {
                file = try reader.read()
            } catch {
                if let advice = standIn.advice(config: options.configPath) {
                    Terminal.standard.writeError(advice)
                }
                throw error
            }
            try await serve(file, logger, reading: reader)
        }
    }

    func validate() throws {
        if let listen, ListenAddress(listen) == nil {
            throw ValidationError("\"\(listen)\" is no address; write host:port.")
        }
    }

    private func serve(
        _ file: PipelineFile, _ logger: Logger,
        reading: PipelineReader
    ) async throws {
        let server = try Server(file, logger: logger)
        try await server.run(reading: reading) { address in
            Terminal.standard.writeError("Listening on http://\(address) · data in \(file.data)")
        }
    }
}
