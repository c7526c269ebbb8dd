import Accept
import Events
import Store

/// Accepting: message ids, events, rejected bodies.
extension SQLiteSession {
    func number(ofSource name: String) throws -> SourceNumber { try sources.number(of: name) }

    func lastEvent() throws -> EventID {
        EventID(number: Int64(try connection.text("SELECT max(id) FROM events") ?? "") ?? 0)
    }

    func event(withMessage digest: Digest128, from source: SourceNumber) throws -> EventID? {
        try keys.event(withMessage: digest, from: source)
    }

    func insert(_ event: EventRecord) throws {
        events.insert(event)
        keys.add(
            KeyIndex.Entry(
                event: event.event.id.number, source: event.source, digest: event.message,
                userKey: event.userKey, emailKey: event.emailKey))
    }

    func insert(_ rejection: Rejection, from source: String, at moment: Timestamp) throws {
        try rejections.insert(rejection, from: source, at: moment)
    }

    func removeRejections(_ numbers: [Int64], of source: String) throws -> Int {
        try rejections.remove(numbers, of: source)
    }
}
