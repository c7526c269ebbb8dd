import Events

extension Problem {
    /// No destination has this name; the hint names the nearest of those there are.
    static func noSuchDestination(_ name: String, among known: [String]) -> Problem {
        Problem(
            code: "no_such_destination",
            message: "There is no destination \"\(printable(name))\".",
            hint: suggestion(for: name, among: known))
    }

    /// The log has no delivery of this id.
    static func noSuchDelivery(_ id: String) -> Problem {
        Problem(
            code: "no_such_delivery", message: "There is no delivery \(printable(id)).",
            hint: "List them with: sluice deliveries")
    }

    /// No source has this name; the hint names the nearest of those there are.
    ///
    /// - Parameter kind: the kind that was looked for, such as a webhook source.
    static func noSuchSource(
        _ name: String, among known: [String], kind: String = "source"
    ) -> Problem {
        Problem(
            code: "no_such_source", message: "There is no \(kind) \"\(printable(name))\".",
            hint: suggestion(for: name, among: known))
    }

    /// No rule of the pipeline asks for this consent category.
    static func unknownCategory(_ name: String, among known: [String]) -> Problem {
        Problem(
            code: "unknown_category",
            message: "The pipeline knows no consent category \"\(printable(name))\".",
            hint: "Use one of \(known.joined(separator: ", ")), or a code of the pipeline.")
    }
}
