import Events
import Glibc

/// Nanoseconds of a clock that only goes forward; for measuring, never for what is stored.
func benchClock() -> UInt64 {
    var moment = timespec()
    clock_gettime(CLOCK_MONOTONIC, &moment)
    return UInt64(moment.tv_sec) * 1_000_000_000 + UInt64(moment.tv_nsec)
}

/// A TCP socket on loopback that never blocks.
struct LoopbackSocket {
    let descriptor: Int32

    private static func address(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func with<Result>(
        _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = address(port)
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
        }
    }

    private static func problem(_ what: String) -> Problem {
        Problem(
            code: "bench", message: "\(what): errno \(errno).",
            hint: "See how many files may be open: ulimit -n.")
    }

    init(descriptor: Int32) {
        self.descriptor = descriptor
        var one: Int32 = 1
        setsockopt(
            descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one,
            socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    init(connectingTo port: UInt16) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0,
            Self.with(port, { connect(descriptor, $0, $1) }) == 0
        else { throw Self.problem("Port \(port) cannot be connected to") }
        self.init(descriptor: descriptor)
    }

    /// Listens on a free port.
    init(listening backlog: Int32) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0, Self.with(0, { bind(descriptor, $0, $1) }) == 0,
            listen(descriptor, backlog) == 0
        else { throw Self.problem("No port can be listened on") }
        self.init(descriptor: descriptor)
    }

    var port: UInt16 {
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(descriptor, $0, &size)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }

    /// Adds what has come to a buffer; false when the other side has closed.
    func read(into buffer: inout [UInt8], by chunk: inout [UInt8]) -> Bool {
        let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        guard count > 0 else { return count < 0 && errno == EAGAIN }
        buffer.append(contentsOf: chunk[..<count])
        return true
    }

    /// Sends what the kernel takes; gives how many bytes that was.
    func write(_ bytes: ArraySlice<UInt8>) -> Int {
        let flags = Int32(MSG_NOSIGNAL)
        return max(0, bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, flags) })
    }

    func close() { Glibc.close(descriptor) }
}

/// An HTTP message at the beginning of a buffer.
struct HTTPMessage {
    /// Bytes of the whole message, body included.
    let count: Int
    let body: Range<Int>

    private static let lengthName = Array("content-length:".utf8)
    private static let newline = UInt8(ascii: "\n")
    /// The bit that tells small letters from capitals.
    private static let caseBit: UInt8 = 0x20

    /// Reads the message at the beginning of a buffer; nil while it has not come whole.
    init?(_ buffer: [UInt8]) {
        guard let end = Self.headEnd(buffer) else { return nil }
        let length = Self.length(buffer[..<end]) ?? 0
        guard buffer.count >= end + length else { return nil }
        count = end + length
        body = end..<end + length
    }

    private static func headEnd(_ buffer: [UInt8]) -> Int? {
        buffer.withUnsafeBufferPointer { bytes in
            var at = 3
            while at < bytes.count {
                if bytes[at] == newline, bytes[at - 1] == UInt8(ascii: "\r"),
                    bytes[at - 2] == newline
                {
                    return at + 1
                }
                at += 1
            }
            return nil
        }
    }

    private static func length(_ head: ArraySlice<UInt8>) -> Int? {
        head.withUnsafeBufferPointer { bytes in
            var line = 0
            while line + lengthName.count < bytes.count {
                let isLength = lengthName.indices.allSatisfy {
                    bytes[line + $0] | caseBit == lengthName[$0] | caseBit
                }
                if isLength {
                    let text = bytes[(line + lengthName.count)...].prefix {
                        $0 != UInt8(ascii: "\r")
                    }
                    return Int(
                        String(decoding: text.drop { $0 == UInt8(ascii: " ") }, as: UTF8.self))
                }
                while line < bytes.count, bytes[line] != newline { line += 1 }
                line += 1
            }
            return nil
        }
    }

    /// The number in the first line of an answer.
    static func status(_ buffer: [UInt8]) -> Int? {
        Int(String(decoding: buffer.dropFirst(9).prefix(3), as: UTF8.self))
    }
}
