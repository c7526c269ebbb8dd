import Request
import Accept
import Console
import CurlTransport
import Deliver
import Events
import Hummingbird
import Ingest
import Log
import Logging
import Pipeline
import Store
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The running program: store, transport, deliverer and the two HTTP servers, put together.
struct Server: Sendable {
    /// The time that exchanges under way get when the program is stopped.
    static let gracePeriod: Duration = .seconds(20)

    let folder: DataFolder
    let store: StoreEngine
    let log: any DeliveryLog
    let transport: CurlTransport
    let deliverer: Deliverer
    let live: Live
    private let lock: DataFolder.Lock
    private let senders: Senders
    private let intake: Intake
    /// The pipeline file as it was at the start: the addresses and the data directory stay.
    private let file: PipelineFile
    private let clock: WorldClock
    private let logger: Logger

    /// Opens everything and starts delivering; nothing listens yet.
    init(
        _ file: PipelineFile, schedule: Schedule = Schedule(), clock: WorldClock = .system,
        logger: Logger
    ) throws {
        self.file = file
        live = Live(file)
        senders = Senders(file.sources, file.webhooks)
        self.clock = clock
        self.logger = logger
        folder = DataFolder(file.data)
        try folder.checkLength()
        lock = try folder.lock()
        transport = CurlTransport()
        let pipeline = file.pipeline
        let limits = file.limits
        let room = Room(limits.mapValues(\.inMemory))
        let note = folder.workNote()
        var options = TransportOptions()
        options.allowedNetworks = file.allowedNetworks
        let live = live
        let alerts = Alerts(
            url: file.alertsURL, host: { live.now.pipeline[$0]?.host }, options: options,
            transport: transport, logger: logger)
        let deliverer = Deliverer(
            transport: TokenKeeper(transport, clock: clock), turns: transport, builders: live,
            room: room,
            clock: clock,
            alerts: { alerts($0) }, mark: note.mark)
        self.deliverer = deliverer
        let data = file.data
        var storeOptions = StoreEngine.Options()
        storeOptions.limits = file.storeLimits
        storeOptions.schedule = schedule
        storeOptions.crashedOn = note.found
        if storeOptions.limits.reserve == StoreLimits.standardReserve {
            // Never more than a tenth of a small disk.
            let tenth = diskBytes(at: data).map { $0 / 10 } ?? .max
            storeOptions.limits.reserve = min(storeOptions.limits.reserve, tenth)
        }
        storeOptions.freeSpace = { freeBytes(at: data) }
        store = try folder.openStore(
            pipeline: pipeline, room: room, clock: clock, options: storeOptions,
            faults: { Self.report($0, to: logger, and: alerts, at: clock.now()) }
        ) { deliverer.tell($0) }
        log = try folder.openLog()
        let refusals = Refusals(
            store: store, clock: clock, last: Self.lastRefusals(try log.refusals())
        ) { alerts(Alert(of: $0)) }
        intake = Intake(
            acceptor: Acceptor(), senders: senders, store: store, refusals: refusals,
            clock: clock)
        let machine = DeliveryMachine(
            limits: limits, known: store.known, schedule: schedule, now: clock.moment,
            jitter: Jitter(seed: Chance.seed()))
        deliverer.start(machine, store: store)
        tell(file)
    }

    /// The moment at which a call of each kind was last refused.
    private static func lastRefusals(_ rows: [RefusalRow]) -> [Refusals.Kind: Timestamp] {
        Dictionary(
            rows.map { (Refusals.Kind(source: $0.source, code: $0.code), $0.lastAt) },
            uniquingKeysWith: { max($0, $1) })
    }

    /// Says which pipeline runs from here on, and how destinations stand whose deliveries wait.
    private func tell(_ file: PipelineFile) {
        let pipeline = file.pipeline
        logger.notice(
            """
            Pipeline \(pipeline.revision) is taken; sources: \(pipeline.sources.count), \
            destinations: \(pipeline.destinations.count).
            """)
        let rows = (try? log.destinations()) ?? []
        for row in rows where row.isWorthTelling {
            let advice = row.advice.map { " \($0)" } ?? ""
            logger.notice("\(printable(row.sentence(at: now) + advice))")
        }
    }

