import Accept
import Deliver
import Events
import Log
import Pipeline
import SluiceTesting
import Store
import Testing

@testable import SQLiteStore

/// A store with deliveries of every state and reason at two destinations.
private final class Archive: Sendable {
    let folder: TemporaryFolder
    let log: SQLiteLog
    private let start = ManualClock().now

    init() async throws {
        folder = try TemporaryFolder()
        let destinations = ["one", "two"]
        let store = try SQLiteStore.open(
            directory: folder.path,
            pipeline: Pipeline(
                destinations: try destinations.map { try Fixtures.destination($0) }),
            room: Room(), clock: ManualClock().world, hashKey: [1], news: { _ in })
        let events = try (0..<100).map { try Fixtures.track(user: "\($0)", message: "m\($0)") }
        _ = try await store.accept(
            Envelope(events: events.enumerated().map { ($0.offset, $0.element) }), from: "backend")
        store.close()
        try Self.spread(folder.path + "/sluice.db", start)
        log = try SQLiteLog(directory: folder.path)
    }

    /// Gives each delivery the next state and reason there is, as if all of it had happened.
    private static func spread(_ path: String, _ now: Timestamp) throws {
        var ends: [(DeliveryState, Reason?)] = DeliveryState.allCases.map { ($0, nil) }
        ends += Reason.allCases.map { ($0.state, $0) }
        let connection = try Connection(path: path, mode: .readWrite, busyTimeout: .seconds(10))
        let select = try connection.prepare("SELECT event, destination FROM deliveries")
        var rows: [(event: Int64, destination: Int64)] = []
        while try select.step() { rows.append((select.int64(0), select.int64(1))) }
        for (number, row) in rows.enumerated() {
            let (state, reason) = ends[number % ends.count]
            let update = try connection.prepare(
                """
                UPDATE deliveries SET state = ?1, reason = ?2, ended_at = ?3
                WHERE event = ?4 AND destination = ?5
                """)
            update.bind(1, state.rawValue).bind(2, reason?.rawValue)
                .bind(3, state.isFinal ? now.milliseconds : nil)
                .bind(4, row.event).bind(5, row.destination)
            _ = try update.step()
        }
    }

    func filter(_ change: (inout DeliveryFilter) -> Void = { _ in }) -> DeliveryFilter {
        var filter = DeliveryFilter(since: start - .days(1), limit: 1_000)
        change(&filter)
        return filter
    }

    /// Every delivery, the newest event first.
    func all() throws -> [DeliveryRow] { try log.deliveries(filter()) }

    /// True when the indexes are asked, not every row.
    func isSearched(_ filter: DeliveryFilter) throws -> Bool {
        let connection = try Connection(
            path: folder.path + "/sluice.db", mode: .readOnly, busyTimeout: .seconds(10))
        return try DeliverySearch(filter, connection, number: { _ in 0 }).isIndexed
    }
}

@Suite struct `A search by state` {
    @Test func `finds what reading every row finds, for each state`() async throws {
        let archive = try await Archive()
        let all = try archive.all()
        #expect(all.count == 200)
        for state in DeliveryState.allCases {
            let filter = archive.filter { $0.state = state }
            let expected = all.filter { $0.state == state }.map(\.id)
            #expect(!expected.isEmpty, "\(state)")
            #expect(try archive.log.deliveries(filter).map(\.id) == expected, "\(state)")
            #expect(try archive.isSearched(filter) == (state != .delivered), "\(state)")
            let newest = archive.filter {
                $0.state = state
                $0.limit = 3
            }
            #expect(
                try archive.log.deliveries(newest).map(\.id) == Array(expected.prefix(3)),
                "\(state)")
        }
    }

    @Test func `finds what reading every row finds, for each reason`() async throws {
        let archive = try await Archive()
        let all = try archive.all()
        for reason in Reason.allCases {
            let filter = archive.filter { $0.reason = reason }
            let expected = all.filter { $0.reason == reason }.map(\.id)
            #expect(!expected.isEmpty, "\(reason)")
            #expect(try archive.log.deliveries(filter).map(\.id) == expected, "\(reason)")
            #expect(try archive.isSearched(filter), "\(reason)")
        }
    }

    @Test func `keeps to the destination, the events after one, the order and the limit`()
        async throws
    {
        let archive = try await Archive()
        let all = try archive.all().filter { $0.state == .filtered }
        let one = archive.filter {
            $0.state = .filtered
            $0.destination = "one"
        }
        let expected = all.filter { $0.id.destination == "one" }.map(\.id)
        #expect(try archive.log.deliveries(one).map(\.id) == expected)
        #expect(try archive.isSearched(one))

        let middle = all[all.count / 2].id.event
        let following = archive.filter {
            $0.state = .filtered
            $0.after = middle
            $0.oldestFirst = true
            $0.limit = 7
        }
        let later = all.filter { $0.id.event > middle }
            .sorted { ($0.id.event, $0.id.destination) < ($1.id.event, $1.id.destination) }
        #expect(try archive.log.deliveries(following).map(\.id) == later.prefix(7).map(\.id))
        #expect(try archive.isSearched(following))
    }

    @Test func `finds nothing for a state and a reason that never meet, or an unknown destination`()
        async throws
    {
        let archive = try await Archive()
        let contrary = archive.filter {
            $0.state = .failed
            $0.reason = .consent
        }
        #expect(try archive.log.deliveries(contrary).isEmpty)
        let nowhere = archive.filter {
            $0.state = .failed
            $0.destination = "three"
        }
        #expect(try archive.log.deliveries(nowhere).isEmpty)
    }

    @Test func `is left to reading rows when more is asked for`() async throws {
        let archive = try await Archive()
        let changes: [(inout DeliveryFilter) -> Void] = [
            { $0.user = "7" }, { $0.eventName = "Product Viewed" }, { $0.status = 400...499 },
            { $0.isHeld = true },
        ]
        for change in changes {
            let filter = archive.filter {
                $0.state = .failed
                change(&$0)
            }
            #expect(try !archive.isSearched(filter))
        }
    }
}
