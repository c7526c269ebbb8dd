import CurlTransport
import Events
import JSON
import Request

extension PipelineDecoder {
    /// The keys of a destination that say what is special about the network around it.
    static let surroundingKeys = ["ca_file", "client_certificate", "proxy"]

    /// The private authority, the certificate of ours and the proxy of a destination; nil when it
    /// has none of them.
    func surroundings(
        of destination: ConfigurationValue, networks: [String]
    ) -> Surroundings? {
        guard overrides.needsSecrets,
            Self.surroundingKeys.contains(where: { destination[$0] != nil })
        else { return nil }
        return Surroundings(
            authorities: authorities(destination["ca_file"]),
            clientCertificate: clientCertificate(destination["client_certificate"]),
            proxy: proxy(destination["proxy"], networks: networks))
    }

    /// The files of certificates and keys that destinations name.
    var certificateFiles: [String] {
        let destinations = root["destinations"]?.members("\"destinations\"") ?? []
        let named = destinations.flatMap { destination in
            let own = destination.value["client_certificate"]
            return [destination.value["ca_file"], own?["certificate"], own?["key"]]
        }
        return named.compactMap { $0 }.compactMap { value in
            value.json.string == nil ? nil : variables.expand(value, "A file")
        }.filter { !$0.isEmpty }.map { resolve($0, in: folder) }
    }

    private func authorities(_ value: ConfigurationValue?) -> [UInt8]? {
        guard let value, let bytes = file(value, "\"ca_file\"") else { return nil }
        return certificates(in: bytes, at: value) ? bytes : nil
    }

    private func clientCertificate(
        _ value: ConfigurationValue?
    ) -> Surroundings.ClientCertificate? {
        guard let value else { return nil }
        value.refuseUnknownKeys(
            ["certificate", "key", "passphrase"], in: "\"client_certificate\"")
        for key in ["certificate", "key"] where value[key] == nil {
            value.report(
                "\"client_certificate\" has no \"\(key)\".", fix: "Name the file, in PEM.")
        }
        let passphrase = value["passphrase"].flatMap { variables.expand($0, "\"passphrase\"") }
        guard let certificate = value["certificate"], let key = value["key"],
            let shown = file(certificate, "\"certificate\""), let secret = file(key, "\"key\"")
        else { return nil }
        guard certificates(in: shown, at: certificate) else { return nil }
        let keys = PEM.blocks(of: secret).filter { $0.label.hasSuffix("PRIVATE KEY") }
        guard let first = keys.first, keys.count == 1 else {
            key.report(
                "The file is no private key in PEM.",
                fix: "Give a file with one \"-----BEGIN PRIVATE KEY-----\" block.")
            return nil
        }
        if first.isEncrypted, (passphrase ?? "").isEmpty {
            key.report(
                "The private key has a passphrase, and none is given.",
                fix: "Add \"passphrase\": \"${NAME}\".")
        }
        return Surroundings.ClientCertificate(
            certificate: shown, key: secret, passphrase: passphrase)
    }

    private func certificates(in bytes: [UInt8], at value: ConfigurationValue) -> Bool {
        let found = PEM.blocks(of: bytes).filter { $0.label == "CERTIFICATE" }
        if !found.isEmpty, found.allSatisfy(\.isCertificate) { return true }
        value.report(
            "The file is no certificate in PEM.",
            fix: "Give a file with \"-----BEGIN CERTIFICATE-----\" blocks, each whole.")
        return false
    }

    /// Bytes of the largest file of certificates.
    private static let largestFile = 1 << 20

    private func file(_ value: ConfigurationValue, _ what: String) -> [UInt8]? {
        guard let text = variables.expand(value, what) else { return nil }
        let path = resolve(text, in: folder)
        guard !text.isEmpty, let bytes = try? readFile(path) else {
            value.report(
                "The file \"\(path)\" cannot be read.", fix: "Check the path and its permissions.")
            return nil
        }
        guard bytes.count <= Self.largestFile else {
            value.report(
                "The file \"\(path)\" is larger than 1 MiB.", fix: "Keep only what is needed.")
            return nil
        }
        return bytes
    }

    private func proxy(
        _ value: ConfigurationValue?, networks: [String]
    ) -> Surroundings.Proxy? {
        guard let value else { return nil }
        value.refuseUnknownKeys(["url", "user", "password"], in: "\"proxy\"")
        guard let place = value["url"], let url = variables.expand(place, "\"url\"") else {
            if value["url"] == nil {
                value.report("\"proxy\" has no \"url\".", fix: "Add such as http://host:3128.")
            }
            return nil
        }
        if url.isEmpty { return nil }
        var options = TransportOptions()
        options.allowedNetworks = networks
        if let fault = options.fault(of: url) {
            place.report(fault.message, fix: fault.fix)
        } else if url.contains("@") || url.drop(while: { $0 != ":" }).dropFirst(3).contains("/") {
            place.report(
                "The proxy's address is more than a scheme, a host and a port.",
                fix: "Write such as http://host:3128; user and password have keys of their own.")
        }
        let user = value["user"].flatMap { variables.expand($0, "\"user\"") } ?? ""
        let password = value["password"].flatMap { variables.expand($0, "\"password\"") } ?? ""
        if user.contains(":") {
            value["user"]?.report("A proxy's user has no colon.", fix: "Remove it.")
        }
        return Surroundings.Proxy(
            url: url, user: user.isEmpty ? nil : user,
            password: password.isEmpty ? nil : password)
    }
}
