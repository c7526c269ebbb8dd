import Events
import Store
import JSON

/// When keys are folded and merged.
package struct KeyLimits: Sendable {
    /// New events at which folding their keys into a run begins.
    package var gathered = 32_768
    /// Rows of a kind that are folded with one transaction at the least.
    package var folded = 256
    /// Runs at which merging begins, of up to twice as many; each is looked into for a key.
    package var runs = 32
    /// Rows of a kind that are merged of each run at once at the least: a page or so.
    package var merged = 128

    package init() {}
}

/// The keys by which events are found: message ids, so that a repeat is recognised, and people.
///
/// The order of both is random, so that each entry on its own would cost a page of the file. Those
/// of the newest events are known in memory and stand nowhere but in the events themselves; by the
/// thousand they are folded into a sorted run, and many runs are merged into the sorted tables
/// (`KeyRuns`).
final class KeyIndex: TransactionParticipant {
    /// The keys of an event.
    struct Entry {
        let event: Int64
        let source: SourceNumber
        let digest: Digest128
        let userKey: Int64?
        let emailKey: Int64?

        fileprivate var message: Message { Message(source: source, digest: digest) }
    }
    fileprivate struct Message: Hashable {
        let source: Int64
        let digest: Digest128

        // The digest is random.
        func hash(into hasher: inout Hasher) { hasher.combine(digest.low) }
    }
    /// The first entries, sorted, on their way into a run.
    private struct Fold {
        let run: Int64
        let count: Int
        let messages: [MessageRow]
        let people: [PersonRow]
        var position = 0
        var length: Int { max(messages.count, people.count) }
    }
    private let limits: KeyLimits
    private let messages: KeyRuns<MessageRow>
    private let people: KeyRuns<PersonRow>
    let filter: MessageFilter
    private let selectAny, selectSorted, saveFolded, insertRun, deleteRun, selectKeys: Statement
    /// For an event: its keys, and its message id.
    private let deleteKeys, deleteMessages: [Statement]
    /// Of the events that are not folded, in their order.
    private var entries: [Entry] = []
    private var known: [Message: Int64] = [:]
    private var fold: Fold?
    /// Events among them that belong to nobody any more.
    private var keyless: Set<Int64> = []
    /// Events among them that are removed altogether.
    private var gone: Set<Int64> = []
    /// Runs in the file, the one that is folded into among them.
    private var runs: [Int64] = []
    /// The runs that are being merged into the sorted tables.
    private var merging: [Int64] = []

    // What the open transaction has done; undone when it fails.
    private var added = 0
    private var advanced = 0
    private var isFolded = false
    private var isMerged = false
    /// Message ids that are in the file from now on.
    private var noted: [Digest128] = []
    private var leaving: Set<Int64> = []
    private var removed: Set<Int64> = []

    init(_ connection: Connection, _ limits: KeyLimits = KeyLimits()) throws {
        self.limits = limits
        messages = try KeyRuns(connection)
        people = try KeyRuns(connection)
        filter = try MessageFilter(connection)
        selectAny = try connection.prepare(Self.eventsOfMessage("?1"))
        selectSorted = try connection.prepare(Self.sortedOfMessage("?1"))
        saveFolded = try connection.prepare(
            "INSERT INTO meta VALUES ('keys_folded', ?) ON CONFLICT DO UPDATE SET value = ?1")
        insertRun = try connection.prepare("INSERT INTO key_runs VALUES (?, ?, ?)")
        deleteRun = try connection.prepare("DELETE FROM key_runs WHERE run = ?")
        selectKeys = try connection.prepare("SELECT user_key, email_key FROM events WHERE id = ?")
        func deletions(_ table: String, _ condition: String) throws -> [Statement] {
            let runs = "SELECT run FROM key_runs WHERE ?1 BETWEEN first AND last"
            return try [
                "DELETE FROM \(table) WHERE \(condition) AND event = ?1",
                "DELETE FROM run_\(table) WHERE run IN (\(runs)) AND \(condition) AND event = ?1",
            ].map { try connection.prepare($0) }
        }
        deleteKeys = try deletions(PersonRow.table, "key = ?2")
        deleteMessages = try deletions(MessageRow.table, "source = ?2 AND digest = ?3")
        let selectRuns = try connection.prepare("SELECT run FROM key_runs ORDER BY run")
        while try selectRuns.step() { runs.append(selectRuns.int64(0)) }
        let all = try connection.prepare(
            """
            SELECT id, source, message_id, user_key, email_key FROM events
            WHERE \(Self.unfolded) AND message_id <> ''
                AND unicode(message_id) <> \(EmptiedMessageID.mark.value) ORDER BY id
            """)
        while try all.step() {
            remember(
                Entry(
                    event: all.int64(0), source: all.int64(1),
                    digest: EmptiedMessageID.digest(of: all.text(2) ?? ""),
                    userKey: all.optionalInt64(3), emailKey: all.optionalInt64(4)))
        }
    }

