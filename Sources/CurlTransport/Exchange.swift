import CCurl
import Events
import Request

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// One libcurl easy handle, and the answer that its callbacks gather.
///
/// It is reused for the next request and belongs to the transfer thread.
final class Exchange {
    let easy: OpaquePointer
    /// The address, parsed: libcurl would parse it anew for each request.
    private let address: OpaquePointer
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var headerLines: [String] = []
    private(set) var completion: (@Sendable (TransportResult) -> Void)?

    private var options = TransportOptions()
    private var addressGuard = AddressGuard(allowedNetworks: [], scheme: "https")
    private var url = ""
    private var status = 0
    private var headersComplete = false
    private var location: String?
    private var body: [UInt8] = []
    private var bodyBytes = 0
    private var headerBytes = 0
    private var blockedAddress = false

    /// Header bytes beyond which an error of receiving is taken for libcurl's own limit.
    private static let largeHeaders = 200 << 10

    init?() {
        guard let easy = curl_easy_init(), let address = curl_url() else { return nil }
        self.easy = easy
        self.address = address
        setFixedOptions()
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_url_cleanup(address)
        curl_slist_free_all(headers)
    }

    /// Every option that libcurl knows is set on a handle of the tested version; a refusal would
    /// show in the transport's tests, so the codes are not looked at one by one.
    private func set(_ option: CURLoption, _ value: Int) { _ = ccurl_set_long(easy, option, value) }

    private func set(_ option: CURLoption, _ text: String?) {
        _ = ccurl_set_text(easy, option, text)
    }

