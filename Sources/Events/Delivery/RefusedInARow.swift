/// Deliveries of a destination that were refused in a row, without a success between them.
package enum RefusedInARow {
    /// So many are told as one alert, are shown in the status, and make it exit 1: most likely
    /// every event is refused.
    package static let told = 20
}
