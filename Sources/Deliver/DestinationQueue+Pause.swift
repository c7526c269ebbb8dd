import Events
import Request

/// Pauses that a destination asks for: nothing is sent to it until they are over.
///
/// A pause is the destination's and not the delivery's: an answer with Retry-After stops all of its
/// deliveries, in whatever mode it is, and each keeps its place in its lane. Then it is sent to
/// slowly at first. The store keeps the pause, so that commands show it and a restart goes on with
/// it.
extension DestinationQueue {
    /// The pause that an answer asks for.
    struct AskedPause {
        let length: Duration
        /// A sentence for the log.
        let note: String
    }

    /// The pause that the end of an attempt asks for; nil for none.
    func askedPause(
        _ result: DeliveryMachine.Ended.Result, _ answerClass: AnswerClass, in turn: Turn
    ) -> AskedPause? {
        guard answerClass == .throttle || answerClass == .transient,
            case .exchanged(.answer(let answer)) = result,
            let asked = answer.retryAfter?.pause(from: turn.now.wall), asked > .zero
        else { return nil }
        let length = min(asked, turn.schedule.longestPause)
        var note = "It asked for a pause of \(asked.seconds) s"
        if length < asked { note += "; Sluice waits \(length.seconds) s at the most" }
        return AskedPause(length: length, note: note + ".")
    }

    /// Sends nothing more until the pause is over; of several the one that ends last counts.
    mutating func begin(
        _ pause: AskedPause, in turn: Turn, into actions: inout [DeliveryMachine.Action]
    ) {
        let until = turn.now.steady + pause.length
        guard pausingUntil.map({ until > $0 }) ?? true else { return }
        pausingUntil = until
        savePause(in: turn, into: &actions)
    }

    /// Goes on, slowly, when the pause is over.
    mutating func endPause(in turn: Turn, into actions: inout [DeliveryMachine.Action]) {
        guard let until = pausingUntil, until <= turn.now.steady else { return }
        cutPause()
        actions.append(.store(.pause(destination: name, nil)))
    }

    /// Goes on before the pause is over, because an operator says so; the store knows.
    mutating func cutPause() {
        guard pausingUntil != nil else { return }
        pausingUntil = nil
        pace.beginSlowly()
        stored.isDue = true
    }

    /// Has the store keep the pause as the wall clock shows it now.
    func savePause(in turn: Turn, into actions: inout [DeliveryMachine.Action]) {
        guard let pausingUntil else { return }
        let pause = Pause(since: turn.now.wall, until: turn.now.wall(at: pausingUntil))
        actions.append(.store(.pause(destination: name, pause)))
    }
}

extension Duration {
    /// Whole seconds, rounded up.
    fileprivate var seconds: Int64 { (milliseconds + 999) / 1_000 }
}
