import Events
import SluiceTesting
import Store
import Testing

@testable import SQLiteStore

@Suite struct `Keys that are gathered before they are sorted in` {
    private let connection: Connection

    init() throws {
        connection = try Connection(path: ":memory:", mode: .readWrite, busyTimeout: .zero)
        try Schema.migrate(connection, key: [1])
        try connection.execute("PRAGMA foreign_keys = OFF")
    }

    private func index() throws -> KeyIndex {
        var limits = KeyLimits()
        (limits.gathered, limits.folded, limits.runs, limits.merged) = (10, 3, 4, 5)
        return try KeyIndex(connection, limits)
    }

    private func digest(_ number: Int) -> Digest128 { Hasher128.digest(ofMessageID: "m\(number)") }

    private func add(
        _ numbers: some Sequence<Int>, to index: KeyIndex, keyless: Bool = false
    ) throws {
        for number in numbers {
            let key = keyless ? nil : Int64(number % 3)
            try connection.execute(
                """
                INSERT INTO events VALUES (\(number), 1, 1, 'track', NULL, 'm\(number)', NULL,
                    NULL, NULL, NULL, NULL, 'fine', 0, 0, NULL, 0, '',
                    \(key.map { "\($0)" } ?? "NULL"), \(key.map { "\($0 + 10)" } ?? "NULL"), NULL,
                    NULL, NULL)
                """)
            index.add(
                .init(
                    event: Int64(number), source: 1, digest: digest(number),
                    userKey: key, emailKey: key.map { $0 + 10 }))
        }
    }

    private func count(_ sql: String) throws -> Int { Int(try connection.text(sql) ?? "") ?? -1 }

    private func events(of key: Int64) throws -> [Int64] {
        let select = try connection.prepare(KeyIndex.events(of: "?1"))
        select.bind(1, key)
        var found: [Int64] = []
        while try select.step() { found.append(select.int64(0)) }
        return found.sorted()
    }

    /// Transactions with nothing but folding, until nothing is left to fold.
    private func foldAll(_ index: KeyIndex) throws {
        for _ in 0..<20 {
            try index.settle()
            index.keep()
        }
    }

    @Test func `are known at once, while they are folded, and after`() throws {
        let index = try index()
        try add(1...9, to: index)
        index.keep()
        #expect(try index.event(withMessage: digest(4), from: 1)?.number == 4)
        #expect(try index.event(withMessage: digest(4), from: 2) == nil)
        try add(10...12, to: index)
        try foldAll(index)
        #expect(try count("SELECT count(*) FROM events WHERE \(KeyIndex.unfolded)") == 0)
        #expect(try count("SELECT count(*) FROM run_messages") == 12)
        #expect(try index.event(withMessage: digest(4), from: 1)?.number == 4)
        #expect(try events(of: 1) == [1, 4, 7, 10])
    }

    @Test func `are known to the next program, folded half or not at all`() throws {
        let first = try index()
        try add(1...12, to: first)
        first.keep()
        try first.settle()
        // The program ends before the first knows that the transaction is in the file.
        let next = try index()
        #expect(try (1...12).allSatisfy { try next.event(withMessage: digest($0), from: 1) != nil })
        try add(13...30, to: next)
        next.keep()
        try foldAll(next)
        #expect(try count("SELECT count(*) FROM run_messages") > 30, "some stand in two runs")
        #expect(try count("SELECT count(DISTINCT digest) FROM run_messages") == 30)
        #expect(try events(of: 2).count == 10)
    }

    @Test func `that were not committed are unknown again, and folding begins anew`() throws {
        let index = try index()
        try add(1...12, to: index)
        index.keep()
        try connection.execute("BEGIN")
        try add(13...14, to: index)
        try index.settle()
        try connection.execute("ROLLBACK")
        index.undo()
        #expect(try index.event(withMessage: digest(13), from: 1) == nil)
        #expect(try count("SELECT count(*) FROM events WHERE \(KeyIndex.unfolded)") == 12)
        try foldAll(index)
        #expect(try count("SELECT count(*) FROM run_messages") == 12)
        #expect(try index.event(withMessage: digest(12), from: 1)?.number == 12)
    }

