import CCurl
import Events
import Request

/// A certificate that was not accepted, before it was looked at closely.
struct CertificateFault {
    let kind: TransportResult.Failure.Kind
    /// The words of libcurl, for a kind that has no words of its own.
    let text: String

    /// - Parameters:
    ///   - verdict: the number of OpenSSL's verification.
    ///   - text: the words of libcurl.
    init(verdict: Int, text: String) {
        self.text = text
        switch verdict {
        // The certificate itself is good, or the name was all that was left to look at.
        case 0, 1: kind = .certificateOfAnother
        case 9: kind = .certificateNotYetValid
        case 10: kind = .certificateExpired
        case 18: kind = .certificateSelfSigned
        case 2, 19, 20, 21: kind = .certificateUnknownIssuer
        default: kind = .certificate
        }
    }
}

/// Why no TLS came about, told apart.
extension Exchange {
    private typealias Kind = TransportResult.Failure.Kind

    /// Prepares another look at the host, when its certificate was not accepted.
    ///
    /// libcurl shows a certificate only when it does not verify it. True when the transfer has to
    /// run again; it sends nothing.
    func looksCloser(after code: CURLcode) -> Bool {
        if transfer.lookingInto != nil {
            for option in [CURLOPT_CONNECT_ONLY, CURLOPT_CERTINFO, CURLOPT_FRESH_CONNECT] {
                set(option, 0)
            }
            set(CURLOPT_SSL_VERIFYPEER, 1)
            set(CURLOPT_SSL_VERIFYHOST, 2)
            return false
        }
        guard code == CURLE_PEER_FAILED_VERIFICATION, !transfer.isSent,
            options.surroundings?.proxy == nil
        else { return false }
        transfer.lookingInto = certificateFault
        for option in [CURLOPT_CONNECT_ONLY, CURLOPT_CERTINFO, CURLOPT_FRESH_CONNECT] {
            set(option, 1)
        }
        set(CURLOPT_SSL_VERIFYPEER, 0)
        set(CURLOPT_SSL_VERIFYHOST, 0)
        return true
    }

    private var certificateFault: CertificateFault {
        CertificateFault(
            verdict: ccurl_get_long(easy, CURLINFO_SSL_VERIFYRESULT),
            text: String(cString: faultText))
    }

    /// The failure of setting up TLS; nil when the code means something else.
    func tlsFailure(of code: CURLcode) -> TransportResult.Failure? {
        func failure(_ kind: Kind, _ detail: String = "") -> TransportResult.Failure {
            .init(kind, at: place, detail: detail, maybeSent: false)
        }
        if let fault = transfer.lookingInto {
            return failure(fault.kind, detail(of: fault))
        }
        let text = String(cString: faultText).lowercased()
        switch code {
        case CURLE_PEER_FAILED_VERIFICATION:
            let fault = certificateFault
            return failure(fault.kind, detail(of: fault))
        case CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE:
            return failure(.clientCertificateUnusable)
        case CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            return failure(.tls)
        case CURLE_SSL_CONNECT_ERROR: return failure(Self.kind(ofHandshake: text))
        // TLS 1.3 tells a missing client certificate only with the answer.
        case CURLE_RECV_ERROR, CURLE_SEND_ERROR:
            return Self.wantsCertificate(text) ? failure(.clientCertificateWanted) : nil
        default: return nil
        }
    }

    private static func wantsCertificate(_ text: String) -> Bool {
        [
            "certificate required", "alert bad certificate", "alert unknown ca",
            "alert certificate expired", "alert certificate unknown",
        ]
        .contains { text.contains($0) }
    }

    /// The words of OpenSSL that tell the faults of a handshake apart.
    private static func kind(ofHandshake text: String) -> Kind {
        func says(_ words: String...) -> Bool { words.contains { text.contains($0) } }
        if wantsCertificate(text) { return .clientCertificateWanted }
        if says(
            "wrong version number", "packet length too long", "unknown protocol", "http request")
        {
            return .noTLS
        }
        if says("unsupported protocol", "protocol version", "version too low") {
            return .tlsTooOld
        }
        if says("ssl_error_syscall", "reset by peer", "unexpected eof") { return .tlsClosed }
        return .tls
    }

    /// The certificates' answer to a fault; without any, what is known anyway.
    private func detail(of fault: CertificateFault) -> String {
        let chain = certificates()
        switch fault.kind {
        case .certificateExpired:
            return chain.compactMap { day($0["expire date"]) }.min() ?? "a day in the past"
        case .certificateNotYetValid:
            return chain.compactMap { day($0["start date"]) }.max() ?? "a day to come"
        case .certificateOfAnother:
            return chain.first.map(names) ?? "one that is not this"
        case .certificateSelfSigned:
            return chain.first?["subject"].map(commonName) ?? "it has no name"
        case .certificateUnknownIssuer:
            return chain.last?["issuer"].map(commonName) ?? "it has no name"
        default:
            let text = fault.text.split(separator: ": ").last.map(String.init) ?? ""
            return text.isEmpty ? "it is not valid" : text
        }
    }

    /// Certificates of a chain that are looked at, and fields of each.
    private static let longestChain = 10
    /// Names of a certificate that are shown.
    private static let shownNames = 3

    /// The fields of the certificates that the host showed, its own first.
    private func certificates() -> [[String: String]] {
        guard let found = ccurl_get_certificates(easy)?.pointee, let lists = found.certinfo
        else { return [] }
        let count = min(Int(found.num_of_certs), Self.longestChain)
        return (0..<max(0, count)).map { index in
            var fields: [String: String] = [:]
            var next = lists[index]
            while let line = next {
                let text = String(cString: line.pointee.data)
                if let colon = text.firstIndex(of: ":") {
                    fields[text[..<colon].lowercased()] = String(text[text.index(after: colon)...])
                }
                next = line.pointee.next
            }
            return fields
        }
    }

    /// The names that a certificate is for.
    private func names(_ fields: [String: String]) -> String {
        let alternatives = (fields["x509v3 subject alternative name"] ?? "").split(separator: ",")
            .map { String($0.withoutOuterBlanks) }
            .compactMap { name in
                ["DNS:", "IP Address:"].first(where: name.hasPrefix).map {
                    String(name.dropFirst($0.count))
                }
            }
        if alternatives.isEmpty { return commonName(fields["subject"] ?? "") }
        let shown = alternatives.prefix(Self.shownNames).joined(separator: ", ")
        let more = alternatives.count - Self.shownNames
        return more > 0 ? "\(shown) and \(more) more" : shown
    }

    /// The name in `C = DE, O = Acme, CN = example.com`; all of it when it has none.
    private func commonName(_ subject: String) -> String {
        let parts = subject.split(separator: ",").map { part in
            part.split(separator: "=", maxSplits: 1).map { String($0.withoutOuterBlanks) }
        }
        let name = parts.last { $0.count == 2 && $0[0] == "CN" }?[1]
        return name ?? (subject.isEmpty ? "it has no name" : subject)
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// The day of a time such as `Nov 30 09:00:00 2026 GMT`, as `2026-11-30`.
    private func day(_ text: String?) -> String? {
        let parts = (text ?? "").split(separator: " ")
        guard parts.count >= 4, let month = Self.months.firstIndex(of: String(parts[0])),
            let day = Int(parts[1])
        else { return nil }
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts[3])-\(two(month + 1))-\(two(day))"
    }
}
