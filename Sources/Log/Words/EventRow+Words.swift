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
    fileprivate var sentence: String { "\(kind.sentence) (\(text))." }
}

extension Event.Mark.Kind {
    /// The mark in words, without a full stop; the code and the value follow.
    fileprivate var sentence: String {
        switch self {
        case .nonFiniteNumber: "It held NaN or Infinity, which is not JSON; null was put there"
        case .loneSurrogate: "It held half of a surrogate pair; U+FFFD was put there"
        case .invalidUTF8: "It held bytes that are not UTF-8; U+FFFD was put there"
        case .large: "It is larger than 32 KB; many services refuse such events"
        case .unreadableTimestamp:
            "Its timestamp is no date; originalTimestamp or the time of receipt was used"
        case .unlikelyTimestamp:
            "Its timestamp lies before 1990 or after tomorrow; another time was used"
        case .clockNotCorrected:
            "Its sentAt cannot tell how far the sender's clock is off; its time was left as it came"
        case .placeholderID: "It has an id that means nobody, which was left out"
        case .removed: "A value that is never stored was removed from it"
        }
    }
}
