import Accept
import Consent
import Deliver
import Events
import Pipeline
import SluiceTesting
import Testing

@testable import SQLiteStore

/// A store without room in memory: everything waits for a claim.
private final class Bench: Sendable {
    private let claims = Locked<[[Job]]>([])
    let store: SQLiteStore

    init(_ folder: TemporaryFolder, _ pipeline: Pipeline) throws {
        let claims = claims
        store = try SQLiteStore(
            directory: folder.path, pipeline: pipeline, room: Room(), clock: ManualClock().world,
            hashKey: [1],
            news: { news in
                for case .claimed(_, let jobs, _, _) in news {
                    claims.withLock { $0.append(jobs) }
                }
            })
    }

    func accept(_ message: String, user: String) async throws -> EventID {
        let event = try Fixtures.track(user: user, message: message)
        return try await store.accept(Envelope(events: [(0, event)]), from: "backend")[0].id
    }

    /// The events whose deliveries may be tried.
    func claim() async throws -> [EventID] {
        store.submit([.claim(destination: "vero", limit: 10, oldest: false)])
        return try await eventually("the claim to be answered") {
            claims.withLock { $0.popLast() }
        }.map(\.id.event)
    }
}

@Suite struct `What waits for a claim` {
    private let open: Pipeline
    private let strict: Pipeline

    init() throws {
        open = Pipeline(destinations: [try Fixtures.destination()])
        let rule = ConsentRule(require: ["analytics"], missing: .deny)
        strict = Pipeline(destinations: [try Fixtures.destination(consent: rule)])
    }

    @Test func `is kept back when the pipeline has come to ask for more`() async throws {
        let folder = try TemporaryFolder()
        let bench = try Bench(folder, open)
        let id = try await bench.accept("m1", user: "1")
        _ = try await bench.store.replace(strict)
        #expect(try await bench.claim().isEmpty)
        let row = try SQLiteLog(directory: folder.path).deliveries(of: id)[0]
        #expect(row.state == .filtered && row.reason == .consent)
        bench.store.close()
    }

    @Test func `is kept back when the program that starts asks for more`() async throws {
        let folder = try TemporaryFolder()
        let before = try Bench(folder, open)
        _ = try await before.accept("m1", user: "1")
        before.store.close()
        let after = try Bench(folder, strict)
        #expect(try await after.claim().isEmpty)
        after.store.close()
    }

    @Test func `goes in the order in which it came, also after a restart`() async throws {
        let folder = try TemporaryFolder()
        let before = try Bench(folder, open)
        var heads: [EventID] = []
        for user in ["1", "2", "3"] {
            heads.append(try await before.accept("m\(user)", user: user))
            _ = try await before.accept("n\(user)", user: user)
        }
        before.store.close()
        let after = try Bench(folder, open)
        #expect(try await after.claim() == heads)
        #expect(try await after.claim().isEmpty, "the others wait behind them")
        after.store.close()
    }
}

@Suite struct `The watch over consent` {
    private let person = Identity(
        userID: "u", email: "A@b.example", anonymousID: nil, emailState: .fine,
        lane: LaneKey(number: 1))

    @Test func `knows nothing before it has begun`() {
        #expect(ConsentWatch().mayDiffer(EventID(number: 5), person))
    }

    @Test func `asks for a look at what came before, and at who has changed since`() {
        var watch = ConsentWatch()
        watch.restart(after: EventID(number: 5))
        #expect(watch.mayDiffer(EventID(number: 5), person))
        #expect(!watch.mayDiffer(EventID(number: 6), person))
        watch.note(IdentityKey(.user, "v"))
        #expect(!watch.mayDiffer(EventID(number: 6), person))
        watch.note(IdentityKey(.email, "a@b.example"))
        #expect(watch.mayDiffer(EventID(number: 6), person))
    }

    @Test func `says when it remembers too many`() {
        var watch = ConsentWatch()
        watch.restart(after: EventID(number: 5))
        for number in 0...ConsentWatch.most { watch.note(IdentityKey(.user, String(number))) }
        #expect(watch.isFull)
        watch.restart(after: EventID(number: 9))
        #expect(!watch.isFull && watch.mayDiffer(EventID(number: 9), person))
    }
}
