import ArgumentParser
import Events
import Store

struct StoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store", abstract: "Check, copy and compact the store's file.",
        subcommands: [
            StoreCheckCommand.self, StoreBackupCommand.self, StoreCompactCommand.self,
        ])
}

struct StoreCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read every page and say what is wrong; works beside a running server.")

    @OptionGroup var options: StoreOptions

    func run() throws {
        _ = try options.log()
        let faults = try DataFolder(try options.directory()).check()
        for fault in faults { Terminal.standard.write(printable(fault)) }
        Terminal.standard.write(faults.isEmpty ? "The store is good." : "\(faults.count) faults.")
        if !faults.isEmpty { throw ExitCode.failure }
    }
}

struct StoreBackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the store as it is now to a new file; works beside a running server.",
        discussion: """
            To restore: stop the server, put the file in the data directory as sluice.db, remove \
            sluice.db-wal and sluice.db-shm, start. What came after the copy is gone; destinations \
            may get again what was delivered since.
            """)

    @Argument(help: "The new file.")
    var file: String

    @OptionGroup var options: StoreOptions

    func run() throws {
        _ = try options.log()
        try DataFolder(try options.directory()).backup(to: file)
        Terminal.standard.write("The store was copied to \(file).")
    }
}

struct StoreCompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Give the space of removed events back to the disk; the server has to be stopped."
    )

    @OptionGroup var options: StoreOptions

    func run() async throws {
        _ = try options.log()
        try await options.give { try await $0.compact() }
        Terminal.standard.write("The store was compacted.")
    }
}
