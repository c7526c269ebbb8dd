import ArgumentParser
import Ingest
import Logging
import ServiceLifecycle

/// The options of the server by which a built-in stand-in takes a service's place.
struct StandInOptions: ParsableArguments {
    @Flag(
        name: .customLong("mock-vero"),
        help: "Send to a built-in stand-in for Vero instead of Vero; needs no token.")
    var mockVero = false

    @Option(help: "With --mock-vero: write a JSON line for each request the stand-in gets.")
    var ledger: String?

    /// The advice when a pipeline cannot be read; nil when the stand-in is used already.
    func advice(config: String) -> String? {
        mockVero
            ? nil : "To try it without an account: sluice serve --mock-vero --config \(config)"
    }

    /// Runs `body` with overrides that send to the stand-in; with the given ones without it.
    func use(
        in overrides: PipelineFile.Overrides, logger: Logger,
        _ body: @escaping @Sendable (PipelineFile.Overrides) async throws -> Void
    ) async throws {
        guard mockVero else {
            try await body(overrides)
            return
        }
        var overrides = overrides
        if overrides.environment["VERO_AUTH_TOKEN", default: ""].isEmpty {
            overrides.environment["VERO_AUTH_TOKEN"] = "stand-in"
        }
        try await withMockVero(try MockVero(ledger: ledger), logger: logger) {
            [overrides] address in
            var overrides = overrides
            overrides.standIn = MockVero.standIn(at: address)
            Terminal.standard.writeError(
                "Vero's place is taken by a stand-in at \(address): nothing goes to Vero.")
            try await body(overrides)
        }
    }
}

extension MockVero {
    /// The stand-in at an address, for the destinations whose blueprint speaks to Vero.
    static func standIn(at address: ListenAddress) -> PipelineFile.StandIn {
        PipelineFile.StandIn(blueprint: "vero", url: "http://\(address)/api/v2")
    }
}

/// Runs the stand-in on a free port while `body` runs.
func withMockVero(
    _ vero: MockVero, listen: ListenAddress = .tcp(host: "127.0.0.1", port: 0), logger: Logger,
    _ body: @escaping @Sendable (ListenAddress) async throws -> Void
) async throws {
    try await whileListening(logger: logger) { found in
        [
            .init(
                service: makeServer(
                    vero.router(), listen: listen, logger: logger, onListening: found))
        ]
    } body: { address in
        try await body(address)
    }
}
