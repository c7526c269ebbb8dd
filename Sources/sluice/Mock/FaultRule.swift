/// A rule for what the stand-in does wrong on purpose: `WHAT[:HOW][@TEXT]`.
struct FaultRule: Sendable, Equatable {
    enum Fault: Sendable, Equatable {
        case status(Int, retryAfter: Int?)
        case slow(Duration)
        case reset
        case noReply
    }
    let fault: Fault
    /// The number of times for each different request; nil for always.
    let times: Int?
    /// Only requests whose body holds this text.
    let text: String?

    static let help = """
        401, 400, 500:3 (the first three times each request comes), 429:7 (once each, with \
        Retry-After 7), slow:5s, reset, no-reply, reset:1 …; @TEXT behind it: only requests whose \
        body holds TEXT
        """

    init?(_ rule: String) {
        let halves = rule.split(separator: "@", maxSplits: 1).map(String.init)
        guard let first = halves.first else { return nil }
        text = halves.count == 2 ? halves[1] : nil
        let parts = first.split(separator: ":", maxSplits: 1).map(String.init)
        let argument = parts.count == 2 ? parts[1] : nil
        if let argument, parts[0] != "slow", Int(argument) == nil { return nil }
        switch parts.first {
        case "slow":
            guard let seconds = argument.flatMap({ Double($0.filter { $0 != "s" }) }),
                (0...3_600).contains(seconds)
            else { return nil }
            (fault, times) = (.slow(.milliseconds(Int64(seconds * 1000))), nil)
        case "reset": (fault, times) = (.reset, argument.flatMap { Int($0) })
        case "no-reply": (fault, times) = (.noReply, argument.flatMap { Int($0) })
        case "429":
            guard let seconds = Int(argument ?? "1") else { return nil }
            (fault, times) = (.status(429, retryAfter: seconds), 1)
        default:
            guard let status = parts.first.flatMap({ Int($0) }), (300...599).contains(status)
            else { return nil }
            (fault, times) = (.status(status, retryAfter: nil), argument.flatMap { Int($0) })
        }
    }
}
