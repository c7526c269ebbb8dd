import Accept
import Deliver
import Events
import Log
import SluiceTesting
import Testing

@testable import Store

@Suite struct `Refused calls on their way into the store` {
    private let memory = MemoryStore()
    private let clock = ManualClock()
    private let writer: StoreWriter

    init() throws {
        writer = try StoreWriter(
            memory.session(), pipeline: try StoreSetUp().pipeline, room: Room(),
            clock: clock.world, isServer: false)
    }

    private func call(_ code: String = "unknown_key") -> RefusedCall {
        RefusedCall(source: nil, code: code, at: clock.now, path: "/v1/track")
    }

    private var counts: [Int] {
        get throws { try memory.log.refusals().map(\.count) }
    }

    @Test func `are written at most once a second, however many come`() throws {
        for _ in 1...50 {
            for _ in 1...20 { writer.refused.note(call()) }
            try writer.transaction {}
            clock.advance(by: .milliseconds(10))
        }
        #expect(try counts == [20], "those of the first transaction")
        #expect(writer.hasUnsaved)
        clock.advance(by: .milliseconds(500))
        try writer.transaction {}
        #expect(try counts == [1_000])
        #expect(!writer.hasUnsaved)
    }

    @Test func `are written at once when nothing else comes`() throws {
        writer.refused.note(call())
        try writer.transaction {}
        writer.refused.note(call())
        try writer.transaction(isLast: true) {}
        #expect(try counts == [2])
    }

    @Test func `are counted once when a transaction has to be repeated`() throws {
        writer.refused.note(call())
        memory.faults.withLock { $0[.commit] = (.passing("the disk is full"), 1) }
        #expect(throws: (any Error).self) { try writer.transaction {} }
        #expect(try counts == [])
        writer.refused.note(call())
        clock.advance(by: .seconds(1))
        try writer.transaction {}
        #expect(try counts == [2])
    }

    @Test func `are of no more kinds than there is room for`() throws {
        for number in 0..<(2 * RefusedCalls.kindsLimit) { writer.refused.note(call("c\(number)")) }
        try writer.transaction {}
        #expect(try counts.count == RefusedCalls.kindsLimit)
    }
}
