import Store

/// Knows of most message ids that they have not come before, without looking into the file.
///
/// Bloom filters over the digests in the file, two bytes for each: when one is full the next, four
/// times as large, takes what comes. Read from the file a slice at a time: first those in runs,
/// because they go from there into the sorted table, and because a look into every run is dear.
/// A digest that is removed from the file stays in the filters until all are full and the file is
/// read anew.
final class MessageFilter {
    /// Digests that are read in one slice: a few milliseconds.
    static let slice = 16_384
    /// Digests the first filter has room for, and the last: 42 MB in all.
    static let rooms = (smallest: 1 << 18, largest: 1 << 24)

    /// Where a digest may be in the file.
    enum Answer { case nowhere, sorted, anywhere }

    private enum Reading {
        case runs(after: Place)
        case sorted(after: Place)
        case done

        var isOfRuns: Bool { if case .runs = self { true } else { false } }
        var isDone: Bool { if case .done = self { true } else { false } }
    }
    /// The last row that was read.
    private struct Place {
        var run = Int64.min
        var source = Int64.min
        var digest = Digest128(high: 0, low: 0)
    }

    private let smallest, largest: Int
    private var filters: [Bits]
    private var reading = Reading.runs(after: Place())
    /// How often it was read from the beginning.
    private var beginnings = 0
    /// The sorted table has more than there is room for, and is not read.
    private var isTooLarge = false
    private let readRuns, readSorted: Statement

    /// - Parameters:
    ///   - smallest: digests the first filter has room for, a power of two.
    ///   - largest: the same of the last.
    init(
        _ connection: Connection, smallest: Int = rooms.smallest, largest: Int = rooms.largest
    ) throws {
        readRuns = try connection.prepare(
            """
            SELECT source, digest, run FROM run_messages
            WHERE (run, source, digest) > (?3, ?1, ?2)
            ORDER BY run, source, digest LIMIT ?4
            """)
        readSorted = try connection.prepare(
            """
            SELECT source, digest, 0 FROM messages WHERE (source, digest) > (?1, ?2)
            ORDER BY source, digest LIMIT ?4
            """)
        self.smallest = smallest
        self.largest = largest
        filters = [Bits(room: smallest)]
    }

    /// Where a digest may be; nowhere else is certain.
    func find(_ digest: Digest128) -> Answer {
        if reading.isOfRuns { return .anywhere }
        if filters.contains(where: { $0.mayHold(digest) }) { return .anywhere }
        return reading.isDone && !isTooLarge ? .nowhere : .sorted
    }

    /// A digest is put into the file.
    func note(_ digest: Digest128) {
        filters[filters.count - 1].insert(digest)
        if filters[filters.count - 1].isFull { grow() }
    }

    private func grow() {
        let room = 4 * filters[filters.count - 1].room
        guard room > largest else { return filters.append(Bits(room: room)) }
        // Runs are few; the last filter takes more than it should, and says "maybe" more often.
        if reading.isOfRuns { return }
        // If it was not full of what has been removed, it is too much.
        if !reading.isDone { isTooLarge = true }
        filters = [Bits(room: smallest)]
        reading = .runs(after: Place())
        beginnings += 1
    }

    /// Reads a slice of the file; says whether there is more to read.
    func buildSlice(of limit: Int = slice) throws -> Bool {
        let beginning = beginnings
        var next = Reading.done
        switch reading {
        case .runs(let place):
            if let last = try read(readRuns, after: place, limit) {
                next = .runs(after: last)
            } else if !isTooLarge {
                next = .sorted(after: Place())
            }
        case .sorted(let place):
            if let last = try read(readSorted, after: place, limit) { next = .sorted(after: last) }
        case .done: return false
        }
        guard beginning == beginnings else { return true }
        let isAtEndOfRuns = reading.isOfRuns && !next.isOfRuns
        reading = next
        // The last of the runs leave room for more.
        return isAtEndOfRuns ? try buildSlice(of: limit) : !next.isDone
    }

    /// Takes digests in; gives the last row, or nil when there are no more.
    private func read(_ rows: Statement, after place: Place, _ limit: Int) throws -> Place? {
        rows.reset().bind(1, place.source).bind(2, place.digest).bind(3, place.run)
            .bind(4, limit)
        defer { rows.reset() }
        var count = 0
        var last: Place?
        while try rows.step() {
            let digest = rows.digest(1)
            count += 1
            if count == limit {
                last = Place(run: rows.int64(2), source: rows.int64(0), digest: digest)
            }
            note(digest)
        }
        return last
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
