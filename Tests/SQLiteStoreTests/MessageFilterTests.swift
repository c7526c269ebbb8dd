import Store
import Testing

@testable import SQLiteStore

@Suite struct `A filter of message ids` {
    private let connection: Connection

    init() throws {
        connection = try Connection(path: ":memory:", mode: .readWrite, busyTimeout: .zero)
        try Schema.migrate(connection, key: [1])
    }

    private func digest(_ number: Int) -> Digest128 { Hasher128.digest(ofMessageID: "m\(number)") }

    private func store(_ numbers: Range<Int>, inRuns: Bool = false) throws {
        let insert = try connection.prepare(
            inRuns
                ? "INSERT INTO run_messages VALUES (?2 % 3, 1, ?1, ?2)"
                : "INSERT INTO messages VALUES (1, ?, ?)")
        for number in numbers {
            try insert.reset().bind(1, digest(number)).bind(2, number).run()
        }
    }

    private func build(_ filter: MessageFilter) throws { while try filter.buildSlice(of: 500) {} }

    /// How many may be somewhere in the file.
    private func held(_ filter: MessageFilter, _ numbers: Range<Int>) -> Int {
        numbers.count { filter.find(digest($0)) != .nowhere }
    }

    @Test func `knows first what is in runs, and last what is nowhere`() throws {
        try store(0..<1_000, inRuns: true)
        try store(1_000..<3_000)
        let filter = try MessageFilter(connection)
        #expect(filter.find(digest(-1)) == .anywhere)
        #expect(try filter.buildSlice(of: 500), "one slice is not all")
        #expect(filter.find(digest(-1)) == .anywhere)
        while filter.find(digest(-1)) == .anywhere { #expect(try filter.buildSlice(of: 500)) }
        #expect(filter.find(digest(-1)) == .sorted, "it is in no run")
        #expect((0..<1_000).allSatisfy { filter.find(digest($0)) == .anywhere })
        #expect(held(filter, 1_000..<3_000) == 2_000)
        try build(filter)
        #expect(filter.find(digest(-1)) == .nowhere)
        #expect(held(filter, 0..<3_000) == 3_000)
    }

    @Test func `holds all that is in the file, and of others next to none`() throws {
        try store(0..<2_500)
        try store(2_500..<5_000, inRuns: true)
        let filter = try MessageFilter(connection, smallest: 8_192)
        try build(filter)
        #expect(held(filter, 0..<5_000) == 5_000)
        #expect(held(filter, 100_000..<105_000) < 250)
    }

    @Test func `holds what comes while it is built and after`() throws {
        try store(0..<5_000)
        let filter = try MessageFilter(connection)
        _ = try filter.buildSlice(of: 500)
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
        #expect(filter.find(digest(-1)) == .anywhere, "it has not been read yet")
        try build(filter)
        #expect(held(filter, 0..<100) == 100)
        #expect(held(filter, 1_000..<1_300) < 30)
    }

    @Test func `knows of a file that is too large what is in no run`() throws {
        let filter = try MessageFilter(connection, smallest: 64, largest: 256)
        try store(0..<100, inRuns: true)
        try store(100..<1_000)
        try build(filter)
        #expect((0..<100).allSatisfy { filter.find(digest($0)) == .anywhere })
        #expect(held(filter, 0..<2_000) == 2_000)
        #expect((1_000..<2_000).count { filter.find(digest($0)) == .sorted } > 900)
        filter.note(digest(2_000))
        #expect(filter.find(digest(2_000)) == .anywhere)
        #expect(try !filter.buildSlice(), "it does not begin again")
    }
}
