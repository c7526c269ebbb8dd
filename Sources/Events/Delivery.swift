import JSON

/// Where a delivery stands.
///
/// `held` is shown for what waits at a held destination, never stored.
package enum DeliveryState: String, Sendable, CaseIterable {
    /// Waits for its turn in its lane, or for room at the destination.
    case queued
    /// An attempt is open.
    case sending
    /// An attempt ended without success; the next one has a due time.
    case retrying
    /// The destination answered 2xx.
    case delivered
    /// Not sent, on purpose; the reason says which rule.
    case filtered
    /// Refused for good; no further attempt.
    case failed
    /// Every attempt of the schedule was used up.
    case expired
    /// Ended by an operator.
    case cancelled

    /// Whether only a replay can leave this state.
    package var isFinal: Bool {
        switch self {
        case .queued, .sending, .retrying: false
        case .delivered, .filtered, .failed, .expired, .cancelled: true
        }
    }
}

/// What an attempt's end means for the delivery and its destination.
package enum AnswerClass: String, Sendable, CaseIterable {
    /// A complete 2xx header block; whatever the body does after that.
    case delivered
    /// This event was refused; others may pass. No retry.
    case invalid
    /// The destination's set-up is wrong: every event would fail. The destination is held.
    case setup
    /// Too fast for the destination; tried again no earlier than it asks.
    case throttle
    /// A fault that may pass: tried again on schedule.
    case transient
    /// The program ended before the answer was recorded: it may have been sent.
    case unknown
}

/// One try of one delivery, as the log keeps it.
package struct Attempt: Sendable, Equatable {
    package var run: Int
    /// Counted from 1 within the run.
    package var number: Int
    /// Which request of the delivery's steps, counted from 0.
    package var step: Int
    package var startedAt: Timestamp
    /// Milliseconds; nil while open, and for ever when the program ended before the answer.
    package var duration: Int?
    /// The HTTP status of a complete answer.
    package var status: Int?
    package var answerClass: AnswerClass?
    /// What happened, in words, when there was no ordinary answer.
    package var note: String?
    /// The beginning of the answer's body, at most 16 KiB.
    package var answer: String?

    package init(
        run: Int, number: Int, step: Int, startedAt: Timestamp, duration: Int? = nil,
        status: Int? = nil, answerClass: AnswerClass? = nil, note: String? = nil,
        answer: String? = nil
    ) {
        self.run = run
        self.number = number
        self.step = step
        self.startedAt = startedAt
        self.duration = duration
        self.status = status
        self.answerClass = answerClass
        self.note = note
        self.answer = answer
    }
}

/// Text with places where a secret belongs; it can be stored and shown, the secrets cannot be read
/// from it.
///
/// Each place holds `***`; `secrets` says which parameter goes there when the request is sent.
package struct MaskedText: Sendable, Equatable {
    package var bytes: [UInt8]
    package var secrets: [Place]

    /// A parameter and the offset of its `***`.
    package struct Place: Sendable, Equatable {
        package let offset: Int
        package let parameter: String
        package init(offset: Int, parameter: String) {
            self.offset = offset
            self.parameter = parameter
        }
    }

    package static let mask = Array("***".utf8)

    package init(_ bytes: [UInt8] = [], secrets: [Place] = []) {
        self.bytes = bytes
        self.secrets = secrets
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The text with each place filled by what `value` gives for its parameter.
    package func revealed(_ value: (String) -> [UInt8]) -> [UInt8] {
        guard !secrets.isEmpty else { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 64 * secrets.count)
        var from = 0
        for place in secrets {
            result.append(contentsOf: bytes[from..<place.offset])
            result.append(contentsOf: value(place.parameter))
            from = place.offset + Self.mask.count
        }
        result.append(contentsOf: bytes[from...])
        return result
    }

    /// A JSON object's members as form fields.
    package var form: MaskedText {
        guard let root = try? JSONReader.read(bytes).root else { return self }
        var result = MaskedText()
        for member in root.members {
            if !result.bytes.isEmpty { result.bytes.append(0x26) }
            result.bytes += Array(percentEncoded(member.key.string ?? "").utf8)
            result.bytes.append(0x3D)
            let value = member.value
            if let place = secrets.first(where: { value.range.contains($0.offset) }) {
                result.secrets.append(
                    Place(offset: result.bytes.count, parameter: place.parameter))
                result.bytes += Self.mask
            } else if !value.isNull {
                let text = value.string ?? String(decoding: value.raw, as: UTF8.self)
                result.bytes += Array(percentEncoded(text).utf8)
            }
        }
        return result
    }

    /// The places as the store keeps them: `offset:parameter`, separated by spaces.
    package var placesText: String {
        var text = ""
        for place in secrets {
            if !text.isEmpty { text += " " }
            text += String(place.offset)
            text += ":"
            text += place.parameter
        }
        return text
    }

    package init(_ bytes: [UInt8], placesText: String) {
        self.bytes = bytes
        secrets = placesText.split(separator: " ").compactMap { place in
            let parts = place.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let offset = Int(parts[0]) else { return nil }
            return Place(offset: offset, parameter: String(parts[1]))
        }
    }
}

/// A request as it was built from the blueprint: what the log shows and what retries send again.
///
/// An object, because it goes through many hands.
package final class MappedRequest: Sendable, Equatable {
    /// The blueprint's name for it, such as `track`.
    package let name: String
    package let method: String
    package let url: MaskedText
    package let encoding: Encoding
    package let body: MaskedText

    package init(
        name: String, method: String, url: MaskedText, encoding: Encoding = .json,
        body: MaskedText
    ) {
        self.name = name
        self.method = method
        self.url = url
        self.encoding = encoding
        self.body = body
    }

    package static func == (left: MappedRequest, right: MappedRequest) -> Bool {
        left.name == right.name && left.method == right.method && left.url == right.url
            && left.encoding == right.encoding && left.body == right.body
    }

    /// How a body is written.
    package enum Encoding: String, Sendable, CaseIterable {
        case json
        /// `application/x-www-form-urlencoded`; lists and objects as JSON text.
        case form

        package var contentType: String {
            switch self {
            case .json: "application/json"
            case .form: "application/x-www-form-urlencoded"
            }
        }
    }
}

/// Why consent let a delivery pass or not: kept with the delivery, so that it can be shown later.
package struct ConsentRecord: Sendable, Equatable {
    package var category: String
    /// `granted`, `denied` or `missing`.
    package var answer: String
    /// Where the answer was read, such as `context.consent.canonical.marketing`.
    package var origin: String
    package var at: Timestamp
    /// The destination's rule, in words.
    package var rule: String

    package init(
        category: String, answer: String, origin: String, at: Timestamp, rule: String
    ) {
        self.category = category
        self.answer = answer
        self.origin = origin
        self.at = at
        self.rule = rule
    }

    /// As the store keeps it.
    package var text: String {
        Fields.join([category, answer, origin, String(at.milliseconds), rule])
    }

    package init?(text: String) {
        let parts = Fields.split(text)
        guard parts.count == 5, let milliseconds = Int64(parts[3]) else { return nil }
        self.init(
            category: parts[0], answer: parts[1], origin: parts[2],
            at: Timestamp(milliseconds: milliseconds), rule: parts[4])
    }
}
