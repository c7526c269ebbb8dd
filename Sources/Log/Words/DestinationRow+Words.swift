extension DestinationRow {
    /// The state in one word: `held`, `disabled`, `resting`, `pausing`, `refusing` or `open`.
    package var state: String {
        if hold != nil { return "held" }
        if !isEnabled { return "disabled" }
        if restingUntil != nil { return "resting" }
        if pausingUntil != nil { return "pausing" }
        return isRefusing ? "refusing" : "open"
    }
}