    /// Says what the store cannot do; ends the program when the store cannot be trusted any more.
    ///
    /// After a failed fsync it is unknown what is on disk.
    private static func report(
        _ fault: StoreFault, to logger: Logger, and alerts: Alerts, at now: Timestamp
    ) {
        switch fault {
        case .pressed(let pressure):
            let problem = pressure.problem
            alerts(
                Alert(
                    kind: .storePressed, destination: nil, at: now, hint: problem.message,
                    fix: problem.hint, delivery: nil))
        case .passing(let text): logger.error("The store cannot be written now: \(text)")
        case .single(let text): logger.error("Something could not be stored: \(text)")
        case .fatal(let text):
            // Written here and now: the program ends before the log's thread gets to it.
            Terminal.standard.writeError(
                "The store cannot be trusted any more, stopping: \(printable(text))")
            exit(storeFailureCode)
        }
    }

    /// The exit code when the disk or the file failed (EX_IOERR).
    static let storeFailureCode: Int32 = 74

    var now: Timestamp { clock.now() }

    /// Goes on with another pipeline: decisions, requests, limits and keys, each as a whole.
    func replace(_ next: PipelineFile) async throws {
        if next.listen != file.listen || next.data != file.data {
            logger.warning("\"listen\" and \"data\" change only when the server is started again.")
        }
        let known = try await store.replace(next.pipeline)
        live.replace(next)
        senders.replace(next.sources, next.webhooks)
        deliverer.change(next.limits, known: known)
        tell(next)
    }

    /// Listens until the program is told to stop; then ends in order and returns.
    ///
    /// - Parameters:
    ///   - reading: reads the pipeline again when it has changed; nil leaves it as it is.
    ///   - onListening: gets the address the ingest API really listens on.
    func run(
        signals: [UnixSignal] = [.sigterm, .sigint],
        reading: PipelineReader? = nil,
        onListening: @escaping @Sendable (ListenAddress) async -> Void
    ) async throws {
        let reloaders = reading.map { [Reloader(server: self, reader: $0, logger: logger)] } ?? []
        let group = ServiceGroup(
            configuration: .init(
                services: Self.together(services(onListening) + reloaders),
                gracefulShutdownSignals: signals,
                logger: logger))
        try await group.run()
    }

    /// Services of which one that fails takes the others down in order, not all at once.
    static func together(
        _ services: [any Service]
    ) -> [ServiceGroupConfiguration.ServiceConfiguration] {
        services.map {
            .init(service: $0, failureTerminationBehavior: .gracefullyShutdownGroup)
        }
    }

    /// The services in the order they start; they are stopped in reverse, each one awaited.
    func services(
        _ onListening: @escaping @Sendable (ListenAddress) async -> Void
    ) -> [any Service] {
        let store = store
        let transport = transport
        let deliverer = deliverer
        let pages = file.metrics.map { address in
            makeServer(
                MetricsRoutes(store: store, log: log, clock: clock, data: file.data).router(),
                listen: address, logger: logger) as any Service
        }
        return [
            Closing { store.close() },
            Closing { transport.close() },
            Closing {
                _ = deliverer.drain(atMost: Self.gracePeriod)
                store.flush()
                deliverer.stop()
            },
            makeServer(
                OperatorAPI(operations: operations, version: Sluice.version).router(),
                listen: .unix(path: folder.socketPath), logger: logger),
            makeIngestServer(
                ingestRouter(), intake: intake, listen: file.listen, logger: logger,
                onListening: onListening),
        ] + [pages].compactMap { $0 }
    }

    /// The orders of operators, carried out in this server.
    private var operations: LocalOperations {
        let live = live
        return LocalOperations(
            folder: folder, store: store, log: log,
            pipeline: { (live.now.pipeline, live.now.webhooks) }, clock: clock, isServing: true)
    }

    private func ingestRouter() -> Router<BasicRequestContext> {
        let router = Router(options: .autoGenerateHeadEndpoints)
        let store = store
        IngestRoutes(
            intake: intake, log: log,
            isReady: {
                if let pressure = store.pressure { return pressure.problem }
                return store.lastFailure.map { _ in
                    Problem(
                        code: "store_unavailable", message: "The store cannot be written now.",
                        hint: "Free disk space, or see what else holds the file.")
                }
            }
        ).add(to: router)
        return router
    }
}

/// A service that waits for the program to stop and then closes something.
private struct Closing: Service {
    let close: @Sendable () -> Void

    func run() async throws {
        try? await gracefulShutdown()
        await blocking(close)
    }
}
