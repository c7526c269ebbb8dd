/// Knows of most message ids that they have not come before, without looking into the file.
///
/// Bloom filters over the digests in the file, two bytes for each: when one is full the next, four
/// times as large, takes what comes. Read from the file a slice at a time; until then everything
/// may have come before. What is removed from the file stays, until all are full and read anew.
final class MessageFilter {
    /// Digests that are read in one slice.
    static let slice = 4_096
    /// Digests the first filter has room for, and the last: 42 MB in all.
    static let rooms = (smallest: 1 << 18, largest: 1 << 24)

    private let smallest, largest: Int
    /// None when the file has more than they have room for.
    private var filters: [Bits]
    /// Whether they hold all that is in the file.
    private var isComplete = false
    /// The last digest that was read: first those in runs, because they go from there into the
    /// sorted table.
    private var last = Place()
    private let scanRuns, scanSorted: Statement

    private struct Place {
        /// Nil in the sorted table.
        var run: Int64? = .min
        var source = Int64.min
        var digest = Digest128(high: 0, low: 0)
    }

    /// - Parameters:
    ///   - smallest: digests the first filter has room for, a power of two.
    ///   - largest: the same of the last.
    init(
        _ connection: Connection, smallest: Int = rooms.smallest, largest: Int = rooms.largest
    ) throws {
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
        self.smallest = smallest
        self.largest = largest
        filters = [Bits(room: smallest)]
    }

    /// Whether a digest may be in the file; false is certain.
    func mayHold(_ digest: Digest128) -> Bool {
        !isComplete || filters.contains { $0.mayHold(digest) }
    }

    /// A digest is put into the file.
    func note(_ digest: Digest128) {
        guard !filters.isEmpty else { return }
        filters[filters.count - 1].insert(digest)
        if filters[filters.count - 1].isFull { grow() }
    }

    private func grow() {
        let room = 4 * filters[filters.count - 1].room
        if room <= largest {
            filters.append(Bits(room: room))
        } else {
            // Much of it may be in the file no more; if not, it is too much.
            filters = isComplete ? [Bits(room: smallest)] : []
            isComplete = false
            last = Place()
        }
    }

    /// Reads a slice of the file; says whether there is more to read.
    func buildSlice() throws -> Bool {
        guard !isComplete, !filters.isEmpty else { return false }
        var isAtEnd = try readSlice()
        if isAtEnd, last.run != nil {
            last = Place(run: nil)
            isAtEnd = try readSlice()
        }
        isComplete = isAtEnd && !filters.isEmpty
        return !isComplete && !filters.isEmpty
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
            note(digest)
            count += 1
            guard count == Self.slice else { continue }
            last = Place(
                run: last.run.map { _ in scan.int64(2) }, source: scan.int64(0), digest: digest)
        }
        return count < Self.slice
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
