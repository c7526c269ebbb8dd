package import Events

/// Knows the destinations as they are now.
package protocol Targets: Sendable {
    /// The destination of that name; nil when it is gone.
    func target(_ name: String) -> (any Target)?
}

/// One state of a destination, for a whole exchange, whatever is read meanwhile.
package protocol Target: AnyObject, Sendable {
    /// The requests a job becomes, and the blueprint revision they come from.
    func requests(for job: Job) -> Result<(requests: [MappedRequest], revision: String), BuildFault>
    /// The request as it travels: secrets, headers and signature in place.
    func outgoing(_ request: MappedRequest, for event: Event, at now: Timestamp) -> OutgoingRequest
    /// The blueprint's rules for reading the answer to a request, the most special first.
    func answerRules(for request: String) -> [AnswerRule]
    /// A text with every secret that occurs in it masked: for answers that echo one.
    func mask(_ text: String) -> String
}

/// A thread that takes turns with its user's work: what ends on it is taken up at once, without
/// waking another.
package protocol Turns: Sendable {
    /// Calls `turn` again and again: when woken, when its own work has come to something, and after
    /// the milliseconds the last call gave. Nil ends it.
    func takeTurns(_ turn: (@Sendable () -> Int64)?)
    /// Has the next turn taken at once.
    func wake()
}

/// Runs a `DeliveryMachine` on the transport's thread: sends requests, records the ends.
package final class Deliverer: Sendable {
    private struct Mailbox {
        var inputs: [DeliveryMachine.Input] = []
        /// What is under way, with inputs that are being taken.
        var active = 0
        var isDraining = false
    }
    /// What goes from turn to turn.
    private struct Run {
        var machine: DeliveryMachine
        var next: Timestamp
    }
    private let mailbox: Locked<Mailbox>
    /// Puts something before the machine, for its next turn.
    private let post: @Sendable (DeliveryMachine.Input) -> Void
    private let builder: Builder
    private let transport: any Transport
    private let targets: any Targets
    private let clock: WorldClock
    private let alerts: @Sendable (Alert) -> Void
    private let turns: any Turns

    /// Milliseconds after which a turn is taken although nothing has happened.
    private static let longestSleep: Int64 = 1_000

    /// - Parameters:
    ///   - turns: where the work is done; what the transport completes there costs no waking.
    ///   - alerts: called there; must return at once.
    ///   - mark: called with the delivery whose request is about to be built, and with nil after,
    ///     on another thread.
    package init(
        transport: any Transport, turns: any Turns, targets: any Targets, clock: WorldClock,
        alerts: @escaping @Sendable (Alert) -> Void = { _ in },
        mark: @escaping @Sendable (DeliveryID?) -> Void = { _ in }
    ) {
        let mailbox = Locked(Mailbox())
        self.mailbox = mailbox
        post = { input in
            mailbox.withLock { $0.inputs.append(input) }
            turns.wake()
        }
        builder = Builder(targets: targets, mark: mark, output: post)
        self.turns = turns
        self.alerts = alerts
        self.transport = transport
        self.targets = targets
        self.clock = clock
    }

    /// Begins to work; the machine belongs to the turns from here on.
    package func start(_ machine: sending DeliveryMachine, store: any DeliveryStore) {
        let runs = Locked<Run?>(Run(machine: machine, next: clock.now()))
        turns.takeTurns { [self] in
            guard var run = runs.withLock({ $0.take() }) else { return Self.longestSleep }
            let pause = turn(&run, store)
            runs.withLock { $0 = run }
            return pause
        }
        turns.wake()
    }

    /// Takes news from the store; returns at once.
    package func tell(_ news: [StoreNews]) {
        let urgent = news.filter(\.isUrgent)
        if !urgent.isEmpty { post(.ahead(urgent)) }
        builder.post(.news(news))
    }

    /// Takes the destinations of a changed pipeline.
    package func change(_ limits: [String: DeliveryLimits], held: [String: HoldKind]) {
        builder.post(.limits(limits, held: held))
    }

    /// Begins nothing more and waits for what is under way; says whether all of it ended.
    package func drain(atMost milliseconds: Int64) -> Bool {
        builder.post(.drain)
        return mailbox.wait(atMost: milliseconds) { mailbox in
            mailbox.isDraining && mailbox.inputs.isEmpty && mailbox.active == 0 ? true : nil
        } ?? false
    }

    /// Takes no more turns.
    ///
    /// What is still in flight will read "may have been sent".
    package func stop() {
        turns.takeTurns(nil)
        builder.close()
    }

    /// Does what has come in or fallen due; gives the milliseconds until something will.
    private func turn(_ run: inout Run, _ store: any DeliveryStore) -> Int64 {
        var inputs = mailbox.withLock { mailbox in
            let inputs = mailbox.inputs
            mailbox.inputs = []
            // Whoever waits for the end must not take this moment for it.
            mailbox.active += inputs.count
            return inputs
        }
        let now = clock.now()
        if inputs.isEmpty, run.next <= now { inputs = [.tick] }
        if !inputs.isEmpty {
            step(&run.machine, inputs, store)
            let wake = run.machine.nextWake(now: now) ?? now + Self.longestSleep
            run.next = min(wake, now + Self.longestSleep)
        }
        return max(0, run.next - now)
    }

    private func step(
        _ machine: inout DeliveryMachine, _ inputs: [DeliveryMachine.Input],
        _ store: any DeliveryStore
    ) {
        var work: [DeliveryWork] = []
        var pending = inputs
        while !pending.isEmpty {
            var more: [DeliveryMachine.Input] = []
            for action in machine.handle(pending, now: clock.now()) {
                switch action {
                case .store(let item): work.append(item)
                case .start(let job): if let end = begin(job) { more.append(end) }
                case .alert(let alert): alerts(alert)
                }
            }
            pending = more
        }
        if !work.isEmpty { store.submit(work) }
        let (active, isDraining) = (machine.active, machine.isDraining)
        mailbox.signal { ($0.active, $0.isDraining) = (active, isDraining) }
    }

    /// Sends a job's request; returns at once with the end when there is nothing to send.
    private func begin(_ planned: Job) -> DeliveryMachine.Input? {
        let startedAt = clock.now()
        var job = planned
        func unbuildable(_ fault: BuildFault) -> DeliveryMachine.Input {
            .ended(job.unsent, .init(result: .unbuildable(fault), startedAt: startedAt))
        }
        guard let target = targets.target(job.id.destination) else { return unbuildable(.gone) }
        if let state = job.builder, state !== target {
            // The pipeline has changed since: nothing of the one before may be sent.
            job = targets.building(job.unsent)
        }
        let request: MappedRequest
        switch job.request {
        case .success(let built): request = built
        case .failure(let fault): return unbuildable(fault)
        }
        transport.send(target.outgoing(request, for: job.event, at: startedAt)) {
            [self, job] result in
            let (result, answer) = result.masked(target.mask)
            let ended = DeliveryMachine.Ended(
                result: .exchanged(result), rules: target.answerRules(for: request.name),
                startedAt: startedAt, answer: answer)
            post(.ended(job, ended))
        }
        return nil
    }
}

extension TransportResult {
    /// The same with every text run through `mask`, and the body as text, when there is one.
    fileprivate func masked(_ mask: (String) -> String) -> (TransportResult, body: String?) {
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
