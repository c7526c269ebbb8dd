extension DestinationRow {
    /// The state in one word: `held`, `disabled`, `resting` or `open`.
    package var state: String {
        if hold != nil { return "held" }
        if !isEnabled { return "disabled" }
        return restingUntil == nil ? "open" : "resting"
    }
}
