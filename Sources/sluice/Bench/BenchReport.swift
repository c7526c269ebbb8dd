import ArgumentParser
import Events
import Glibc
import JSON

/// The measured values by name, and the machine they were measured on.
struct BenchReport {
    enum Unit: String {
        case perSecond = "/s"
        case events = "events"
        case microseconds = "µs"
        case milliseconds = "ms"
        case seconds = "s"
        case megabytes = "MB"
        case allocations = "allocations"
    }
    private struct Row {
        let name: String
        let unit: Unit
        var values: [Double]

        var median: Double { values.sorted()[values.count / 2] }
    }
    private let seconds: Double
    private let rounds: Int
    private var rows: [Row] = []
    /// Events that were not answered 200, or did not arrive.
    var failures = 0

    init(seconds: Double, rounds: Int) {
        self.seconds = seconds
        self.rounds = rounds
    }

    mutating func add(_ name: String, _ value: Double, in unit: Unit) {
        if let index = rows.firstIndex(where: { $0.name == name }) {
            rows[index].values.append(value)
        } else {
            rows.append(Row(name: name, unit: unit, values: [value]))
        }
    }

    /// Adds the time of a stage, and its allocations when they were counted.
    mutating func add(_ name: String, costing cost: StageCost) {
        add(name, cost.microseconds, in: .microseconds)
        if let allocations = cost.allocations {
            add("\(name), allocations", allocations, in: .allocations)
        }
    }

    func show() {
        let terminal = Terminal.standard
        terminal.write(
            """
            \(Sluice.configuration.version) · \(Self.machine)
            \(Self.text(seconds)) s a measurement, median of \(rounds) · \
            load and receiver on the same machine · WAL, synchronous FULL

            """)
        terminal.table(
            ["MEASURED", "MEDIAN", "ROUNDS"],
            rows.map { row in
                [
                    row.name, "\(Self.text(row.median)) \(row.unit.rawValue)",
                    row.values.map(Self.text).joined(separator: "  "),
                ]
            })
        if failures > 0 {
            terminal.write("\n\(failures) events failed: the figures are not to be used.")
        }
    }

    var json: [UInt8] {
        JSONWriter.make { writer in
            writer.beginObject()
            writer.member("version", Sluice.configuration.version)
            writer.member("machine", Self.machine)
            writer.member("seconds", Self.text(seconds))
            writer.member("rounds", rounds)
            writer.member("failures", failures)
            writer.key("measured")
            writer.beginArray()
            for row in rows {
                writer.beginObject()
                writer.member("name", row.name)
                writer.member("unit", row.unit.rawValue)
                writer.key("median")
                writer.raw(Array(Self.plain(row.median).utf8)[...])
                writer.key("rounds")
                writer.beginArray()
                for value in row.values { writer.raw(Array(Self.plain(value).utf8)[...]) }
                writer.endArray()
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
        }
    }

    /// Such as "2 × Intel(R) Xeon(R) Processor, Linux 6.1, release build".
    private static var machine: String {
        let information = (try? readFile("/proc/cpuinfo")).map {
            String(decoding: $0, as: UTF8.self)
        }
        let lines = (information ?? "").split(separator: "\n")
        let model = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
        let name = model.map { $0.drop { $0 == " " } } ?? "unknown processor"
        var system = utsname()
        uname(&system)
        let kernel = withUnsafeBytes(of: &system.release) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        #if DEBUG
        let build = "debug build"
        #else
        let build = "release build"
        #endif
        return "\(sysconf(Int32(_SC_NPROCESSORS_ONLN))) × \(name), Linux \(kernel), \(build)"
    }

    /// Three digits that say something, with thousands set apart.
    private static func text(_ value: Double) -> String {
        guard value >= 1000 else { return plain(value) }
        var digits = Array(String(Int(value.rounded())).reversed())
        for place in stride(from: 3, to: digits.count, by: 4) { digits.insert(",", at: place) }
        return String(digits.reversed())
    }

    private static func plain(_ value: Double) -> String {
        let factor: Double = value >= 100 ? 1 : value >= 10 ? 10 : value >= 1 ? 100 : 1000
        let rounded = (value * factor).rounded() / factor
        return factor == 1 ? String(Int(rounded)) : "\(rounded)"
    }
}
