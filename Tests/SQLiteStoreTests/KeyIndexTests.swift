import Events
import SluiceTesting
import Testing

@testable import SQLiteStore

@Suite struct `Keys that are gathered before they are sorted in` {
    private let connection: Connection

    init() throws {
        connection = try Connection(path: ":memory:", mode: .readWrite, busyTimeout: 0)
        try Schema.migrate(connection, key: [1])
        try connection.execute("PRAGMA foreign_keys = OFF")
    }

    private func index() throws -> KeyIndex { try KeyIndex(connection, foldAt: 10) }

    private func digest(_ number: Int) -> Digest128 { Hasher128.digest(messageID: "m\(number)") }

    private func add(_ numbers: some Sequence<Int>, to index: KeyIndex) throws {
        for number in numbers {
            try connection.execute(
                """
                INSERT INTO events VALUES (\(number), 1, 1, 'track', NULL, 'm\(number)', NULL,
                    NULL, NULL, NULL, NULL, 'fine', 0, 0, NULL, 0, '', \(number % 3), NULL, NULL)
                """)
            index.add(
                .init(
                    event: Int64(number), source: 1, digest: digest(number),
                    userKey: Int64(number % 3), emailKey: nil))
        }
    }

    private func count(_ sql: String) throws -> Int { Int(try connection.text(sql) ?? "") ?? -1 }

    private func events(of key: Int64) throws -> [Int64] {
        let select = try connection.prepare(KeyIndex.eventsOfKey)
        select.bind(1, key)
        var found: [Int64] = []
        while try select.step() { found.append(select.int64(0)) }
        return found.sorted()
    }

    /// Transactions with nothing but folding, until nothing is left to fold.
    private func foldAll(_ index: KeyIndex) throws {
        for _ in 0..<20 {
            try index.foldSlice()
            index.keep()
        }
    }

    @Test func `are known at once, while they are folded, and after`() throws {
        let index = try index()
        try add(1...9, to: index)
        index.keep()
        #expect(try index.event(digest(4), source: 1)?.number == 4)
        #expect(try index.event(digest(4), source: 2) == nil)
        try add(10...12, to: index)
        try foldAll(index)
        #expect(try count("SELECT count(*) FROM events WHERE \(KeyIndex.unfolded)") == 0)
        #expect(try count("SELECT count(*) FROM messages") == 12)
        #expect(try index.event(digest(4), source: 1)?.number == 4)
        #expect(try events(of: 1) == [1, 4, 7, 10])
    }

    @Test func `are known to the next program, folded half or not at all`() throws {
        let first = try index()
        try add(1...12, to: first)
        first.keep()
        try first.foldSlice()
        // The program ends before the first knows that the transaction is in the file.
        let next = try index()
        #expect(try (1...12).allSatisfy { try next.event(digest($0), source: 1) != nil })
        try add(13...30, to: next)
        next.keep()
        try foldAll(next)
        #expect(try count("SELECT count(*) FROM messages") == 30)
        #expect(try events(of: 2).count == 10)
    }

    @Test func `that were not committed are unknown again, and folding begins anew`() throws {
        let index = try index()
        try add(1...12, to: index)
        index.keep()
        try connection.execute("BEGIN")
        try add(13...14, to: index)
        try index.foldSlice()
        try connection.execute("ROLLBACK")
        index.undo()
        #expect(try index.event(digest(13), source: 1) == nil)
        #expect(try count("SELECT count(*) FROM events WHERE \(KeyIndex.unfolded)") == 12)
        try foldAll(index)
        #expect(try count("SELECT count(*) FROM messages") == 12)
        #expect(try index.event(digest(12), source: 1)?.number == 12)
    }

    @Test func `do not come back when what they belong to is removed in the meantime`() throws {
        let index = try index()
        try add(1...12, to: index)
        index.keep()
        // One is forgotten, one removed, before they are folded; one after.
        try index.forgetKeys(of: EventID(number: 1))
        try index.remove(EventID(number: 4), source: 1, digest: digest(4))
        index.keep()
        #expect(try index.event(digest(1), source: 1)?.number == 1, "a repeat is still one")
        #expect(try index.event(digest(4), source: 1) == nil)
        try foldAll(index)
        try index.remove(EventID(number: 7), source: 1, digest: digest(7))
        index.keep()
        #expect(try events(of: 1) == [10])
        #expect(try index.event(digest(4), source: 1) == nil)
        #expect(try index.event(digest(7), source: 1) == nil)
        #expect(try count("SELECT count(*) FROM messages") == 10)
    }

    @Test func `of an older file are found in the new one`() throws {
        let old = try Connection(path: ":memory:", mode: .readWrite, busyTimeout: 0)
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
        #expect(
            try DeliveryTable(old, at: Timestamp(milliseconds: 0)).lanes.occupancy(
                1, LaneKey(number: 9)) == .taken)
        #expect(try old.text("PRAGMA integrity_check") == "ok")
    }
}
