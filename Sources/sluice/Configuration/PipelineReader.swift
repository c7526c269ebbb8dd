import Events
import Map

/// Reads the pipeline of a running server, at the start and when its files have changed.
struct PipelineReader: Sendable {
    let path: String
    let overrides: PipelineFile.Overrides

    func read() throws -> PipelineFile { try PipelineFile.read(path, overrides) }

    /// The revision of the files as they are, also when they are faulty; empty when the pipeline
    /// file cannot be read.
    var revision: String {
        (try? readFile(path)).map { PipelineFile.revision(of: $0, at: path, overrides) } ?? ""
    }
}

extension PipelineFile {
    /// The revision of a pipeline file with its blueprints, as far as they can be read; the values
    /// of variables are not part of it.
    static func revision(
        of bytes: [UInt8], at path: String, _ overrides: Overrides
    ) -> String {
        // A file of its own: its faults are told by whoever reads it.
        guard let source = try? ConfigurationFile(name: path, bytes: bytes) else {
            return shortDigest(of: bytes)
        }
        let files = PipelineDecoder(source, at: path, overrides).blueprintFiles
        let blueprints = files.map { file in
            (try? readFile(file)).map { shortDigest(of: $0) } ?? ""
        }
        return shortDigest(of: bytes + Array(blueprints.joined().utf8))
    }
}