    private func setFixedOptions() {
        // The exchange is kept alive by the transport's list while the transfer runs.
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = ccurl_set_pointer(easy, CURLOPT_PRIVATE, context)
        _ = ccurl_set_pointer(easy, CURLOPT_WRITEDATA, context)
        _ = ccurl_set_pointer(easy, CURLOPT_HEADERDATA, context)
        _ = ccurl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, context)
        _ = ccurl_set_data_callback(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
            Exchange.from(context)?.receiveBody(bytes, size * count) ?? 0
        }
        _ = ccurl_set_data_callback(easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
            Exchange.from(context)?.receiveHeader(bytes, size * count) ?? 0
        }
        _ = ccurl_set_open_callback(easy) { context, _, address in
            Exchange.from(context)?.openSocket(address) ?? ccurl_bad_socket
        }
        set(CURLOPT_NOSIGNAL, 1)
        // A transfer that ends must not wait for its name to be resolved: others share the thread.
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_PROXY, "")
        set(CURLOPT_NETRC, 0)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_MAXAGE_CONN, 30)
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> Exchange? {
        context.map { Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
    }

    /// The exchange an easy handle belongs to.
    static func of(_ easy: OpaquePointer) -> Exchange? { from(ccurl_get_private(easy)) }

    /// Sets the handle up for a request.
    func prepare(
        _ request: OutgoingRequest, completion: @escaping @Sendable (TransportResult) -> Void
    ) {
        self.completion = completion
        status = 0
        headersComplete = false
        location = nil
        body = []
        bodyBytes = 0
        headerBytes = 0
        blockedAddress = false
        setTarget(request.url, request.options)
        setHeaders(request.headers, isLarge: request.body.count >= Self.largeBody)
        if request.method == "GET" {
            set(CURLOPT_CUSTOMREQUEST, nil)
            set(CURLOPT_HTTPGET, 1)
        } else {
            request.body.withUnsafeBytes { bytes in
                _ = ccurl_set_body(
                    easy, bytes.baseAddress ?? UnsafeRawPointer(easy), curl_off_t(bytes.count))
            }
            set(CURLOPT_POST, 1)
            set(CURLOPT_CUSTOMREQUEST, request.method == "POST" ? nil : request.method)
        }
    }

    /// Most requests of an exchange go where the one before went.
    private func setTarget(_ url: String, _ options: TransportOptions) {
        guard url != self.url || options != self.options else { return }
        self.url = url
        self.options = options
        let scheme = url.lowercased().hasPrefix("https:") ? "https" : "http"
        addressGuard = AddressGuard(allowedNetworks: options.allowedNetworks, scheme: scheme)
        let parsed = parse(url) ? address : nil
        _ = ccurl_set_pointer(easy, CURLOPT_CURLU, UnsafeMutableRawPointer(parsed))
        // What is no address fails when it is sent, like any other fault.
        set(CURLOPT_URL, parsed == nil ? url : nil)
        set(CURLOPT_UNIX_SOCKET_PATH, options.unixSocket)
        set(CURLOPT_CONNECTTIMEOUT_MS, Int(options.connectTimeout.milliseconds))
        set(CURLOPT_TIMEOUT_MS, Int(options.totalTimeout.milliseconds))
        set(CURLOPT_HTTP_VERSION, Int(options.httpVersion.curl))
    }

    private func parse(_ url: String) -> Bool {
        let flags = CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS
        // First without the one before: it is no relative address.
        return curl_url_set(address, CURLUPART_URL, nil, 0) == CURLUE_OK
            && curl_url_set(address, CURLUPART_URL, url, UInt32(flags)) == CURLUE_OK
    }

    /// Bytes from which libcurl asks first whether a body is wanted.
    private static let largeBody = 1 << 20
    private static let userAgent = "User-Agent: Sluice/0.1"

    private func setHeaders(_ lines: [String], isLarge: Bool) {
        // No "Expect: 100-continue": it costs a round trip.
        let lines = isLarge ? lines + ["Expect:"] : lines
        guard lines != headerLines || headers == nil else { return }
        headerLines = lines
        curl_slist_free_all(headers)
        headers = nil
        for line in lines { headers = curl_slist_append(headers, line) }
        if !lines.contains(where: { $0.lowercased().hasPrefix("user-agent:") }) {
            headers = curl_slist_append(headers, Self.userAgent)
        }
        _ = ccurl_set_list(easy, CURLOPT_HTTPHEADER, headers)
    }

    // MARK: Callbacks

    private func receiveBody(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        bodyBytes += count
        let room = options.answerKept - body.count
        if room > 0, let bytes {
            body.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: min(room, count)))
        }
        return bodyBytes > options.answerRead ? 0 : count
    }

    private func receiveHeader(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int) -> Int {
        guard let bytes else { return count }
        headerBytes += count
        let line = UnsafeRawBufferPointer(start: bytes, count: count)
        switch line.first {
        case UInt8(ascii: "\r"), UInt8(ascii: "\n"): headersComplete = status >= 200
        // HTTP/1.1 200 OK
        case UInt8(ascii: "H") where line.starts(with: "HTTP/".utf8):
            let code = line.drop { $0 != UInt8(ascii: " ") }.dropFirst().prefix(3)
            status = Int(String(decoding: code, as: UTF8.self)) ?? 0
            headersComplete = false
        // Location: …
        case UInt8(ascii: "L"), UInt8(ascii: "l"):
            readLocation(String(decoding: line, as: UTF8.self))
        default: break
        }
        return count
    }

    private func readLocation(_ line: String) {
        guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == "location"
        else { return }
        let value = line[line.index(after: colon)...].filter { $0 != "\r\n" && $0 != "\n" }
            .drop { $0 == " " }
        // Without the query: it may hold what must not be shown.
        location = String(value.prefix { $0 != "?" })
    }

    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>?) -> curl_socket_t {
        guard let address else { return ccurl_bad_socket }
        guard permits(address) else {
            blockedAddress = true
            return ccurl_bad_socket
        }
        let target = address.pointee
        return socket(
            target.family, target.socktype | Int32(SOCK_CLOEXEC.rawValue), target.protocol)
    }

    private func permits(_ address: UnsafeMutablePointer<curl_sockaddr>) -> Bool {
        if address.pointee.family == AF_UNIX { return options.unixSocket != nil }
        guard let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return false }
        let start = UnsafeRawPointer(address).advanced(by: offset)
        switch address.pointee.family {
        case AF_INET:
            let at = MemoryLayout<sockaddr_in>.offset(of: \.sin_addr) ?? 4
            return addressGuard.permits(
                Array(UnsafeRawBufferPointer(start: start.advanced(by: at), count: 4)))
        case AF_INET6:
            let at = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr) ?? 8
            return addressGuard.permits(
                Array(UnsafeRawBufferPointer(start: start.advanced(by: at), count: 16)))
        default: return false
        }
    }

    // MARK: The end

    /// Ends the transfer: gives the call of its completion with the result, and forgets both.
    func finish(_ code: CURLcode) -> (() -> Void) {
        let result = result(of: code)
        let completion = completion
        self.completion = nil
        return { completion?(result) }
    }

    /// A complete final header block decides; what the body did is only a note.
    private func result(of code: CURLcode) -> TransportResult {
        guard headersComplete else { return .failure(failure(of: code)) }
        var note: String?
        let retryAfter = Int(ccurl_retry_after(easy))
        if code != CURLE_OK {
            note =
                bodyBytes > options.answerRead
                ? "The answer's body was cut at \(options.answerRead) bytes."
                : "The answer's body was not complete: \(words(code))."
        }
        return .answer(
            .init(
                status: status, retryAfter: retryAfter > 0 ? .seconds(retryAfter) : nil,
                location: host(of: location), body: body,
                note: note))
    }

    private func host(of location: String?) -> String? {
        guard let location else { return nil }
        let parts = location.split(separator: "/", omittingEmptySubsequences: true)
        // A path may hold what the address hides.
        return location.contains("://") && parts.count > 1
            ? String(parts[1]) : "another path of the same host"
    }

    private func failure(of code: CURLcode) -> TransportResult.Failure {
        let sent = ccurl_get_long(easy, CURLINFO_REQUEST_SIZE) > 0
        typealias Kind = TransportResult.Failure.Kind
        let kind: Kind
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: kind = .dns
        case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL:
            kind = sent ? .protocolError : .blocked
        case _ where blockedAddress: kind = .blocked
        case CURLE_COULDNT_CONNECT: kind = .connect
        case CURLE_OPERATION_TIMEDOUT: kind = .timeout
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
            CURLE_SSL_INVALIDCERTSTATUS:
            kind = .tls
        case CURLE_GOT_NOTHING: kind = .noAnswer
        // libcurl ends headers of more than 300 kB as an error of receiving.
        case CURLE_RECV_ERROR where headerBytes > Self.largeHeaders: kind = .protocolError
        case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_PARTIAL_FILE: kind = .reset
        case CURLE_ABORTED_BY_CALLBACK: kind = .cancelled
        default: kind = .protocolError
        }
        let message =
            kind == .blocked && blockedAddress
            ? "The address is in a network that is not allowed." : "\(words(code))."
        return .init(kind: kind, message: message, maybeSent: sent && kind != .tls)
    }

    private func words(_ code: CURLcode) -> String {
        guard let text = curl_easy_strerror(code) else { return "curl error \(code.rawValue)" }
        return "\(String(cString: text)) (curl \(code.rawValue))"
    }
}

extension TransportOptions.HTTPVersion {
    fileprivate var curl: Int {
        switch self {
        case .http1: Int(CURL_HTTP_VERSION_1_1)
        case .http2: Int(CURL_HTTP_VERSION_2TLS)
        }
    }
}
