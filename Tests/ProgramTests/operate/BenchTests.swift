import Events
import JSON
import SluiceTesting
import Testing

@testable import sluice

@Suite struct `A measurement` {
    @Test func `of every kind comes to figures, and no event fails`() async throws {
        let result = try await Program.run([
            "bench", "--seconds", "0.5", "--rounds", "1", "--json",
        ])
        let report = try JSONReader.read(text: result.output).root
        #expect(result.code == 0 && report["failures"]?.integer == 0, "\(result.errors)")
        let measured = report["measured"]?.elements ?? []
        let names = measured.compactMap { $0["name"]?.string }
        for name in [
            "through, 64 connections: delivered and logged", "through, batches of 100: accepted",
            "ingest, one a request: accepted", "delivery: delivered and logged",
            "at 500 events/s: sent to delivered p99", "stage: map it to its request",
            "stage: commit an event, 100 at once",
        ] {
            let figure = measured.first { $0["name"]?.string == name }
            #expect((figure?["median"]?.double ?? 0) > 0, "\(name) in \(names)")
        }
        #expect(report["machine"]?.string?.contains("Linux") == true)
    }

    @Test func `is refused when it would say nothing`() async throws {
        let result = try await Program.run(["bench", "--rounds", "0"])
        #expect(result.code == 2 && result.errors.contains("--rounds"))
    }
}
