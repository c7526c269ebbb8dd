import HTTPTypes
import NIOCore

extension ByteBuffer {
    /// Appends an answer as it goes over the wire, status line and headers included.
    mutating func writeAnswer(_ answer: Answer, date: String) {
        writeStaticString("HTTP/1.1 ")
        if answer.status == .ok {
            writeStaticString("200 OK")
        } else {
            writeString("\(answer.status.code) \(answer.status.reasonPhrase)")
        }
        writeStaticString("\r\nContent-Type: ")
        writeString(Answer.type)
        for field in answer.headers { writeString("\r\n\(field.name.rawName): \(field.value)") }
        writeStaticString("\r\nServer: sluice\r\nDate: ")
        writeString(date)
        writeStaticString("\r\nContent-Length: ")
        writeString(String(answer.body.count))
        writeStaticString("\r\n\r\n")
        writeBytes(answer.body)
    }
}