    /// The condition that selects events that are in no run and no sorted table yet.
    static let unfolded = """
        events.id > coalesce((SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta
            WHERE key = 'keys_folded'), 0)
        """

    /// Events that have come with a message id, but those that are not folded; its digest is ?2.
    ///
    /// - Parameter sources: the sources it came from, as SQL lists them.
    static func eventsOfMessage(_ sources: String) -> String {
        """
        \(sortedOfMessage(sources))
        UNION ALL SELECT event FROM key_runs CROSS JOIN run_messages USING (run)
            WHERE source IN (\(sources)) AND digest = ?2
        """
    }

    private static func sortedOfMessage(_ sources: String) -> String {
        "SELECT event FROM messages WHERE source IN (\(sources)) AND digest = ?2"
    }

    /// The events of identifiers, wherever they are.
    ///
    /// - Parameters:
    ///   - keys: their keys, as SQL lists them.
    ///   - event: only events after this one.
    static func events(of keys: String, after event: String = "-1") -> String {
        """
        SELECT event FROM event_keys WHERE key IN (\(keys)) AND event > \(event)
        UNION SELECT event FROM key_runs CROSS JOIN run_event_keys USING (run)
            WHERE key IN (\(keys)) AND event > \(event)
        UNION SELECT id FROM events
            WHERE \(unfolded) AND id > \(event)
                AND (user_key IN (\(keys)) OR email_key IN (\(keys)))
        """
    }

    private func remember(_ entry: Entry) {
        entries.append(entry)
        known[entry.message] = entry.event
    }

    /// The event that came with a message id before; nil when none did.
    func event(withMessage digest: Digest128, from source: SourceNumber) throws -> EventID? {
        if let event = known[Message(source: source, digest: digest)] {
            return EventID(number: event)
        }
        let select: Statement
        switch filter.find(digest) {
        case .nowhere: return nil
        case .sorted: select = selectSorted
        case .anywhere: select = selectAny
        }
        select.reset().bind(1, source).bind(2, digest)
        defer { select.reset() }
        return try select.step() ? EventID(number: select.int64(0)) : nil
    }

    /// Adds the keys of an event that is being stored.
    func add(_ entry: Entry) {
        remember(entry)
        added += 1
    }

    /// Makes an event that is stored already findable under one more key.
    func add(_ key: Int64, of event: EventID) throws {
        people.insert(PersonRow(key: key, event: event.number))
        try people.flush()
    }

    /// Makes an event unfindable by the people it belonged to; its message id stays known when it
    /// stands in the event no more.
    func forgetKeys(of event: EventID) throws {
        try removeKeys(of: event)
        guard let entry = entry(of: event.number) else { return }
        noted.append(entry.digest)
        messages.insert(
            MessageRow(source: entry.source, digest: entry.digest, event: entry.event))
        try messages.flush()
    }

    private func removeKeys(of event: EventID) throws {
        defer { selectKeys.reset() }
        guard try selectKeys.reset().bind(1, event.number).step() else { return }
        for key in [selectKeys.optionalInt64(0), selectKeys.optionalInt64(1)].compactMap({ $0 }) {
            for delete in deleteKeys {
                try delete.reset().bind(1, event.number).bind(2, key).run()
            }
        }
        leaving.insert(event.number)
    }

    private func entry(of event: Int64) -> Entry? {
        let index = entries.partitionIndex { $0.event < event }
        return index < entries.count && entries[index].event == event ? entries[index] : nil
    }

    /// Forgets an event altogether; its message id is free again.
    func remove(
        _ event: EventID, source: SourceNumber, message digest: Digest128
    ) throws {
        try removeKeys(of: event)
        for delete in deleteMessages {
            delete.reset().bind(1, event.number).bind(2, source).bind(3, digest)
            try delete.run()
        }
        removed.insert(event.number)
    }

