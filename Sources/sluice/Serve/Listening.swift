import Ingest
import Logging
import ServiceLifecycle

/// A logger for the server and the libraries, on standard error.
///
/// The server says what operators have to know, and which pipeline it has taken.
func makeLogger() -> Logger {
    var logger = Logger(label: "sluice") { _ in
        LineLogHandler(lines: .standardError, clock: .system)
    }
    logger.logLevel = .notice
    return logger
}

/// Runs services while `body` runs, which gets the address one of them really listens on.
///
/// The services go down in order, whatever way the work ends.
func whileListening(
    logger: Logger,
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
