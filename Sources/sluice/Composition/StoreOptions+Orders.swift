import Request
import Console
import CurlTransport
import Events
import Pipeline
import Store

extension StoreOptions {
    /// Gives an order: to the server that holds the data directory, else to the store itself.
    ///
    /// - Parameters:
    ///   - needsPipeline: true for an order that decides about events; without a server, the
    ///     pipeline file is read for it.
    ///   - order: called once, or twice when no server runs; the first call has no effect then.
    ///
    /// Not optimised: Swift 6.3.1 crashes when it specialises this for an order.
    @_optimize(none)
    func give<Answer>(
        needsPipeline: Bool = false, _ order: (any Operations) async throws -> Answer
    ) async throws -> Answer {
        let folder = DataFolder(try directory())
        let transport = CurlTransport()
        defer { transport.close() }
        let client = OperationsClient(
            transport: transport, socket: folder.socketPath, version: Sluice.version)
        do {
            return try await order(client)
        } catch is OperationsClient.NoServer {
            return try await giveToStore(in: folder, needsPipeline: needsPipeline, order)
        }
    }

    /// Opens the store that no server holds, and closes it after the order.
    ///
    /// Not optimised, as `give`.
    @_optimize(none)
    private func giveToStore<Answer>(
        in folder: DataFolder, needsPipeline: Bool,
        _ order: (any Operations) async throws -> Answer
    ) async throws -> Answer {
        // An order that does not need the file still reads the words of its rules by it.
        let file = needsPipeline ? try pipelineFile() : try? pipelineFile()
        let none = Pipeline(destinations: [])
        let lock = try folder.lock()
        var options = StoreEngine.Options()
        options.isServer = false
        let store = try folder.openStore(
            pipeline: needsPipeline ? file?.pipeline ?? none : none, options: options)
        defer {
            store.close()
            withExtendedLifetime(lock) {}
        }
        return try await order(
            LocalOperations(
                folder: folder, store: store, log: try folder.openLog(),
                pipeline: { (file?.pipeline ?? none, file?.webhooks ?? []) },
                clock: .system, isServing: false))
    }

    /// The pipeline file with all that it takes to decide about events.
    private func pipelineFile() throws -> PipelineFile {
        try PipelineFile.read(configPath, .init(environment: Self.environment, data: data))
    }
}
