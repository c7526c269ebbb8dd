extension Duration {
    /// The span in whole milliseconds, as the store and libcurl count; what is shorter is cut off.
    package var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }

    /// A span of so many minutes.
    package static func minutes(_ count: Int) -> Duration { .seconds(60 * count) }

    /// A span of so many hours.
    package static func hours(_ count: Int) -> Duration { .seconds(3_600 * count) }

    /// A span of so many days of 24 hours.
    package static func days(_ count: Int) -> Duration { .seconds(86_400 * count) }
}