    @Test func `do not come back when what they belong to is removed in the meantime`() throws {
        let index = try index()
        try add(1...12, to: index)
        index.keep()
        // One is forgotten, one removed, before they are folded; one after.
        try index.forgetKeys(of: EventID(number: 1))
        try index.remove(EventID(number: 4), source: 1, message: digest(4))
        index.keep()
        #expect(
            try index.event(withMessage: digest(1), from: 1)?.number == 1, "a repeat is still one")
        #expect(try index.event(withMessage: digest(4), from: 1) == nil)
        try foldAll(index)
        try index.remove(EventID(number: 7), source: 1, message: digest(7))
        index.keep()
        #expect(try events(of: 1) == [10])
        #expect(try index.event(withMessage: digest(4), from: 1) == nil)
        #expect(try index.event(withMessage: digest(7), from: 1) == nil)
        #expect(try count("SELECT count(*) FROM run_messages") == 10)
    }

    /// Adds ten at a time, and folds each ten into a run.
    private func addRuns(
        _ numbers: Range<Int>, to index: KeyIndex, keyless: Bool = false
    ) throws {
        for first in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 10) {
            try add(first..<first + 10, to: index, keyless: keyless)
            try index.settle()
            index.keep()
            try foldAll(index)
        }
    }

    @Test func `go from many runs into the sorted tables, and are found all the while`() throws {
        let index = try index()
        var sizes: Set<Int> = []
        for first in stride(from: 0, to: 900, by: 30) {
            try addRuns(first..<first + 30, to: index)
            let all = 0..<first + 30
            #expect(
                try all.allSatisfy {
                    try index.event(withMessage: digest($0), from: 1)?.number == Int64($0)
                })
            #expect(try events(of: 1) == all.filter { $0 % 3 == 1 }.map { Int64($0) })
            sizes.insert(try count("SELECT count(*) FROM messages"))
            let inAll = "(SELECT count(*) FROM messages) + (SELECT count(*) FROM run_messages)"
            #expect(try count("SELECT \(inAll)") == all.count, "each stands in one place")
            #expect(try count("SELECT count(*) FROM key_runs") < 12)
        }
        #expect(sizes.contains(0) && sizes.count > 10, "it took many slices")
        let next = try self.index()
        #expect(
            try (0..<900).allSatisfy { try next.event(withMessage: digest($0), from: 1) != nil })
    }

    @Test func `that are removed or forgotten do not come back from a run`() throws {
        let index = try index()
        try addRuns(0..<300, to: index)
        let (removed, forgotten) = (Array(stride(from: 0, to: 290, by: 7)), [1, 31, 91])
        for number in removed {
            try index.remove(EventID(number: Int64(number)), source: 1, message: digest(number))
        }
        for number in forgotten { try index.forgetKeys(of: EventID(number: Int64(number))) }
        index.keep()
        try addRuns(300..<900, to: index)
        #expect(try count("SELECT count(*) FROM messages") > 0)
        let left = (0..<900).filter { !removed.contains($0) }
        #expect(
            try (0..<900).filter { try index.event(withMessage: digest($0), from: 1) != nil }
                == left)
        #expect(
            try events(of: 1)
                == left.filter { $0 % 3 == 1 && !forgotten.contains($0) }.map { Int64($0) })
    }

    @Test func `are merged to the end when those that come belong to nobody`() throws {
        let index = try index()
        try addRuns(0..<40, to: index)
        try addRuns(40..<400, to: index, keyless: true)
        #expect(try count("SELECT count(*) FROM run_event_keys") == 0)
        #expect(try count("SELECT count(*) FROM key_runs") < 12)
        #expect(try events(of: 11).count == 13)
    }

    @Test func `are merged as fast as they come, however many come at once`() throws {
        let index = try index()
        for first in stride(from: 0, to: 2_000, by: 50) {
            try add(first..<first + 50, to: index)
            try index.settle()
            index.keep()
        }
        #expect(try count("SELECT count(*) FROM key_runs") < 12)
        #expect(try events(of: 12).count == 666)
    }

    @Test func `leave nothing behind when a slice of them could not be written`() throws {
        let index = try index()
        try add(0..<12, to: index)
        index.keep()
        try index.settle()
        index.keep()
        try connection.execute(
            """
            CREATE TRIGGER full BEFORE INSERT ON run_messages BEGIN SELECT RAISE(FAIL, 'full'); END
            """)
        try connection.execute("BEGIN")
        #expect(throws: SQLiteError.self) { try index.settle() }
        try connection.execute("ROLLBACK; DROP TRIGGER full")
        index.undo()
        for number in 0..<12 { try index.forgetKeys(of: EventID(number: Int64(number))) }
        index.keep()
        try foldAll(index)
        #expect(try count("SELECT count(*) FROM run_event_keys") == 0)
        #expect(
            try (0..<12).allSatisfy { try index.event(withMessage: digest($0), from: 1) != nil })
    }

    @Test func `stay in their runs when the transaction that merges them fails`() throws {
        let index = try index()
        try addRuns(0..<260, to: index)
        let before = try count("SELECT count(*) FROM messages")
        try connection.execute("BEGIN")
        try add(260..<269, to: index)
        try index.settle()
        #expect(try count("SELECT count(*) FROM messages") > before)
        try connection.execute("ROLLBACK")
        index.undo()
        #expect(try count("SELECT count(*) FROM messages") == before)
        try addRuns(260..<900, to: index)
        #expect(
            try (0..<900).allSatisfy { try index.event(withMessage: digest($0), from: 1) != nil })
        #expect(try events(of: 2).count == 300)
    }

    @Test func `of an older file are found in the new one`() throws {
        let old = try Connection(path: ":memory:", mode: .readWrite, busyTimeout: .zero)
        try Schema.migrate(old, key: [1], upTo: 4)
        try old.execute(
            """
            INSERT INTO sources (id, name) VALUES (1, 'backend');
            INSERT INTO destinations (id, name) VALUES (1, 'vero');
            INSERT INTO events VALUES (5, 1, 1, 'track', 'A', 'm5', 'u', NULL, NULL, NULL, NULL,
                'fine', 9, 0, NULL, 0, '', 77, 88, CAST('{}' AS BLOB));
            INSERT INTO deliveries (event, destination, lane, state, revision, due_at)
                VALUES (5, 1, 9, 'queued', 'r', 1);
            """)
        try Schema.migrate(old, key: [1])
        let table = try old.text("SELECT sql FROM sqlite_schema WHERE name = 'deliveries'") ?? ""
        #expect(table.contains("state TEXT NOT NULL,") && !table.contains("CHECK"))
        #expect(try old.text("SELECT group_concat(key) FROM event_keys WHERE event = 5") == "77,88")
        var open: [LaneKey] = []
        try DeliveryTable(old).forEachOpen { open.append($0.lane) }
        #expect(open == [LaneKey(number: 9)])
        #expect(try old.text("PRAGMA integrity_check") == "ok")
    }
}
