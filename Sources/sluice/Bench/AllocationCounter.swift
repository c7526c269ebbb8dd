import Glibc

/// The count of allocations of this process, for measurements.
///
/// There is a count only when the library that `.ci/allocations` builds is preloaded.
struct AllocationCounter {
    private let read: @convention(c) () -> UInt64

    /// Nil when nothing counts.
    init?() {
        // The null handle stands for everything that is loaded.
        guard let symbol = dlsym(nil, "counted_allocations") else { return nil }
        read = unsafeBitCast(symbol, to: (@convention(c) () -> UInt64).self)
    }

    /// Allocations since the process began, of all its threads.
    var count: UInt64 { read() }
}

/// The cost of one run of a stage.
struct StageCost {
    let microseconds: Double
    /// Nil when nothing counts them.
    let allocations: Double?
}

/// A clock and a counter over many runs of a stage; only the time between `begin` and `end` counts.
struct StageMeter {
    private let counter = AllocationCounter()
    private var begun: (nanoseconds: UInt64, allocations: UInt64) = (0, 0)
    /// The time that was measured so far.
    private(set) var nanoseconds: UInt64 = 0
    private var allocations: UInt64 = 0

    mutating func begin() { begun = (benchClock(), counter?.count ?? 0) }

    mutating func end() {
        nanoseconds += benchClock() - begun.nanoseconds
        allocations += (counter?.count ?? 0) - begun.allocations
    }

    /// The mean cost of a run.
    func cost(ofEach runs: Int) -> StageCost {
        StageCost(
            microseconds: Double(nanoseconds) / 1000 / Double(runs),
            allocations: counter.map { _ in Double(allocations) / Double(runs) })
    }
}
