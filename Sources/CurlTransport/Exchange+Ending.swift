import CCurl
import Events
import Request

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The end of a transfer: an answer, or a failure in words.
extension Exchange {
    private typealias Kind = TransportResult.Failure.Kind

    /// Header bytes beyond which an error of receiving is taken for libcurl's own limit.
    private static let largeHeaders = 200 << 10

    /// Ends the transfer: gives the call of its completion with the result.
    func finish(_ code: CURLcode) -> (() -> Void) { end(with: result(of: code)) }

    /// A complete final header block decides; what the body did is only a note.
    private func result(of code: CURLcode) -> TransportResult {
        guard transfer.headersComplete else { return .failure(failure(of: code)) }
        let (body, notes) = answerBody(code)
        return .answer(
            .init(
                status: transfer.status, retryAfter: transfer.retryAfter,
                location: host(of: transfer.location), body: body,
                note: notes.isEmpty ? nil : notes.joined(separator: " ")))
    }

    /// The body as it can be read, and what has to be said about it.
    private func answerBody(_ code: CURLcode) -> (body: [UInt8], notes: [String]) {
        var notes: [String] = []
        let kept = options.answerKept
        var isCut = transfer.bodyBytes > kept
        let encoding = AnswerEncoding(transfer.contentEncoding, of: transfer.body)
        let decoded = encoding.decoded(transfer.body, limit: kept)
        isCut = isCut || decoded?.isCut == true
        if transfer.bodyBytes > options.answerRead {
            notes.append(
                "The answer is longer than \(size(options.answerRead)) and was not read to its end."
            )
        } else if code != CURLE_OK {
            notes.append("The answer's body did not come to its end.")
        }
        if isCut { notes.append("The answer had more; the first \(size(kept)) are kept.") }
        guard let decoded else {
            let name = transfer.contentEncoding.prefix(32)
            notes.append("The answer is compressed (\(name)) and cannot be shown.")
            return ([], notes)
        }
        return (decoded.bytes, notes)
    }

    private func size(_ bytes: Int) -> String {
        bytes.isMultiple(of: 1 << 10) ? "\(bytes >> 10) KiB" : "\(bytes) bytes"
    }

    /// The host a redirect leads to; path, query, user and password may hold what must not be seen.
    private func host(of location: String?) -> String? {
        guard let location, !location.isEmpty else { return nil }
        guard let scheme = location.firstRange(of: "//") else {
            return "another path of the same host"
        }
        let authority = location[scheme.upperBound...].prefix { !"/?#".contains($0) }
        let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
        return host.isEmpty ? "another address" : String(host)
    }

    // MARK: Failures

    private func failure(of code: CURLcode) -> TransportResult.Failure {
        let isSent = ccurl_get_long(easy, CURLINFO_REQUEST_SIZE) > 0
        func failure(_ kind: Kind, _ detail: String = "", at place: String? = nil)
            -> TransportResult.Failure
        {
            .init(kind, at: place ?? self.place, detail: detail, maybeSent: isSent)
        }
        if transfer.isRepeated {
            let kind: Kind = transfer.isReused ? .staleConnection : .reset
            return .init(kind, at: place, maybeSent: true)
        }
        if let refused = transfer.refused, !transfer.triedAddress {
            return failure(refused == .special ? .blocked : .plainHTTP, at: nextPlace)
        }
        if let fault = proxyFailure(of: code) ?? tlsFailure(of: code) { return fault }
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: return failure(.dns)
        case CURLE_COULDNT_CONNECT: return failure(isRefused ? .connect : .unreachable)
        case CURLE_OPERATION_TIMEDOUT where !transfer.isSent:
            return failure(
                .connectTimeout, words(min(options.connectTimeout, options.totalTimeout)))
        case CURLE_OPERATION_TIMEDOUT: return failure(.timeout, words(options.totalTimeout))
        case _ where transfer.headerBytes > Self.largeHeaders: return failure(.headersTooLong)
        // One header alone may be too long for libcurl.
        case CURLE_OUT_OF_MEMORY where isSent: return failure(.headersTooLong)
        case _ where transfer.headerBytes > 0 && transfer.status > 0:
            return failure(.incompleteAnswer)
        case CURLE_GOT_NOTHING: return failure(.noAnswer)
        case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE: return failure(.reset)
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_HTTP2,
            CURLE_HTTP2_STREAM:
            return failure(.protocolError)
        default: return failure(.other, "fault \(code.rawValue) of libcurl")
        }
    }

    private var isRefused: Bool {
        ccurl_get_long(easy, CURLINFO_OS_ERRNO) == Int(ECONNREFUSED)
    }

    private func words(_ time: Duration) -> String {
        time.milliseconds.isMultiple(of: 1000)
            ? "\(time.milliseconds / 1000) s" : "\(time.milliseconds) ms"
    }

    /// A failure between here and the proxy, or of what the proxy answered.
    private func proxyFailure(of code: CURLcode) -> TransportResult.Failure? {
        guard options.surroundings?.proxy != nil, !transfer.isSent else { return nil }
        func failure(_ kind: Kind, _ detail: String = "") -> TransportResult.Failure {
            .init(kind, at: nextPlace, detail: detail, maybeSent: false)
        }
        let status = ccurl_get_long(easy, CURLINFO_HTTP_CONNECTCODE)
        switch status {
        case 0: break
        // The tunnel stands: what failed is the destination's.
        case 200..<300: return nil
        case 407: return failure(.proxyCredentials)
        default: return failure(.proxyRefused, "\(status)")
        }
        switch code {
        case CURLE_COULDNT_RESOLVE_PROXY: return failure(.proxy, "its name cannot be resolved")
        case CURLE_COULDNT_CONNECT:
            return failure(
                .proxy, isRefused ? "it refused the connection" : "there is no way to it")
        case CURLE_OPERATION_TIMEDOUT: return failure(.proxy, "it did not answer in time")
        case CURLE_PEER_FAILED_VERIFICATION:
            return failure(.proxy, "its certificate was not accepted")
        case CURLE_SSL_CONNECT_ERROR: return failure(.proxy, "TLS with it could not be set up")
        default: return failure(.proxy, "it broke the connection off")
        }
    }
}
