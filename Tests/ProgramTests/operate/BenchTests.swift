import Events
import JSON
import SluiceTesting
import Testing

@testable import sluice

@Suite struct `A measurement` {
    @Test func `of every kind comes to figures, and no event fails`() async throws {
        // Beside other tests half a second may be too short for one of the figures.
        var report = try await measure(seconds: 0.5)
        for seconds in [2.0, 8.0] {
            if Self.expected.allSatisfy({ figure($0, of: report) > 0 }) { break }
            report = try await measure(seconds: seconds)
        }
        for name in Self.expected { #expect(figure(name, of: report) > 0, "\(name)") }
        #expect(report["machine"]?.string?.contains("Linux") == true)
    }

    private static let expected = [
        "through, 64 connections: delivered and logged", "through, batches of 100: accepted",
        "ingest, one a request: accepted", "delivery: delivered and logged",
        "at 500 events/s: sent to delivered p99", "stage: map it to its request",
        "stage: commit an event, 100 at once",
    ]

    private func measure(seconds: Double) async throws -> JSONValue {
        let result = try await Program.run([
            "bench", "--seconds", "\(seconds)", "--rounds", "1", "--json",
        ])
        let report = try JSONReader.read(text: result.output).root
        #expect(result.code == 0 && report["failures"]?.integer == 0, "\(result.errors)")
        return report
    }

    private func figure(_ name: String, of report: JSONValue) -> Double {
        let measured = report["measured"]?.elements ?? []
        return measured.first { $0["name"]?.string == name }?["median"]?.double ?? 0
    }

    @Test func `is refused when it would say nothing`() async throws {
        let result = try await Program.run(["bench", "--rounds", "0"])
        #expect(result.code == 2 && result.errors.contains("--rounds"))
    }
}
