package import Events
package import Request

/// Runs a `DeliveryMachine`: feeds it what happens and does what it decides.
///
/// News from the store go through the `Builder`, which builds the requests on its own thread, and
/// then into the mailbox. Everything else happens on the transport's thread, in turns. One turn
/// empties the mailbox, hands the inputs to the machine and carries out its actions: it sends
/// requests, changes the room, and gives the store its work in one piece. Ended exchanges put their
/// results into the mailbox for the same thread's next turn. Nothing here waits for the store or
/// the network.
package final class Deliverer: Sendable {
    private struct Mailbox {
        var inputs: [DeliveryMachine.Input] = []
        /// Deliveries and claims under way, and inputs that are being handled.
        var active = 0
        var isDraining = false
    }
    /// The state that goes from turn to turn.
    private struct Run {
        var machine: DeliveryMachine
        /// The steady time of the next turn, when nothing happens before.
        var next: Timestamp
    }
    private let mailbox: Locked<Mailbox>
    /// Puts something before the machine, for its next turn.
    private let post: @Sendable (DeliveryMachine.Input) -> Void
    private let builder: Builder
    private let transport: any Transport
    private let builders: any RequestBuilders
    private let room: Room
    private let clock: WorldClock
    private let alerts: @Sendable (Alert) -> Void
    private let turns: any Turns

    /// The time after which a turn is taken although nothing has happened.
    private static let longestSleep = Duration.seconds(1)

    /// - Parameters:
    ///   - turns: where the work is done; exchanges that end there cost no waking.
    ///   - builders: the pipeline as it is now.
    ///   - room: places in memory, shared with the store.
    ///   - alerts: called there; must return at once.
    ///   - mark: called with the delivery whose request is about to be built, and with nil after,
    ///     on another thread.
    package init(
        transport: any Transport, turns: any Turns, builders: any RequestBuilders, room: Room,
        clock: WorldClock,
        alerts: @escaping @Sendable (Alert) -> Void = { _ in },
        mark: @escaping @Sendable (DeliveryID?) -> Void = { _ in }
    ) {
        let mailbox = Locked(Mailbox())
        self.mailbox = mailbox
        post = { input in
            mailbox.withLock { $0.inputs.append(input) }
            turns.wake()
        }
        builder = Builder(builders: builders, mark: mark, output: post)
        self.turns = turns
        self.alerts = alerts
        self.transport = transport
        self.builders = builders
        self.room = room
        self.clock = clock
    }

    /// Begins to work; the machine belongs to the turns from here on.
    package func start(_ machine: sending DeliveryMachine, store: any DeliveryStore) {
        let runs = Locked<Run?>(Run(machine: machine, next: clock.steady()))
        turns.takeTurns { [self] in
            guard var run = runs.withLock({ $0.take() }) else { return Self.longestSleep }
            let pause = turn(&run, with: store)
            runs.withLock { $0 = run }
            return pause
        }
        turns.wake()
    }

    /// Takes news from the store; returns at once.
    package func tell(_ news: [StoreNews]) {
        let urgent = news.compactMap { UrgentNews($0) }
        if !urgent.isEmpty { post(.urgent(urgent)) }
        builder.post(.news(news))
    }

    /// Takes the destinations of a changed pipeline.
    package func change(
        _ limits: [String: DeliveryLimits], known: [String: DestinationRecord]
    ) {
        builder.post(.limits(limits, known: known))
    }

    /// Begins nothing more and waits for the attempts under way; true when all of them ended.
    package func drain(atMost time: Duration) -> Bool {
        builder.post(.drain)
        return mailbox.wait(atMost: time) { mailbox in
            mailbox.isDraining && mailbox.inputs.isEmpty && mailbox.active == 0 ? true : nil
        } ?? false
    }

    /// Takes no more turns.
    ///
    /// An exchange that is still in flight will read "may have been sent".
    package func stop() {
        turns.takeTurns(nil)
        builder.close()
    }

    /// Handles what has come in or fallen due; gives the time until something will.
    private func turn(_ run: inout Run, with store: any DeliveryStore) -> Duration {
        var inputs = mailbox.withLock { mailbox in
            let inputs = mailbox.inputs
            mailbox.inputs = []
            // Whoever waits for the end must not take this moment for it.
            mailbox.active += inputs.count
            return inputs
        }
        let now = clock.moment
        if inputs.isEmpty, run.next <= now.steady { inputs = [.tick] }
        if !inputs.isEmpty {
            feed(inputs, to: &run.machine, store: store)
            let latest = now.steady + Self.longestSleep
            run.next = min(run.machine.nextWake(now: now) ?? latest, latest)
        }
        return max(.zero, run.next.since(now.steady))
    }

    /// Hands inputs to the machine and carries out its actions, until nothing more follows.
    private func feed(
        _ inputs: [DeliveryMachine.Input], to machine: inout DeliveryMachine,
        store: any DeliveryStore
    ) {
        var work: [DeliveryWork] = []
        var pending = inputs
        while !pending.isEmpty {
            var more: [DeliveryMachine.Input] = []
            for action in machine.handle(pending, now: clock.moment) {
                switch action {
                case .store(let item): work.append(item)
                case .start(let job): if let end = begin(job) { more.append(end) }
                case .alert(let alert): alerts(alert)
                case .room, .claim:
                    if case .store(let item)? = room.carryOut(action, of: &machine) {
                        work.append(item)
                    }
                }
            }
            pending = more
        }
        if !work.isEmpty { store.submit(work) }
        let (active, isDraining) = (machine.active, machine.isDraining)
        mailbox.signal { ($0.active, $0.isDraining) = (active, isDraining) }
    }

    /// Sends a job's request; returns at once, with the end when there is nothing to send.
    private func begin(_ job: Job) -> DeliveryMachine.Input? {
        let startedAt = clock.moment
        let ready: ReadyJob
        do throws(BuildFault) {
            ready = try builders.ready(job)
        } catch {
            return .ended(job.unsent, .init(result: .unbuildable(error), startedAt: startedAt))
        }
        let (sent, builder) = (ready.job, ready.builder)
        let name = ready.request.name
        var outgoing = builder.outgoing(ready.request, for: sent.event, at: startedAt.wall)
        outgoing.usesNewConnection = sent.tries > 0
        transport.send(outgoing) { [self] result in
            let (result, answer) = result.masked(builder.mask)
            var ended = DeliveryMachine.Ended(
                result: .exchanged(result), rules: builder.answerRules(for: name),
                startedAt: startedAt, answer: answer)
            ended.hasOwnAddress = builder.hasAddressPerEvent(name)
            post(.ended(sent, ended))
        }
        return nil
    }
}

extension TransportResult {
    /// The same result with every text run through `mask`, and the body as text, when it has one.
    package func masked(_ mask: (String) -> String) -> (TransportResult, body: String?) {
        switch self {
        case .failure(var failure):
            failure.message = mask(failure.message)
            return (.failure(failure), nil)
        case .answer(var answer):
            answer.note = answer.note.map(mask)
            answer.location = answer.location.map(mask)
            if answer.body.isEmpty { return (.answer(answer), nil) }
            let text = mask(String(decoding: answer.body, as: UTF8.self))
            // Nothing reads the bytes any more.
            answer.body = []
            return (.answer(answer), text)
        }
    }
}
