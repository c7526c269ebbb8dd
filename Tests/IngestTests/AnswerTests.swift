import Events
import HTTPTypes
import JSON
import NIOCore
import Testing

@testable import Ingest

@Suite struct `An answer` {
    private func text(_ answer: Answer) -> String {
        var buffer = ByteBuffer()
        buffer.writeAnswer(answer, date: "Sat, 06 Jun 2026 10:15:30 GMT")
        return String(buffer: buffer)
    }

    @Test func `goes over the wire with its length, its type and the date`() {
        let answer = Answer.json(.ok) { $0.member("success", true) }
        #expect(
            text(answer) == """
                HTTP/1.1 200 OK\r
                Content-Type: application/json\r
                Server: sluice\r
                Date: Sat, 06 Jun 2026 10:15:30 GMT\r
                Content-Length: 16\r
                \r
                {"success":true}
                """)
    }

    @Test(arguments: [
        ("body_too_large", 413, "connection: close"),
        ("store_unavailable", 503, "retry-after: 5"), ("disk_reserve", 503, "retry-after: 5"),
        ("queue_full", 503, "retry-after: 5"), ("unknown_key", 401, nil),
        ("bad_signature", 401, nil), ("verification_failed", 401, nil),
        ("origin_not_allowed", 403, nil), ("invalid_json", 400, nil),
        ("unsupported_encoding", 415, nil),
    ])
    func `to a problem has the status of its code, and says what helps`(
        code: String, status: Int, header: String?
    ) {
        let answer = Answer.failure(Problem(code: code, message: "m", hint: "h"))
        #expect(answer.status.code == status)
        let headers = answer.headers.map { "\($0)".lowercased() }
        #expect(headers == [header].compactMap { $0 })
        #expect(text(answer).contains("\"success\":false,\"code\":\"\(code)\",\"message\":\"m\""))
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (1_780_740_930_999, "Sat, 06 Jun 2026 10:15:30 GMT"),
        (951_782_400_000, "Tue, 29 Feb 2000 00:00:00 GMT"),
    ])
    func `is dated as HTTP asks`(milliseconds: Int64, text: String) {
        #expect(HTTPDate.text(of: Timestamp(milliseconds: milliseconds)) == text)
    }
}
