import ArgumentParser
import Events
import FoundationEssentials
import JSON
import Log

/// The options that name the pipeline and the data; the same for every command.
struct StoreOptions: ParsableArguments {
    @Option(help: "The pipeline file (default: pipeline.json).")
    var config: String?

    var configPath: String { config ?? "pipeline.json" }

    @Option(help: "The data directory (default: the pipeline file's \"data\", else ./sluice-data).")
    var data: String?

    static var environment: [String: String] { ProcessInfo.processInfo.environment }

    /// The data directory; of the pipeline file only this is read, because reading the log
    /// needs no credentials.
    ///
    /// A file that was named has to be there.
    func directory() throws -> String {
        if let data { return data }
        do {
            let file = try ConfigurationFile(name: configPath, bytes: try readFile(configPath))
            if let value = file.root["data"],
                let text = Variables(environment: Self.environment).expand(value, "\"data\"")
            {
                return resolve(text, in: folder(of: configPath))
            }
            try file.throwFaults()
        } catch {
            if config != nil { throw error }
        }
        return Self.environment["SLUICE_DATA"] ?? "./sluice-data"
    }

    /// The log of that directory, for reading.
    func log() throws -> any DeliveryLog { try DataFolder(directory()).openLog() }
}

/// The option for the form in which a command that reads prints.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON, for programs.")
    var json = false
}

/// Keeps the number of lines within what a person reads and a file answers at once.
func checkLimit(_ limit: Int) throws {
    guard (1...10_000).contains(limit) else {
        throw ValidationError("--limit must be between 1 and 10000.")
    }
}

/// A span of time such as `90s`, `10m`, `24h`, `7d`, as people write it.
struct Span: ExpressibleByArgument {
    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }),
            let count = Int64(argument.dropLast()),
            (0...36_500 * 86_400).contains(count)
        else { return nil }
        duration = .seconds(count * unit)
    }

    var defaultValueDescription: String { "\(duration.milliseconds / 3_600_000)h" }
}
