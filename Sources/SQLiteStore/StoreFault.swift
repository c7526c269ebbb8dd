import CSQLite
import Events

/// Why a transaction failed, by what follows from it.
package enum StoreFault: Sendable, Equatable {
    /// The file is locked or the disk is full: tried again until that has passed.
    case passing(String)
    /// The disk or the file cannot be trusted any more: the program has to end (DESIGN §10).
    case fatal(String)
    /// One piece of work cannot be done, whatever else happens.
    case single(String)
    /// No events are taken: the disk is nearly full, or too many wait.
    case pressed(StorePressure)

    init(_ error: any Error) {
        let text = "\(error)"
        guard let error = error as? SQLiteError else {
            self = .single(text)
            return
        }
        // The primary code is the low byte of the extended one.
        switch error.code & 0xFF {
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_FULL, SQLITE_NOMEM: self = .passing(text)
        case SQLITE_IOERR, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_READONLY, SQLITE_CANTOPEN:
            self = .fatal(text)
        default: self = .single(text)
        }
    }

    package var text: String {
        switch self {
        case .passing(let text), .fatal(let text), .single(let text): text
        case .pressed(let pressure): pressure.problem.message
        }
    }
}
