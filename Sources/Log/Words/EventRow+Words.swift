import Events

extension EventRow {
    /// Remarks about the event on its way in, a sentence each.
    package var remarks: [String] {
        var remarks = event.marks.map(\.sentence)
        switch identity.emailState {
        case .fine: break
        case .hashed: remarks.append("Its email looks hashed and was left out.")
        case .invalid: remarks.append("Its email is not an address and was left out.")
        case .untrusted:
            remarks.append(
                "Its email came with a browser key and is not the stored one; it was left out.")
        }
        return remarks
    }
}

extension Event.Mark {
    fileprivate var sentence: String {
        switch self {
        case .nonFiniteNumber:
            "It held NaN or Infinity, which is not JSON; null was put there (\(rawValue))."
        case .loneSurrogate:
            "It held half of a surrogate pair; U+FFFD was put there (\(rawValue))."
        case .large: "It is larger than 32 KB; many services refuse such events (\(rawValue))."
        case .unreadableTimestamp:
            "Its timestamp is no date; the time of receipt was used (\(rawValue))."
        case .removed(let path): "The value at \(path) is never stored; it was removed."
        }
    }
}
