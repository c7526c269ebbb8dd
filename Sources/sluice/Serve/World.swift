import Events

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

extension WorldClock {
    /// The machine's own clocks; the only place that reads them.
    static let system = WorldClock(
        now: { read(CLOCK_REALTIME) }, steady: { read(steadyClock) })

    #if canImport(Glibc)
    private static let steadyClock = CLOCK_BOOTTIME
    #else
    // It goes on while the machine sleeps, as Linux's CLOCK_BOOTTIME does.
    private static let steadyClock = CLOCK_MONOTONIC
    #endif

    private static func read(_ clock: clockid_t) -> Timestamp {
        var moment = timespec()
        clock_gettime(clock, &moment)
        return Timestamp(
            milliseconds: Int64(moment.tv_sec) * 1000 + Int64(moment.tv_nsec) / 1_000_000)
    }
}

/// Bytes that an unprivileged program may still write where `path` lies; nil when that cannot be
/// found out.
@Sendable func freeBytes(at path: String) -> Int64? {
    var found = statvfs()
    guard statvfs(path, &found) == 0 else { return nil }
    return Int64(clamping: UInt64(found.f_bavail) &* UInt64(found.f_frsize))
}

/// Bytes of the whole disk where `path` lies.
func diskBytes(at path: String) -> Int64? {
    var found = statvfs()
    guard statvfs(path, &found) == 0 else { return nil }
    return Int64(clamping: UInt64(found.f_blocks) &* UInt64(found.f_frsize))
}

/// Bytes of a file; nil when there is none.
func fileBytes(at path: String) -> Int64? {
    var found = stat()
    return stat(path, &found) == 0 ? Int64(found.st_size) : nil
}

/// Randomness of the running program; the only place that draws it.
enum Chance {
    static func seed() -> UInt64 { UInt64.random(in: .min ... .max) }

    static func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max) }
    }
}

/// Runs work that blocks on a thread of its own, so that no shared thread waits for it.
func blocking(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
        _ = WorkerThread {
            body()
            continuation.resume()
        }
    }
}
