extension TransportResult {
    /// An exchange without a complete answer.
    package struct Failure: Sendable, Equatable {
        package var kind: Kind
        /// In words, for the log.
        package var message: String
        /// True when the destination may have taken the request.
        package var maybeSent: Bool

        package init(kind: Kind, message: String, maybeSent: Bool) {
            self.kind = kind
            self.message = message
            self.maybeSent = maybeSent
        }

        /// A failure in the words of its kind.
        ///
        /// - Parameters:
        ///   - place: where it was, as `host:port`.
        ///   - detail: what the kind's sentence leaves open, such as a date.
        package init(_ kind: Kind, at place: String, detail: String = "", maybeSent: Bool) {
            self.init(
                kind: kind, message: kind.sentence(at: place, detail: detail),
                maybeSent: maybeSent)
        }

        /// The place where an exchange failed.
        package enum Kind: String, Sendable, CaseIterable {
            case invalidAddress, blocked, plainHTTP
            case dns, connect, unreachable, connectTimeout
            case proxy, proxyCredentials, proxyRefused
            case certificateExpired, certificateNotYetValid, certificateOfAnother
            case certificateSelfSigned, certificateUnknownIssuer, certificate
            case noTLS, tlsTooOld, tlsClosed, tls
            case clientCertificateWanted, clientCertificateUnusable
            case timeout, reset, noAnswer, staleConnection, tokenEnded, incompleteAnswer
            case headersTooLong, protocolError, cancelled, other
        }
    }
}

extension TransportResult.Failure {
    /// The words about failures of one kind; the Reference shows the same table.
    package struct Words: Sendable, Equatable {
        /// Says what happened; HOST:PORT and DETAIL stand for what differs.
        package let sentence: String
        package let hint: String
        package let fix: String
        /// A wrong set-up: nothing can be sent before somebody mends it.
        package let isSetup: Bool

        fileprivate init(_ sentence: String, hint: String, fix: String, isSetup: Bool = false) {
            self.sentence = sentence
            self.hint = hint
            self.fix = fix
            self.isSetup = isSetup
        }
    }
}

extension TransportResult.Failure.Kind {
    package func sentence(at place: String, detail: String = "") -> String {
        words.sentence.replacing("HOST:PORT", with: place).replacing("DETAIL", with: detail)
    }

    /// True when something that was kept from before had ended: that says nothing about the
    /// destination, and the next attempt does without it.
    package var isStale: Bool { self == .staleConnection || self == .tokenEnded }

    /// The closed table of what is said about each kind.
    package var words: TransportResult.Failure.Words {
        switch self {
        case .invalidAddress, .blocked, .plainHTTP: addressWords
        case .dns, .connect, .unreachable, .connectTimeout, .proxy, .proxyCredentials,
            .proxyRefused:
            connectionWords
        case .certificateExpired, .certificateNotYetValid, .certificateOfAnother,
            .certificateSelfSigned, .certificateUnknownIssuer, .certificate:
            certificateWords
        case .noTLS, .tlsTooOld, .tlsClosed, .tls, .clientCertificateWanted,
            .clientCertificateUnusable:
            tlsWords
        case .timeout, .reset, .noAnswer, .staleConnection, .tokenEnded, .incompleteAnswer,
            .headersTooLong, .protocolError, .cancelled, .other:
            answerWords
        }
    }

    private typealias Words = TransportResult.Failure.Words
    private static let onSchedule = "Nothing to do: it is tried again on schedule."

    private var addressWords: Words {
        switch self {
        case .invalidAddress:
            Words(
                "The address cannot be used: DETAIL.", hint: "The address is not one.",
                fix: "Correct the address in the destination's parameters.", isSetup: true)
        case .blocked:
            Words(
                "HOST:PORT is at an address that is private or local, and not allowed.",
                hint: "The address is private or local, and blocked.",
                fix: "If it is meant to be, name its network in allow_private in pipeline.json.",
                isSetup: true)
        default:
            Words(
                "HOST:PORT is reached over plain http, which is only allowed to networks in allow_private.",
                hint:
                    "The address is public and begins with http, so anybody on the way could read.",
                fix:
                    "Write https, or name the address's network in allow_private in pipeline.json.",
                isSetup: true)
        }
    }

    private var connectionWords: Words {
        switch self {
        case .dns:
            Words(
                "The name of HOST:PORT cannot be resolved.",
                hint: "The host's name cannot be resolved.",
                fix: "Check the destination's address and this machine's name service.")
        case .connect:
            Words(
                "HOST:PORT refused the connection.",
                hint: "Nothing listens at that host and port; nothing was sent.",
                fix: "Check the address and its port, and whether the service there runs.")
        case .unreachable:
            Words(
                "HOST:PORT cannot be reached: there is no way to its network.",
                hint: "This machine finds no way to the host; nothing was sent.",
                fix: "Check this machine's network, its routes and its firewall.")
        case .connectTimeout:
            Words(
                "No connection with HOST:PORT came about within DETAIL.",
                hint: "The host gives no sign; nothing was sent.",
                fix: "Check address and port, and whether a firewall drops the connection.")
        case .proxy:
            Words(
                "The proxy HOST:PORT cannot be reached: DETAIL.",
                hint: "The proxy takes no connection; nothing was sent.",
                fix: "Check \"proxy\" of the destination, and whether the proxy runs.")
        case .proxyCredentials:
            Words(
                "The proxy HOST:PORT does not accept the user and password.",
                hint: "The proxy wants other credentials; nothing was sent.",
                fix: "Correct \"user\" and \"password\" of the destination's \"proxy\".",
                isSetup: true)
        default:
            Words(
                "The proxy HOST:PORT does not connect to the destination: it answered DETAIL.",
                hint: "The proxy refuses this destination; nothing was sent.",
                fix: "Ask its operator to allow the destination's host and port.")
        }
    }

