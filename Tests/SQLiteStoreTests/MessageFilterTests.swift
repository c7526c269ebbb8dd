import Testing

@testable import SQLiteStore

@Suite struct `A filter of message ids` {
    private let connection: Connection

    init() throws {
        connection = try Connection(path: ":memory:", mode: .readWrite, busyTimeout: 0)
        try Schema.migrate(connection, key: [1])
    }

    private func digest(_ number: Int) -> Digest128 { Hasher128.digest(messageID: "m\(number)") }

    private func store(_ numbers: Range<Int>) throws {
        let insert = try connection.prepare("INSERT INTO messages VALUES (1, ?, ?)")
        for number in numbers {
            try insert.reset().bind(1, digest(number)).bind(2, number).run()
        }
    }

    private func build(_ filter: MessageFilter) throws { while try filter.buildSlice() {} }

    private func held(_ filter: MessageFilter, _ numbers: Range<Int>) -> Int {
        numbers.count { filter.mayHold(digest($0)) }
    }

    @Test func `says nothing before it has read the whole table`() throws {
        try store(0..<MessageFilter.slice + 1)
        let filter = try MessageFilter(connection)
        #expect(filter.mayHold(digest(-1)))
        #expect(try filter.buildSlice(), "one slice is not all")
        #expect(filter.mayHold(digest(-1)))
        try build(filter)
        #expect(!filter.mayHold(digest(-1)))
    }

    @Test func `holds all that is in the table, and of others next to none`() throws {
        try store(0..<5_000)
        let filter = try MessageFilter(connection, smallest: 8_192)
        try build(filter)
        #expect(held(filter, 0..<5_000) == 5_000)
        #expect(held(filter, 100_000..<105_000) < 250)
    }

    @Test func `holds what comes while it is built and after`() throws {
        try store(0..<5_000)
        let filter = try MessageFilter(connection)
        _ = try filter.buildSlice()
        (5_000..<6_000).forEach { filter.note(digest($0)) }
        try build(filter)
        (6_000..<7_000).forEach { filter.note(digest($0)) }
        #expect(held(filter, 0..<7_000) == 7_000)
    }

    @Test func `makes more room when it is full, and forgets nothing`() throws {
        let filter = try MessageFilter(connection, smallest: 64)
        try build(filter)
        try store(0..<1_000)
        for number in 0..<1_000 {
            filter.note(digest(number))
            if number % 10 == 0 { _ = try filter.buildSlice() }
        }
        try build(filter)
        #expect(held(filter, 0..<1_000) == 1_000)
        #expect(held(filter, 100_000..<101_000) < 50)
    }

    @Test func `reads the file anew when it is full of what was removed`() throws {
        let filter = try MessageFilter(connection, smallest: 64, largest: 256)
        try build(filter)
        (1_000..<1_300).forEach { filter.note(digest($0)) }
        try store(0..<100)
        (0..<100).forEach { filter.note(digest($0)) }
        #expect(filter.mayHold(digest(-1)), "it has not been read yet")
        try build(filter)
        #expect(held(filter, 0..<100) == 100)
        #expect(held(filter, 1_000..<1_300) < 30)
    }

    @Test func `says nothing of a file that is too large for it`() throws {
        let filter = try MessageFilter(connection, smallest: 64, largest: 256)
        try store(0..<1_000)
        try build(filter)
        #expect(held(filter, 0..<2_000) == 2_000)
        filter.note(digest(2_000))
        #expect(try !filter.buildSlice())
    }
}
