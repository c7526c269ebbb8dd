import Events

/// 128 bits that stand for a text: of a message id, or of an identifier.
struct Digest128: Hashable, Sendable {
    let high: UInt64
    let low: UInt64

    /// The first sixteen bytes.
    init(_ bytes: UnsafeRawBufferPointer) {
        high = UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
        low = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }

    /// As the file keeps it.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: (high.bigEndian, low.bigEndian), body)
    }

    var bytes: [UInt8] { withBytes { Array($0) } }

    /// The first 64 bits, as an index keeps them.
    var number: Int64 { Int64(bitPattern: high) }
}

/// What events are found by: message ids, so that a repeat is recognised, and people.
///
/// The order of both is random, so that each entry on its own would cost a page of the file. Those
/// of the newest events are known in memory and stand nowhere but in the events themselves; they
/// are folded into the sorted tables by the thousand: then a page takes many.
final class KeyIndex {
    /// Entries at which folding begins.
    static let gathered = 32_768
    /// Entries that are folded with one transaction at the least.
    static let slice = 256

    struct Entry {
        let event: Int64
        let source: Int64
        let digest: Digest128
        let userKey: Int64?
        let emailKey: Int64?
    }
    private struct Message: Hashable {
        let source: Int64
        let digest: Digest128
    }
    /// The first entries, sorted, on their way into the tables.
    private struct Fold {
        let count: Int
        let messages: [(message: Message, event: Int64)]
        let keys: [(key: Int64, event: Int64)]
        var position = 0
        var length: Int { max(messages.count, keys.count) }
    }
    private let foldAt: Int
    private let select, saveFolded: Statement
    private let foldMessages: RowInserter<(message: Message, event: Int64)>
    private let foldKeys: RowInserter<(key: Int64, event: Int64)>
    let filter: MessageFilter
    private let selectKeys, deleteKey, deleteMessage: Statement
    /// Of the events that are not folded, in their order.
    private var entries: [Entry] = []
    private var known: [Message: Int64] = [:]
    private var fold: Fold?
    /// Events among them that belong to nobody any more.
    private var keyless: Set<Int64> = []

    // What the open transaction has done; undone when it fails.
    private var added = 0
    private var advanced = 0
    private var isFolded = false
    private var leaving: Set<Int64> = []
    private var freed: Set<Message> = []

    /// - Parameter foldAt: entries at which folding begins.
    init(_ connection: Connection, foldAt: Int = gathered) throws {
        self.foldAt = foldAt
        select = try connection.prepare(
            "SELECT event FROM messages WHERE source = ? AND digest = ?")
        foldMessages = try RowInserter(
            connection, "INSERT OR IGNORE INTO messages (source, digest, event)", columns: 3
        ) { entry, insert, index in
            insert.bind(index + 1, entry.message.source).bind(index + 2, entry.message.digest)
                .bind(index + 3, entry.event)
        }
        foldKeys = try RowInserter(
            connection, "INSERT OR IGNORE INTO event_keys (key, event)", columns: 2
        ) { entry, insert, index in
            insert.bind(index + 1, entry.key).bind(index + 2, entry.event)
        }
        filter = try MessageFilter(connection)
        saveFolded = try connection.prepare(
            "INSERT INTO meta VALUES ('keys_folded', ?) ON CONFLICT DO UPDATE SET value = ?1")
        selectKeys = try connection.prepare("SELECT user_key, email_key FROM events WHERE id = ?")
        deleteKey = try connection.prepare("DELETE FROM event_keys WHERE key = ? AND event = ?")
        deleteMessage = try connection.prepare(
            "DELETE FROM messages WHERE source = ? AND digest = ? AND event = ?")
        let all = try connection.prepare(
            """
            SELECT id, source, message_id, user_key, email_key FROM events
            WHERE \(Self.unfolded) AND message_id <> '' ORDER BY id
            """)
        while try all.step() {
            note(
                Entry(
                    event: all.int64(0), source: all.int64(1),
                    digest: Hasher128.digest(messageID: all.text(2) ?? ""),
                    userKey: all.optionalInt64(3), emailKey: all.optionalInt64(4)))
        }
    }

    /// Which events are not in the sorted tables yet.
    static let unfolded = """
        events.id > coalesce((SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta
            WHERE key = 'keys_folded'), 0)
        """

    private func note(_ entry: Entry) {
        entries.append(entry)
        known[Message(source: entry.source, digest: entry.digest)] = entry.event
    }

    /// The event that came with a message id before; nil when none did.
    func event(_ digest: Digest128, source: Int64) throws -> EventID? {
        if let event = known[Message(source: source, digest: digest)] {
            return EventID(number: event)
        }
        guard filter.mayHold(digest) else { return nil }
        select.reset().bind(1, source).bind(2, digest)
        defer { select.reset() }
        return try select.step() ? EventID(number: select.int64(0)) : nil
    }

