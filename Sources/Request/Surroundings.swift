/// The network between Sluice and one destination, where it is special: a private authority, a
/// certificate of ours, a proxy.
///
/// The files are read when the pipeline is loaded, so that a request never meets half of a changed
/// one. An object, because every request carries it.
package final class Surroundings: Sendable, Equatable {
    /// The certificates of the only authorities that are trusted, as PEM; nil for the machine's.
    package let authorities: [UInt8]?
    package let clientCertificate: ClientCertificate?
    package let proxy: Proxy?

    /// The proof of who we are to the destination.
    package struct ClientCertificate: Sendable, Equatable {
        /// The certificate, and those that lead to its authority, as PEM.
        package let certificate: [UInt8]
        /// The private key, as PEM.
        package let key: [UInt8]
        /// The key's passphrase; nil for a key that needs none.
        package let passphrase: String?

        package init(certificate: [UInt8], key: [UInt8], passphrase: String?) {
            self.certificate = certificate
            self.key = key
            self.passphrase = passphrase
        }
    }

    /// A proxy that every request goes through, inside a tunnel.
    package struct Proxy: Sendable, Equatable {
        /// Its address, without a path: `http://host:port` or `https://host:port`.
        package let url: String
        package let user: String?
        package let password: String?

        package init(url: String, user: String?, password: String?) {
            self.url = url
            self.user = user
            self.password = password
        }
    }

    package init(
        authorities: [UInt8]? = nil, clientCertificate: ClientCertificate? = nil,
        proxy: Proxy? = nil
    ) {
        self.authorities = authorities
        self.clientCertificate = clientCertificate
        self.proxy = proxy
    }

    package static func == (left: Surroundings, right: Surroundings) -> Bool {
        left === right
            || (left.authorities == right.authorities && left.proxy == right.proxy
                && left.clientCertificate == right.clientCertificate)
    }
}
