import CCurl
import Events
import Request

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The functions that libcurl calls while a transfer runs.
extension Exchange {
    func receiveBody(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        transfer.bodyBytes += count
        let room = options.answerKept - transfer.body.count
        if room > 0, let bytes {
            transfer.body.append(
                contentsOf: UnsafeRawBufferPointer(start: bytes, count: min(room, count)))
        }
        return transfer.bodyBytes > options.answerRead ? 0 : count
    }

    func receiveHeader(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard let bytes else { return count }
        transfer.headerBytes += count
        let line = UnsafeRawBufferPointer(start: bytes, count: count)
        switch line.first {
        case UInt8(ascii: "\r"), UInt8(ascii: "\n"):
            transfer.headersComplete = transfer.status >= 200
        // HTTP/1.1 200 OK
        case UInt8(ascii: "H") where line.starts(with: "HTTP/".utf8):
            let code = line.drop { $0 != UInt8(ascii: " ") }.dropFirst().prefix(3)
            transfer.status = Int(String(decoding: code, as: UTF8.self)) ?? 0
            transfer.headersComplete = false
            transfer.retryAfter = nil
        // Retry-After: …
        case UInt8(ascii: "R"), UInt8(ascii: "r"):
            transfer.retryAfter =
                value(of: "retry-after", in: line).flatMap { RetryAfter($0) } ?? transfer.retryAfter
        // Location: …
        case UInt8(ascii: "L"), UInt8(ascii: "l"):
            transfer.location = value(of: "location", in: line) ?? transfer.location
        // Content-Encoding: …, beside the Content-Type and Content-Length of every answer.
        case UInt8(ascii: "C"), UInt8(ascii: "c"):
            guard count > 9, line[8] | 0x20 == UInt8(ascii: "e") else { break }
            transfer.contentEncoding =
                value(of: "content-encoding", in: line) ?? transfer.contentEncoding
        default: break
        }
        return count
    }

    private func value(of name: String, in line: UnsafeRawBufferPointer) -> String? {
        let text = String(decoding: line, as: UTF8.self)
        guard let colon = text.firstIndex(of: ":"), text[..<colon].lowercased() == name
        else { return nil }
        return String(text[text.index(after: colon)...].withoutOuterBlanks)
    }

    /// Called before the request is sent.
    ///
    /// libcurl may want to send it a second time by itself, when a kept connection ends before a
    /// byte of the answer. Each sending is an attempt of its own, so it must not.
    func beginSending() -> Int32 {
        if transfer.isSent, transfer.lookingInto == nil {
            transfer.isRepeated = true
            return CURL_PREREQFUNC_ABORT
        }
        transfer.isSent = true
        transfer.isReused = !transfer.triedAddress
        return CURL_PREREQFUNC_OK
    }

    func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>?) -> curl_socket_t {
        guard let address else { return ccurl_bad_socket }
        if transfer.isSent, transfer.lookingInto == nil {
            transfer.isRepeated = true
            return ccurl_bad_socket
        }
        let verdict = judge(address)
        guard verdict == .permitted else {
            transfer.refused = verdict
            return ccurl_bad_socket
        }
        transfer.triedAddress = true
        let target = address.pointee
        return socket(
            target.family, target.socktype | Int32(SOCK_CLOEXEC.rawValue), target.protocol)
    }

    private func judge(
        _ address: UnsafeMutablePointer<curl_sockaddr>
    ) -> AddressGuard.Verdict {
        if address.pointee.family == AF_UNIX {
            return options.unixSocket == nil ? .special : .permitted
        }
        guard let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return .special }
        let start = UnsafeRawPointer(address).advanced(by: offset)
        switch address.pointee.family {
        case AF_INET:
            let at = MemoryLayout<sockaddr_in>.offset(of: \.sin_addr) ?? 4
            return connectionGuard.judge(
                Array(UnsafeRawBufferPointer(start: start.advanced(by: at), count: 4)))
        case AF_INET6:
            let at = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr) ?? 8
            return connectionGuard.judge(
                Array(UnsafeRawBufferPointer(start: start.advanced(by: at), count: 16)))
        default: return .special
        }
    }
}
