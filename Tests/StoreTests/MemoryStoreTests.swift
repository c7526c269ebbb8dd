import Deliver
import Events
import Log
import SluiceTesting
import Store
import Testing

/// The rules over a second store: a promise that holds here too is no accident of SQL.
@Suite struct `A store in memory` {
    @Test(arguments: StoreContract.all)
    func keeps(contract: StoreContract) async throws {
        var setUp = try StoreSetUp()
        contract.setUp(&setUp)
        try await contract.check(try open(MemoryStore(), setUp, clock: ManualClock()))
    }
}

private func open(
    _ store: MemoryStore, _ setUp: StoreSetUp, clock: ManualClock
) throws -> StoreUnderTest {
    let news = Locked<[StoreNews]>([])
    let engine = try StoreEngine(
        store.session(), pipeline: setUp.pipeline, room: Room(setUp.room), clock: clock.world,
        options: setUp.options, faults: { _ in }
    ) { fresh in news.withLock { $0 += fresh } }
    return StoreUnderTest(
        engine: engine, log: store.log, clock: clock, news: { news.withLock { $0 } },
        reopen: { try open(store, $0, clock: clock) })
}