    /// Takes a stored event's keys.
    func add(_ entry: Entry) {
        note(entry)
        added += 1
    }

    /// The events of an identifier, wherever they are; its key is ?1.
    static let eventsOfKey = """
        SELECT event FROM event_keys WHERE key = ?1
        UNION SELECT id FROM events WHERE \(unfolded) AND (user_key = ?1 OR email_key = ?1)
        """

    /// Makes an event unfindable by the people it belonged to; its message id stays known when it
    /// stands in the event no more.
    func forgetKeys(of event: EventID) throws {
        try deleteKeys(of: event)
        guard let entry = entry(of: event) else { return }
        let message = Message(source: entry.source, digest: entry.digest)
        try fold([(message: message, event: entry.event)])
    }

    private func deleteKeys(of event: EventID) throws {
        defer { selectKeys.reset() }
        guard try selectKeys.reset().bind(1, event.number).step() else { return }
        for key in [selectKeys.optionalInt64(0), selectKeys.optionalInt64(1)].compactMap({ $0 }) {
            try deleteKey.reset().bind(1, key).bind(2, event.number).run()
        }
        leaving.insert(event.number)
    }

    private func entry(of event: EventID) -> Entry? {
        let index = entries.partitionIndex { $0.event < event.number }
        return index < entries.count && entries[index].event == event.number
            ? entries[index] : nil
    }

    /// Forgets an event altogether; its message id is free again.
    func remove(_ event: EventID, source: Int64, digest: Digest128) throws {
        try deleteKeys(of: event)
        deleteMessage.reset().bind(1, source).bind(2, digest).bind(3, event.number)
        try deleteMessage.run()
        freed.insert(Message(source: source, digest: digest))
    }

    // MARK: Folding

    /// Folds a slice when it is time to; more, the more this transaction has added.
    func foldSlice() throws {
        guard fold != nil || entries.count >= foldAt else { return }
        try advance(by: max(Self.slice, 2 * added))
    }

    private func advance(by count: Int) throws {
        guard !isFolded else { return }
        let current = fold ?? begin()
        fold = current
        let from = current.position + advanced
        let to = min(current.length, from + count)
        try fold(current.messages.dropFirst(from).prefix(to - from))
        try fold(current.keys.dropFirst(from).prefix(to - from))
        advanced = to - current.position
        isFolded = to == current.length
        guard isFolded else { return }
        let last = String(entries[current.count - 1].event)
        try saveFolded.reset().bind(1, Array(last.utf8)).run()
    }

    private func fold(_ entries: some Sequence<(message: Message, event: Int64)>) throws {
        // One that was removed meanwhile is not known any more.
        for entry in entries
        where known[entry.message] == entry.event && !freed.contains(entry.message) {
            filter.note(entry.message.digest)
            foldMessages.add(entry)
        }
        try foldMessages.flush()
    }

    private func fold(_ entries: some Sequence<(key: Int64, event: Int64)>) throws {
        for entry in entries
        where !keyless.contains(entry.event) && !leaving.contains(entry.event) {
            foldKeys.add(entry)
        }
        try foldKeys.flush()
    }

    private func begin() -> Fold {
        var messages = entries.map {
            (message: Message(source: $0.source, digest: $0.digest), event: $0.event)
        }
        // Near enough to the order of the table: who shares 64 bits may stand either way round.
        messages.sort { left, right in
            left.message.source != right.message.source
                ? left.message.source < right.message.source
                : left.message.digest.high < right.message.digest.high
        }
        var keys: [(key: Int64, event: Int64)] = []
        keys.reserveCapacity(2 * entries.count)
        for entry in entries {
            if let key = entry.userKey { keys.append((key, entry.event)) }
            if let key = entry.emailKey { keys.append((key, entry.event)) }
        }
        return Fold(
            count: entries.count, messages: messages,
            keys: keys.sorted { $0.key != $1.key ? $0.key < $1.key : $0.event < $1.event })
    }

    // MARK: Transactions

    /// The transaction is in the file.
    func keep() {
        fold?.position += advanced
        for message in freed { known[message] = nil }
        keyless.formUnion(leaving)
        let done = isFolded ? fold : nil
        beginTransaction()
        guard let done else { return }
        for entry in entries.prefix(done.count) {
            known[Message(source: entry.source, digest: entry.digest)] = nil
            keyless.remove(entry.event)
        }
        entries.removeFirst(done.count)
        fold = nil
    }

    /// Nothing of the transaction is in the file.
    func undo() {
        for entry in entries.suffix(added) {
            known[Message(source: entry.source, digest: entry.digest)] = nil
        }
        entries.removeLast(added)
        // One that was begun in it may speak of what is no more.
        if fold?.position == 0 { fold = nil }
        beginTransaction()
    }

    private func beginTransaction() {
        added = 0
        advanced = 0
        isFolded = false
        leaving = []
        freed = []
    }
}
