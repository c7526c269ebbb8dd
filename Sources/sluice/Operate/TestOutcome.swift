import Request
import Deliver
import Events
import JSON

/// The result of a test request, as one word of a closed list.
enum TestOutcome: String, CaseIterable {
    case ok
    case notJSON = "not_json"
    case redirected
    case verificationFailed = "verification_failed"
    case wrongStatus = "wrong_status"
    case privateAddress = "private_address"
    case timedOut = "timed_out"
    case unknownHost = "unknown_host"
    case noConnection = "no_connection"
    case badCertificate = "bad_certificate"
    case noAnswer = "no_answer"

    init(_ result: TransportResult, _ judgement: Judgement) {
        switch result {
        case .answer(let answer):
            switch answer.status {
            case 200..<300:
                self = (try? JSONReader.read(answer.body)) == nil ? .notJSON : .ok
            case 300..<400: self = .redirected
            case 401, 403: self = .verificationFailed
            default: self = .wrongStatus
            }
        case .failure(let failure):
            switch failure.kind {
            case .blocked: self = .privateAddress
            case .timeout, .connectTimeout: self = .timedOut
            case .dns: self = .unknownHost
            case .connect, .unreachable, .invalidAddress, .plainHTTP, .proxy, .proxyCredentials,
                .proxyRefused:
                self = .noConnection
            case .certificateExpired, .certificateNotYetValid, .certificateOfAnother,
                .certificateSelfSigned, .certificateUnknownIssuer, .certificate, .tls, .noTLS,
                .tlsTooOld, .tlsClosed, .clientCertificateWanted, .clientCertificateUnusable:
                self = .badCertificate
            case .reset, .noAnswer, .staleConnection, .tokenEnded, .incompleteAnswer,
                .headersTooLong, .protocolError, .cancelled, .other:
                self = .noAnswer
            }
        }
    }

    /// The outcome in a sentence.
    func words(_ result: TransportResult) -> String {
        if case .failure(let failure) = result { return failure.message }
        let status = result.status.map { "\($0)" } ?? "nothing"
        switch self {
        case .ok: return "It works: the receiver took it and answered \(status)."
        case .notJSON:
            return
                "The receiver took it (\(status)); its answer is no JSON, which Sluice does not mind."
        case .redirected: return "The address redirects (\(status)); redirects are never followed."
        case .verificationFailed:
            return "The receiver does not believe the request: it answered \(status)."
        case .wrongStatus: return "The receiver did not take it: it answered \(status)."
        case .privateAddress, .timedOut, .unknownHost, .noConnection, .badCertificate, .noAnswer:
            return "There was no answer."
        }
    }
}

extension TransportResult {
    var status: Int? {
        if case .answer(let answer) = self { answer.status } else { nil }
    }

    /// The beginning of the answer.
    var body: String? {
        if case .answer(let answer) = self {
            String(decoding: answer.body, as: UTF8.self)
        } else {
            nil
        }
    }
}
