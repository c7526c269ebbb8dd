/// One attempt to send one request of a delivery, as the log keeps it.
package struct Attempt: Sendable, Equatable {
    /// The pass over the schedule that it belongs to, from 1; each replay begins the next.
    package var run: Int
    /// Counted from 1 within the run.
    package var number: Int
    /// The place of its request among the delivery's requests, counted from 0.
    package var step: Int
    /// The moment it began.
    package var startedAt: Timestamp
    /// Milliseconds to the end; nil while open, and for ever when the program ended before the
    /// answer.
    package var duration: Int?
    /// The HTTP status of a complete answer.
    package var status: Int?
    /// The class of its end; nil while it is open.
    package var answerClass: AnswerClass?
    /// The cause in words, when there was no ordinary answer.
    package var note: String?
    /// The beginning of the answer's body, at most 16 KiB.
    package var answer: String?

    /// An attempt with what is known about it so far.
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

/// The class of an attempt's end: decides what follows for the delivery and its destination.
package enum AnswerClass: String, Sendable, CaseIterable {
    /// A complete 2xx header block; whatever the body does after that.
    case delivered
    /// The event was refused, and others may pass. No retry.
    case invalid
    /// The destination's set-up is wrong: every event would fail. The destination is held.
    case setup
    /// The destination was sent too much; tried again no earlier than it asks.
    case throttle
    /// A fault that may pass: tried again on schedule.
    case transient
    /// The program ended before the answer was recorded: it may have been sent.
    case unknown
}
