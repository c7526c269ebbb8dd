/// Knows of most message ids that they have not come before, without looking into the file.
///
/// A Bloom filter over the digests in the file, two bytes for each; built from the file a slice
/// at a time, and again with twice the room when it is full. Until it is built once everything may
/// have come before; so may what was removed.
final class MessageFilter {
    /// Digests that are read in one slice.
    static let slice = 4_096
    /// Digests a filter has room for at first.
    static let smallest = 1 << 18
    /// Digests above which there is no filter: it would take more than 32 MB.
    static let largest = 1 << 24

    private var current: Bits?
    private var next: Bits?
    /// The last digest that was read into `next`: first those in runs, because they go from there
    /// into the sorted table.
    private var last = Place()
    private let scanRuns, scanSorted: Statement

    private struct Place {
        /// Nil in the sorted table.
        var run: Int64? = .min
        var source = Int64.min
        var digest = Digest128(high: 0, low: 0)
    }

    init(_ connection: Connection, room: Int = smallest) throws {
        scanRuns = try connection.prepare(
            """
            SELECT source, digest, run FROM run_messages
            WHERE (run, source, digest) > (?3, ?1, ?2)
            ORDER BY run, source, digest LIMIT \(Self.slice)
            """)
        scanSorted = try connection.prepare(
            """
            SELECT source, digest FROM messages WHERE (source, digest) > (?, ?)
            ORDER BY source, digest LIMIT \(Self.slice)
            """)
        next = Bits(room: room)
    }

    /// Whether a digest may be in the table; false is certain.
    func mayHold(_ digest: Digest128) -> Bool { current?.mayHold(digest) ?? true }

    /// A digest is put into the table.
    func note(_ digest: Digest128) {
        next?.insert(digest)
        current?.insert(digest)
        if let current, current.isFull, next == nil { begin(room: 2 * current.room) }
    }

    /// Reads a slice of the table; says whether there is more to read.
    func buildSlice() throws -> Bool {
        guard next != nil else { return false }
        var isAtEnd = try readSlice()
        if isAtEnd, last.run != nil {
            last = Place(run: nil)
            isAtEnd = try readSlice()
        }
        if let room = next?.room, next?.isFull == true {
            begin(room: 2 * room)
        } else if isAtEnd {
            current = next
            next = nil
        }
        return next != nil
    }

    /// Reads on in runs or in the sorted table; says whether that was the end of them.
    private func readSlice() throws -> Bool {
        let scan = last.run == nil ? scanSorted : scanRuns
        scan.reset().bind(1, last.source).bind(2, last.digest)
        if let run = last.run { scan.bind(3, run) }
        defer { scan.reset() }
        var count = 0
        while try scan.step() {
            let digest = scan.digest(1)
            next?.insert(digest)
            count += 1
            guard count == Self.slice else { continue }
            last = Place(
                run: last.run.map { _ in scan.int64(2) }, source: scan.int64(0), digest: digest)
        }
        return count < Self.slice
    }

    private func begin(room: Int) {
        last = Place()
        next = room <= Self.largest ? Bits(room: room) : nil
        if next == nil { current = nil }
    }

    /// Blocks of 512 bits, 16 bits for each digest there is room for.
    ///
    /// A digest sets four bits of one block, so that asking reads one line of the processor's
    /// cache. Digests are random: their own bits choose.
    private struct Bits {
        let room: Int
        private var words: [UInt64]
        private var count = 0

        /// - Parameter room: a power of two.
        init(room: Int) {
            self.room = room
            words = [UInt64](repeating: 0, count: max(8, room / 4))
        }

        var isFull: Bool { count > room }

        mutating func insert(_ digest: Digest128) {
            count += 1
            let block = block(digest)
            for probe in 0..<4 {
                let bit = Self.bit(digest, probe)
                words[block + (bit >> 6)] |= 1 << UInt64(bit & 63)
            }
        }

        func mayHold(_ digest: Digest128) -> Bool {
            let block = block(digest)
            return (0..<4).allSatisfy { probe in
                let bit = Self.bit(digest, probe)
                return words[block + (bit >> 6)] >> UInt64(bit & 63) & 1 == 1
            }
        }

        private func block(_ digest: Digest128) -> Int {
            (Int(truncatingIfNeeded: digest.low) & (words.count / 8 - 1)) * 8
        }

        private static func bit(_ digest: Digest128, _ probe: Int) -> Int {
            Int(truncatingIfNeeded: digest.high >> UInt64(9 * probe)) & 511
        }
    }
}