    private var certificateWords: Words {
        switch self {
        case .certificateExpired:
            Words(
                "The certificate of HOST:PORT expired on DETAIL.",
                hint: "The destination's certificate has expired; nothing was sent.",
                fix: "Its operator has to renew it; check this machine's clock, too.")
        case .certificateNotYetValid:
            Words(
                "The certificate of HOST:PORT is valid only from DETAIL.",
                hint: "The destination's certificate is not valid yet; nothing was sent.",
                fix:
                    "Check this machine's clock; else its operator has to put another one in place."
            )
        case .certificateOfAnother:
            Words(
                "The certificate of HOST:PORT is for another name: DETAIL.",
                hint: "The destination's certificate is for another name; nothing was sent.",
                fix: "Write the name that the certificate is for, or have it cover this one.")
        case .certificateSelfSigned:
            Words(
                "The certificate of HOST:PORT is signed by itself (DETAIL).",
                hint: "Nobody vouches for the destination's certificate; nothing was sent.",
                fix:
                    "If it is yours, name it in \"ca_file\" of the destination; else check the address."
            )
        case .certificateUnknownIssuer:
            Words(
                "The certificate of HOST:PORT is from an authority that is not known here: DETAIL.",
                hint:
                    "The destination's certificate comes from an unknown authority; nothing was sent.",
                fix:
                    "If the authority is yours, name its certificate in \"ca_file\" of the destination; else the host leaves out a certificate between."
            )
        default:
            Words(
                "The certificate of HOST:PORT was not accepted: DETAIL.",
                hint: "The destination's certificate was not accepted; nothing was sent.",
                fix: "Its operator has to put a good one in place; check the address, too.")
        }
    }

    private var tlsWords: Words {
        switch self {
        case .noTLS:
            Words(
                "HOST:PORT does not speak TLS.",
                hint: "There is no TLS on that port; nothing was sent.",
                fix: "Check the port; https usually has 443.")
        case .tlsTooOld:
            Words(
                "HOST:PORT speaks only versions of TLS before 1.2.",
                hint: "The destination's TLS is too old to be safe; nothing was sent.",
                fix: "Its operator has to allow TLS 1.2 or 1.3.")
        case .tlsClosed:
            Words(
                "HOST:PORT ended the connection while TLS was set up.",
                hint: "The destination broke off before anything could be sent.",
                fix: "Check the port, and whether something on the way cuts TLS off.")
        case .tls:
            Words(
                "HOST:PORT and Sluice found no common way of TLS.",
                hint: "TLS could not be set up; nothing was sent.",
                fix:
                    "Its operator sees why in the server's log: it may want a client certificate, or allow other ciphers only."
            )
        case .clientCertificateWanted:
            Words(
                "HOST:PORT wants a client certificate that it accepts.",
                hint: "The destination asks who we are, by certificate; nothing was taken.",
                fix: "Give one that it knows in \"client_certificate\" of the destination.")
        default:
            Words(
                "The client certificate for HOST:PORT cannot be used.",
                hint: "Certificate, key and passphrase do not fit together.",
                fix: "Correct \"client_certificate\" of the destination.", isSetup: true)
        }
    }

    private var answerWords: Words {
        switch self {
        case .timeout:
            Words(
                "HOST:PORT did not answer within DETAIL.",
                hint: "There was no complete answer in time.", fix: Self.onSchedule)
        case .reset:
            Words(
                "HOST:PORT broke the connection off.",
                hint: "The connection was cut before an answer came.", fix: Self.onSchedule)
        case .noAnswer:
            Words(
                "HOST:PORT closed the connection without an answer.",
                hint: "The destination took the request and did not answer.", fix: Self.onSchedule)
        case .staleConnection:
            Words(
                "HOST:PORT closed a connection that was kept from before, without an answer.",
                hint: "The kept connection ended just as it was used again.",
                fix: "Nothing to do: it is tried again over a new one.")
        case .tokenEnded:
            Words(
                "The access token that was kept is no longer taken (401).",
                hint: "The access token ended before its time.",
                fix: "Nothing to do: it is tried again with a new one.")
        case .incompleteAnswer:
            Words(
                "The answer of HOST:PORT ended within its headers.",
                hint: "The destination's answer broke off.", fix: Self.onSchedule)
        case .headersTooLong:
            Words(
                "The headers of the answer of HOST:PORT are too long.",
                hint: "The destination's answer has more headers than are read.",
                fix: "Its operator has to look at what it answers; check the address, too.")
        case .protocolError:
            Words(
                "HOST:PORT answered something that is not HTTP.",
                hint: "The answer was not HTTP; something else listens there.",
                fix: "Check the address and its port, and whether https is meant.")
        case .cancelled:
            Words(
                "The program was stopped.", hint: "The program was stopped meanwhile.",
                fix: "Nothing to do: it is tried again.")
        default:
            Words(
                "HOST:PORT could not be asked: DETAIL.", hint: "There was no complete answer.",
                fix: Self.onSchedule)
        }
    }
}
