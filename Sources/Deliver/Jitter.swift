/// The numbers that spread retries, so that many deliveries do not come back at the same moment.
///
/// They follow from a seed (SplitMix64): a machine with the same seed and the same inputs decides
/// the same, and a copy of it goes on with the same numbers.
package struct Jitter: Sendable {
    /// Nil gives the middle every time.
    private var state: UInt64?

    /// No spread: retries come exactly on schedule.
    package static let none = Jitter(state: nil)

    /// The sequence of numbers of a seed.
    package init(seed: UInt64) { self.init(state: seed) }

    private init(state: UInt64?) { self.state = state }

    /// The next number, 0 ..< 1.
    mutating func next() -> Double {
        guard var state else { return 0.5 }
        state &+= 0x9E37_79B9_7F4A_7C15
        self.state = state
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return Double(mixed >> 11) / Double(1 << 53)
    }
}
