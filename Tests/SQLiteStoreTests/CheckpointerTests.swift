import SluiceTesting
import Testing

@testable import SQLiteStore

@Suite struct `The log of a store` {
    @Test func `is copied into the file beside the writer, who only catches up`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/sluice.db"
        let writer = try Connection(path: path, mode: .readWrite, busyTimeout: .seconds(1))
        _ = try writer.text("PRAGMA journal_mode = WAL")
        writer.countLogPages()
        try writer.execute("CREATE TABLE pages (body BLOB)")
        let checkpointer = try Checkpointer(path: path, busyTimeout: .seconds(1)) { _ in }
        defer { checkpointer.close() }
        for _ in 0...Checkpointer.pages {
            try writer.execute("INSERT INTO pages VALUES (randomblob(4000))")
        }
        let before = try folder.size(of: "sluice.db")
        checkpointer.copyLog(of: writer)
        // The writer does nothing here.
        _ = try await eventually("most of the log is in the file") {
            try folder.size(of: "sluice.db") > before + 4_096 * Int64(Checkpointer.pages / 2)
                ? true : nil
        }
        _ = try await eventually("the log begins anew") {
            try writer.execute("INSERT INTO pages VALUES (randomblob(4000))")
            checkpointer.copyLog(of: writer)
            return writer.logPages < Checkpointer.pages ? true : nil
        }
        #expect(try writer.text("PRAGMA integrity_check") == "ok")
    }

    @Test func `is cut by the writer only when little of it is left to copy`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/sluice.db"
        let writer = try Connection(path: path, mode: .readWrite, busyTimeout: .seconds(1))
        _ = try writer.text("PRAGMA journal_mode = WAL")
        writer.countLogPages()
        try writer.execute("CREATE TABLE pages (body BLOB)")
        let checkpointer = try Checkpointer(path: path, busyTimeout: .seconds(1)) { _ in }
        defer { checkpointer.close() }
        #expect(checkpointer.mayCutLog(of: writer), "there is hardly anything")
        for _ in 0...Checkpointer.leftPages {
            try writer.execute("INSERT INTO pages VALUES (randomblob(4000))")
        }
        #expect(!checkpointer.mayCutLog(of: writer), "that is copied beside the writer first")
        let before = writer.logPages
        _ = try await eventually("all of it is copied") {
            checkpointer.mayCutLog(of: writer) ? true : nil
        }
        #expect(writer.logPages == before, "the writer had nothing to do")
    }
}