    // MARK: Folding

    /// Folds and merges a slice when it is time to; more, the more this transaction has added.
    func settle() throws {
        if fold != nil || entries.count >= limits.gathered {
            try advance(by: max(limits.folded, 4 * added))
        }
        try merge()
    }

    private func advance(by count: Int) throws {
        guard !isFolded else { return }
        let current = try fold ?? begin()
        fold = current
        let from = current.position + advanced
        let to = min(current.length, from + count)
        // One that was removed meanwhile is not known any more.
        for row in current.messages.dropFirst(from).prefix(to - from)
        where !gone.contains(row.event) && !removed.contains(row.event) {
            noted.append(row.digest)
            messages.append(row, to: current.run)
        }
        for row in current.people.dropFirst(from).prefix(to - from)
        where !keyless.contains(row.event) && !leaving.contains(row.event) {
            people.append(row, to: current.run)
        }
        try messages.flush()
        try people.flush()
        advanced = to - current.position
        isFolded = to == current.length
        guard isFolded else { return }
        let last = String(entries[current.count - 1].event)
        try saveFolded.reset().bind(1, Array(last.utf8)).run()
    }

    private func begin() throws -> Fold {
        let run = (runs.last ?? 0) + 1
        insertRun.reset().bind(1, run).bind(2, entries[0].event)
            .bind(3, entries[entries.count - 1].event)
        try insertRun.run()
        runs.append(run)
        var people: [PersonRow] = []
        people.reserveCapacity(2 * entries.count)
        for entry in entries {
            if let key = entry.userKey { people.append(PersonRow(key: key, event: entry.event)) }
            if let key = entry.emailKey { people.append(PersonRow(key: key, event: entry.event)) }
        }
        people.sort()
        let messages = entries.map {
            MessageRow(source: $0.source, digest: $0.digest, event: $0.event)
        }.sorted()
        return Fold(run: run, count: entries.count, messages: messages, people: people)
    }

    // MARK: Merging

    /// Merges a slice of the oldest runs into the sorted tables when there are many.
    private func merge() throws {
        if merging.isEmpty {
            let whole = fold == nil ? runs : runs.dropLast()
            guard whole.count >= limits.runs else { return }
            merging = Array(whole.prefix(2 * limits.runs))
        }
        // Twice as many as can have come, so that it comes to an end.
        let areMoved = try messages.moveOwed(
            from: merging, adding: 2 * added, atLeast: limits.merged)
        let ofPeople = try people.moveOwed(
            from: merging, adding: 4 * added, atLeast: limits.merged)
        guard areMoved || ofPeople,
            try messages.isEmpty(merging), try people.isEmpty(merging)
        else { return }
        for run in merging { try deleteRun.reset().bind(1, run).run() }
        isMerged = true
    }

    // MARK: Transactions

    /// The transaction is in the file.
    func keep() {
        fold?.position += advanced
        noted.forEach(filter.note)
        for event in removed {
            guard let entry = entry(of: event) else { continue }
            known[entry.message] = nil
            gone.insert(event)
        }
        for event in leaving where entry(of: event) != nil { keyless.insert(event) }
        if isMerged {
            runs.removeFirst(merging.count)
            merging = []
        }
        let done = isFolded ? fold : nil
        beginTransaction()
        guard let done else { return }
        let last = entries[done.count - 1].event
        for entry in entries.prefix(done.count) where !gone.contains(entry.event) {
            known[entry.message] = nil
        }
        gone = gone.filter { $0 > last }
        keyless = keyless.filter { $0 > last }
        entries.removeFirst(done.count)
        fold = nil
    }

    /// Nothing of the transaction is in the file.
    func undo() {
        for entry in entries.suffix(added) { known[entry.message] = nil }
        entries.removeLast(added)
        // One that was begun in it may speak of what is no more.
        if fold?.position == 0 {
            fold = nil
            runs.removeLast()
        }
        messages.discard()
        people.discard()
        beginTransaction()
    }

    private func beginTransaction() {
        added = 0
        advanced = 0
        isFolded = false
        isMerged = false
        noted.removeAll(keepingCapacity: true)
        leaving = []
        removed = []
    }
}
