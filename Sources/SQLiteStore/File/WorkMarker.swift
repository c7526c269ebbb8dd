package import Events

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Says which delivery's request is being built, in a small file that outlives the program.
///
/// An event whose mapping ends the program would do so again at every start; after a crash the
/// mark tells which one it was.
package final class WorkMarker: Sendable {
    private static let size = 128
    private let memory: Locked<UnsafeMutableRawPointer?>

    /// The delivery that was at work when the program last ended; nil when none was.
    package let found: DeliveryID?

    /// Opens the mark in `directory`; without it, such as on a full disk, nothing is marked.
    package init(directory: String) {
        let memory = Locked(Self.map(directory + "/working"))
        found = memory.withLock { memory in
            guard let memory else { return nil }
            defer { Self.write(nil, memory) }
            return Self.read(memory)
        }
        self.memory = memory
    }

    private static func map(_ path: String) -> UnsafeMutableRawPointer? {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard posix_fallocate(descriptor, 0, off_t(size)) == 0 else { return nil }
        let mapped = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        return mapped == MAP_FAILED ? nil : mapped
    }

    deinit { memory.withLock { if let memory = $0 { munmap(memory, Self.size) } } }

    package func mark(_ delivery: DeliveryID?) {
        memory.withLock { if let memory = $0 { Self.write(delivery, memory) } }
    }

    /// The event's number, the length of the name, the name.
    private static func write(_ delivery: DeliveryID?, _ memory: UnsafeMutableRawPointer) {
        memory.storeBytes(of: 0, as: Int64.self)
        guard let delivery else { return }
        var name = delivery.destination
        name.withUTF8 { name in
            let count = min(name.count, size - 16)
            memory.storeBytes(of: Int64(count), toByteOffset: 8, as: Int64.self)
            guard let start = name.baseAddress else { return }
            memory.advanced(by: 16).copyMemory(from: start, byteCount: count)
        }
        memory.storeBytes(of: delivery.event.number, as: Int64.self)
    }

    private static func read(_ memory: UnsafeMutableRawPointer) -> DeliveryID? {
        let number = memory.load(as: Int64.self)
        let count = memory.load(fromByteOffset: 8, as: Int64.self)
        guard number != 0, (1...Int64(size - 16)).contains(count) else { return nil }
        let name = UnsafeRawBufferPointer(start: memory.advanced(by: 16), count: Int(count))
        return DeliveryID(
            event: EventID(number: number), destination: String(decoding: name, as: UTF8.self))
    }
}
