import Events
import Logging
import SluiceTesting
import Testing

@testable import sluice

@Suite struct `Log lines` {
    /// Standard error with a reader who can be kept from reading.
    private final class Output: Sendable {
        private struct State {
            var lines: [String] = []
            var isBlocked = false
            /// A line has come and waits for the reader.
            var isWaiting = false
        }

        private let state: Locked<State>

        init(isBlocked: Bool = false) { state = Locked(State(isBlocked: isBlocked)) }

        func write(_ line: String) {
            state.signal { $0.isWaiting = true }
            _ = state.wait(atMost: .minutes(10)) { $0.isBlocked ? nil : true }
            state.signal { state in
                state.isWaiting = false
                state.lines.append(line)
            }
        }

        func read() { state.signal { $0.isBlocked = false } }

        /// Waits until a line is being written.
        func waitForWriting() async throws {
            _ = try await eventually("a line to be written") {
                state.withLock { $0.isWaiting } ? true : nil
            }
        }

        /// Waits until so many lines were written.
        func lines(_ count: Int) async throws -> [String] {
            try await eventually("\(count) lines") {
                state.withLock { $0.lines.count >= count ? $0.lines : nil }
            }
        }
    }

    @Test func `come in the order they were said`() async throws {
        let output = Output()
        let lines = LogLines { output.write($0) }
        for number in 0..<200 { lines.add("\(number)") }
        #expect(try await output.lines(200) == (0..<200).map { "\($0)" })
    }

    @Test func `that nobody reads keep nobody, and what is left out is counted`() async throws {
        let output = Output(isBlocked: true)
        let lines = LogLines { output.write($0) }
        lines.add("first")
        try await output.waitForWriting()
        // The writing thread is stuck with the first line; a thousand fit behind it.
        for number in 1...1_007 { lines.add("\(number)") }
        output.read()
        let written = try await output.lines(1_002)
        #expect(written.count == 1_002)
        #expect(written.first == "first" && written[1] == "1" && written[1_000] == "1000")
        #expect(written.last == "7 log lines were left out: nobody read them in time.")
        // The count begins anew.
        lines.add("again")
        #expect(try await output.lines(1_003).last == "again")
    }

    @Test func `say when, how bad and what, each in one line`() async throws {
        let output = Output()
        let clock = ManualClock(Timestamp(milliseconds: 1_780_740_930_500))
        var logger = Logger(label: "test") { _ in
            LineLogHandler(lines: LogLines { output.write($0) }, clock: clock.world)
        }
        logger[metadataKey: "port"] = "80"
        logger.info("below the level")
        logger.error("two\nlines", metadata: ["at": "start"])
        #expect(
            try await output.lines(1)
                == ["2026-06-06T10:15:30.500Z error: two\\u{a}lines at=start port=80"])
    }
}
