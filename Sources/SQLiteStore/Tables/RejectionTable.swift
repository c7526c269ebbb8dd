import Accept
import Events
import Store

/// The rejections table: bodies that could not be used, kept apart from events.
final class RejectionTable {
    private let insert: Statement
    private let connection: Connection

    init(_ connection: Connection) throws {
        self.connection = connection
        insert = try connection.prepare(
            """
            INSERT INTO rejections (source, received_at, message_id, code, message, hint, body,
                headers, removed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
    }

    func insert(_ rejection: Rejection, from source: String, at moment: Timestamp) throws {
        insert.reset().bind(1, source).bind(2, moment.milliseconds)
            .bind(3, rejection.messageID).bind(4, rejection.problem.code)
            .bind(5, rejection.problem.message).bind(6, rejection.problem.hint)
            .bind(7, rejection.body).bind(8, rejection.headers)
            .bind(9, rejection.removed.joined(separator: "\n"))
        try insert.run()
    }

    /// - Returns: how many of the source's rows were there.
    func remove(_ numbers: [Int64], of source: String) throws -> Int {
        let delete = try connection.prepare("DELETE FROM rejections WHERE id = ? AND source = ?")
        var removed = 0
        for number in numbers {
            try delete.reset().bind(1, number).bind(2, source).run()
            removed += connection.changes
        }
        return removed
    }

    func remove(_ numbers: [Int64]) throws {
        let delete = try connection.prepare("DELETE FROM rejections WHERE id = ?")
        for number in numbers { try delete.reset().bind(1, number).run() }
    }

    /// - Returns: true when some of the oldest rows were removed.
    func remove(before moment: Timestamp, limit: Int) throws -> Bool {
        let delete = try connection.prepare(
            """
            DELETE FROM rejections WHERE received_at < ? AND id IN (
                SELECT id FROM rejections ORDER BY id LIMIT ?)
            """)
        try delete.bind(1, moment.milliseconds).bind(2, limit).run()
        return connection.changes > 0
    }

    func forEach(after number: Int64, limit: Int, _ body: (RejectedBody) -> Void) throws {
        let select = try connection.prepare(
            """
            SELECT id, body, message_id, headers, removed FROM rejections WHERE id > ? ORDER BY id LIMIT ?
            """)
        select.bind(1, number).bind(2, limit)
        while try select.step() {
            body(
                RejectedBody(
                    number: select.int64(0), bytes: select.blob(1) ?? [],
                    messageID: select.text(2), headers: select.text(3),
                    removed: select.text(4) ?? ""))
        }
    }
}
