import Accept
import Deliver
import Events
import JSON
import Map
import Pipeline
import SluiceTesting
import Testing
import Webhooks

@testable import sluice

/// Texts that are nearly right: pieces of good ones, cut, doubled, swapped and spoiled.
///
/// The same for the same seed, so that what is found can be found again.
private struct Mutator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func next(below limit: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(max(limit, 1)))
    }

    private static let spice: [[UInt8]] = [
        Array("\\u0000".utf8), Array("\\ud800".utf8), [0xC3], [0xED, 0xA0, 0x80], [0xFF], [0],
        Array("1e999999".utf8), Array("-".utf8), Array("[[[[[[[[".utf8), Array("}".utf8),
        Array("\"".utf8), Array("NaN".utf8), Array(",,".utf8), Array("{\"a\":".utf8),
        Array("99999999999999999999999999".utf8), Array("\u{202E}".utf8),
    ]

    mutating func mutate(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0...next(below: 4) where !bytes.isEmpty {
            let from = next(below: bytes.count)
            let count = min(next(below: 24), bytes.count - from)
            let piece = Array(bytes[from..<from + count])
            switch next(below: 5) {
            case 0: bytes[from] = UInt8(next(below: 256))
            case 1: bytes.removeSubrange(from..<from + count)
            case 2: bytes.insert(contentsOf: piece, at: next(below: bytes.count))
            case 3: bytes = Array(bytes[..<from])
            default:
                bytes.insert(contentsOf: Self.spice[next(below: Self.spice.count)], at: from)
            }
        }
        return bytes
    }
}

/// How many mutations of each seed; more in a long run.
private let rounds =
    environmentVariable("SLUICE_MUTATIONS").flatMap { Int($0) } ?? 300

@Suite struct `Nearly right input` {
    private func seeds() throws -> [[UInt8]] {
        let names = ["product-viewed", "identify", "page", "order-completed", "anonymous"]
        return try names.map(Fixtures.event)
    }

    @Test func `is read or refused, and what was read can be written and read again`() throws {
        for (index, seed) in try seeds().enumerated() {
            var mutator = Mutator(seed: UInt64(index + 1))
            for _ in 0..<rounds {
                let bytes = mutator.mutate(seed)
                guard let text = try? JSONReader.readRepairing(bytes) else { continue }
                let again = try JSONReader.readRepairing(text.document.bytes)
                #expect(again.repairs.isEmpty && again.document.root.equals(text.document.root))
                let pretty = text.document.root.pretty()
                if text.faults.isEmpty {
                    #expect(try JSONReader.read(text: pretty).root.equals(text.document.root))
                }
            }
        }
    }

    @Test func `becomes a valid request or none`() throws {
        let destination = try Fixtures.destination()
        let pipeline = Pipeline(destinations: [destination])
        let acceptor = Acceptor()
        var built = 0
        for (index, seed) in try seeds().enumerated() {
            var mutator = Mutator(seed: UInt64(index + 77))
            for _ in 0..<rounds {
                guard let text = try? acceptor.read(mutator.mutate(seed)),
                    let envelope = try? acceptor.single(
                        text, type: nil, from: EventSource(name: "s", trusted: true),
                        at: ManualClock().now),
                    let event = envelope.events.first?.event
                else { continue }
                let run = try DryRun(event, pipeline: pipeline, people: MemoryPeople())
                for request in run.outcomes[0].requests {
                    #expect((try? JSONReader.read(request.body.bytes)) != nil)
                    built += 1
                }
            }
        }
        #expect(built > rounds / 10, "the mutations are not all nonsense")
    }

    @Test func `as a blueprint is loaded or refused with a place`() throws {
        for (index, file) in ["webhook", "sendpulse", "vero-webhooks"].enumerated() {
            let seed = try Fixtures.bytes("Blueprints/\(file).json")
            var mutator = Mutator(seed: UInt64(index + 5))
            for _ in 0..<rounds / 5 {
                let bytes = mutator.mutate(seed)
                for fault in Blueprint.lint(file: "b.json", bytes: bytes) {
                    #expect(fault.line >= 1 && fault.column >= 1 && !fault.message.isEmpty)
                }
                _ = SourceBlueprintFaults.count(bytes)
            }
        }
    }

    @Test func `over a raw connection leaves the server well`() async throws {
        try await Running.with { running in
            let port = try #require(Int(running.url.split(separator: ":").last ?? ""))
            let request = Array(
                """
                POST /v1/track HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer write-key\r
                Content-Length: 46\r\nConnection: close\r\n\r
                {"type":"track","event":"E","userId":"u","x":1}
                """.utf8)
            var mutator = Mutator(seed: 4_711)
            var texts: [String] = []
            for _ in 0..<rounds / 3 {
                texts.append(String(decoding: mutator.mutate(request), as: UTF8.self))
            }
            let all = texts
            try await offPool {
                for text in all { RawClient.post(port: port, text) }
            }
            #expect(
                try await running.post("/v1/track", "{\"event\":\"E\",\"userId\":\"u\"}").status
                    == 200)
        }
    }
}

private enum SourceBlueprintFaults {
    static func count(_ bytes: [UInt8]) -> Int {
        SourceBlueprint.faults(file: "s.json", bytes: bytes).count
    }
}
