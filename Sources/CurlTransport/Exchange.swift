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
    /// The words of libcurl about a fault, ended by a zero.
    let faultText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var headerLines: [String] = []
    private(set) var completion: (@Sendable (TransportResult) -> Void)?

    private(set) var options = TransportOptions()
    private var addressGuard = AddressGuard(allowedNetworks: [], isSecure: true)
    private var proxyGuard: AddressGuard?
    private var url = ""
    /// The address as it was read, or why nothing can be sent to it.
    private var target = Result<WebAddress, AddressFault>.failure(AddressFault("", fix: ""))
    /// The state of the transfer that runs.
    var transfer = Transfer()

    /// One transfer: what its callbacks saw.
    struct Transfer {
        var status = 0
        var headersComplete = false
        var location: String?
        var retryAfter: RetryAfter?
        var contentEncoding = ""
        var body: [UInt8] = []
        var bodyBytes = 0
        var headerBytes = 0
        /// The verdict on the last address that was not allowed.
        var refused: AddressGuard.Verdict?
        /// An allowed address was tried: it is what counts.
        var triedAddress = false
        /// The request was handed to a connection.
        var isSent = false
        /// The connection was kept from a request before.
        var isReused = false
        /// libcurl wanted to send it once more by itself.
        var isRepeated = false
        /// The failure that a closer look at the host's certificate will explain.
        var lookingInto: CertificateFault?
    }

    init?() {
        guard let easy = curl_easy_init(), let address = curl_url() else { return nil }
        self.easy = easy
        self.address = address
        faultText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        setFixedOptions()
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_url_cleanup(address)
        curl_slist_free_all(headers)
        faultText.deallocate()
    }

    /// Every option that libcurl knows is set on a handle of the tested version; a refusal would
    /// show in the transport's tests, so the codes are not looked at one by one.
    func set(_ option: CURLoption, _ value: Int) { _ = ccurl_set_long(easy, option, value) }

    private func set(_ option: CURLoption, _ text: String?) {
        _ = ccurl_set_text(easy, option, text)
    }

    private func set(_ option: CURLoption, bytes: [UInt8]?) {
        guard let bytes, !bytes.isEmpty else {
            _ = ccurl_set_bytes(easy, option, nil, 0)
            return
        }
        bytes.withUnsafeBytes { bytes in
            _ = ccurl_set_bytes(easy, option, bytes.baseAddress, bytes.count)
        }
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
        _ = ccurl_set_pointer(easy, CURLOPT_PREREQDATA, context)
        _ = ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, faultText)
        _ = ccurl_set_open_callback(easy) { context, _, address in
            Exchange.from(context)?.openSocket(address) ?? ccurl_bad_socket
        }
        _ = ccurl_set_sending_callback(easy) { context, _, _, _, _ in
            Exchange.from(context)?.beginSending() ?? CURL_PREREQFUNC_ABORT
        }
        set(CURLOPT_NOSIGNAL, 1)
        // A transfer that ends must not wait for its name to be resolved: others share the thread.
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_PATH_AS_IS, 1)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        // The environment says nothing about proxies.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_NOPROXY, "")
        set(CURLOPT_HTTPPROXYTUNNEL, 1)
        set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
        set(CURLOPT_NETRC, 0)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_MAXAGE_CONN, 30)
    }

    static func from(_ context: UnsafeMutableRawPointer?) -> Exchange? {
        context.map { Unmanaged<Exchange>.fromOpaque($0).takeUnretainedValue() }
    }

    /// The exchange an easy handle belongs to.
    static func of(_ easy: OpaquePointer) -> Exchange? { from(ccurl_get_private(easy)) }

    /// Sets the handle up for a request.
    func prepare(
        _ request: OutgoingRequest, completion: @escaping @Sendable (TransportResult) -> Void
    ) {
        self.completion = completion
        transfer = Transfer()
        faultText.pointee = 0
        setTarget(request.url, request.options)
        setHeaders(request.headers, isLarge: request.body.count >= Self.largeBody)
        set(CURLOPT_FRESH_CONNECT, request.usesNewConnection ? 1 : 0)
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
        let isSameWay = options == self.options
        guard url != self.url || !isSameWay else { return }
        self.url = url
        self.options = options
        do throws(AddressFault) {
            let parsed = try WebAddress.parse(url, into: address)
            // Most often only the path is another.
            if !isSameWay || (try? target.get()) != parsed { try setGuard(for: parsed, options) }
        } catch {
            // An address that was half read is none.
            self.url = ""
            isPrepared = false
            target = .failure(error)
            return
        }
        _ = ccurl_set_pointer(easy, CURLOPT_CURLU, UnsafeMutableRawPointer(address))
        if !isSameWay || !isPrepared { setWay(options) }
        isPrepared = true
    }

    private func setGuard(
        for parsed: WebAddress, _ options: TransportOptions
    ) throws(AddressFault) {
        if options.unixSocket == nil, let fault = options.fault(of: parsed) { throw fault }
        addressGuard = AddressGuard(
            allowedNetworks: options.allowedNetworks, isSecure: parsed.isSecure)
        target = .success(parsed)
    }

    /// The options are those of the handle.
    private var isPrepared = false

    private func setWay(_ options: TransportOptions) {
        set(CURLOPT_UNIX_SOCKET_PATH, options.unixSocket)
        set(CURLOPT_CONNECTTIMEOUT_MS, Int(options.connectTimeout.milliseconds))
        set(CURLOPT_TIMEOUT_MS, Int(options.totalTimeout.milliseconds))
        set(CURLOPT_HTTP_VERSION, Int(options.httpVersion.curl))
        let surroundings = options.surroundings
        if let authorities = surroundings?.authorities {
            set(CURLOPT_CAINFO_BLOB, bytes: authorities)
            // Beside these no authority is trusted.
            set(CURLOPT_CAPATH, nil)
            trustsMachine = false
        } else if !trustsMachine {
            set(CURLOPT_CAINFO_BLOB, bytes: nil)
            set(CURLOPT_CAPATH, Self.machineAuthorities)
            trustsMachine = true
        }
        set(CURLOPT_SSLCERT_BLOB, bytes: surroundings?.clientCertificate?.certificate)
        set(CURLOPT_SSLKEY_BLOB, bytes: surroundings?.clientCertificate?.key)
        set(CURLOPT_KEYPASSWD, surroundings?.clientCertificate?.passphrase)
        let proxy = surroundings?.proxy
        set(CURLOPT_PROXY, proxy?.url ?? "")
        set(CURLOPT_PROXYUSERNAME, proxy?.user)
        set(CURLOPT_PROXYPASSWORD, proxy?.password)
        proxyGuard = proxy.map {
            AddressGuard(
                allowedNetworks: options.allowedNetworks,
                isSecure: $0.url.lowercased().hasPrefix("https:"))
        }
    }

    /// The machine's own authorities are those that libcurl was built with.
    private var trustsMachine = true
    private static let machineAuthorities =
        ccurl_machine_authorities().map { String(cString: $0) }

    /// The failure of a request that cannot be sent at all; nil for one that can.
    var refusal: TransportResult.Failure? {
        guard case .failure(let fault) = target else { return nil }
        return .init(kind: fault.kind, message: fault.message, maybeSent: false)
    }

    /// The guard of what is connected to: the proxy, when there is one.
    var connectionGuard: AddressGuard { proxyGuard ?? addressGuard }

    /// The host and port of the destination, for words; on this machine, its socket.
    var place: String { options.unixSocket ?? (try? target.get().place) ?? "" }

    /// The host and port that is connected to, for words.
    var nextPlace: String {
        guard let proxy = options.surroundings?.proxy else { return place }
        return (try? WebAddress(proxy.url).place) ?? proxy.url
    }

    /// Gives the call of the completion with the result, and forgets both.
    func end(with result: TransportResult) -> (() -> Void) {
        let completion = completion
        self.completion = nil
        return { completion?(result) }
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
}

extension TransportOptions.HTTPVersion {
    fileprivate var curl: Int {
        switch self {
        case .http1: Int(CURL_HTTP_VERSION_1_1)
        case .http2: Int(CURL_HTTP_VERSION_2TLS)
        }
    }
}
