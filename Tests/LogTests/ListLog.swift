import Consent
import Events
import Identify
import JSON
import Log
import SluiceTesting

/// A log of a few rows that a test wrote down.
struct ListLog: DeliveryLog {
    var details: [DeliveryDetail] = []
    var people: [IdentityKey: KnownPerson] = [:]
    var destinationRows: [DestinationRow] = []
    var refusalRows: [RefusalRow] = []
    var serverRow = ServerRow()

    func event(_ id: EventID) -> EventRow? { details.first { $0.row.id.event == id }?.event }

    func events(messageID: String) -> [EventID] {
        details.filter { $0.row.messageID == messageID }.map(\.row.id.event)
    }

    func events(of key: IdentityKey, limit: Int) -> [EventID] {
        let found = details.filter {
            key.kind == .user ? $0.row.userID == key.value : $0.row.email == key.value
        }
        return Array(found.map(\.row.id.event).prefix(limit))
    }

    func firstEvent(of user: String, on device: String, after event: EventID) -> EventID? { nil }

    func deliveries(of event: EventID) -> [DeliveryRow] {
        details.map(\.row).filter { $0.id.event == event }
    }

    func detail(_ id: DeliveryID) -> DeliveryDetail? { details.first { $0.row.id == id } }
    func deliveries(_ filter: DeliveryFilter) -> [DeliveryRow] { details.map(\.row) }
    func rejected(limit: Int) -> [RejectedRow] { [] }
    func rejected(source: String, after number: Int64, limit: Int) -> [RejectedRow] { [] }
    func destinations() -> [DestinationRow] { destinationRows }
    func sources() -> [SourceRow] { [] }
    func refusals() -> [RefusalRow] { refusalRows }
    func receipts(of id: String?) -> [ForgetReceipt] { [] }
    func identifiers(_ kind: IdentityKey.Kind, inEventsOf key: IdentityKey) -> Set<String> { [] }
    func unfoundEvents(ofDevices devices: Set<String>) -> [EventID] { [] }

    func person(_ key: IdentityKey) -> KnownPerson {
        people[key] ?? KnownPerson(identity: nil, standing: nil)
    }

    func server() -> ServerRow { serverRow }
}

/// A moment that every row of these tests uses.
let noon = Timestamp(milliseconds: 1_780_747_200_000)

/// A delivery of event 1 to `vero`, changed as a test needs it.
func delivery(
    _ state: DeliveryState, event number: Int64 = 1,
    _ change: (inout DeliveryRow) -> Void = { _ in }
) -> DeliveryRow {
    var row = DeliveryRow(
        id: DeliveryID(event: EventID(number: number), destination: "vero"),
        eventName: "Product Viewed",
        source: "backend", messageID: "m-\(number)", userID: "1000", email: "jane@example.com",
        receivedAt: noon, state: state, reason: nil, detail: nil, consent: nil, revision: "abc",
        run: 1, attempt: 0, status: nil, dueAt: nil, endedAt: nil, outOfOrder: false)
    change(&row)
    return row
}

/// A request that no blueprint builds any more.
let oldRequest = MappedRequest(
    name: "old", method: "POST", url: MaskedText(Array("https://old.example/".utf8)),
    body: MaskedText(Array("{}".utf8)))

/// The row with its event, and the requests of its last run.
func detail(
    _ row: DeliveryRow, requests: [MappedRequest] = [oldRequest], isEmptied: Bool = false
) throws -> DeliveryDetail {
    var event = try Fixtures.track("Product Viewed", user: "1000", message: row.messageID)
    if isEmptied {
        event = Event(
            source: "backend", trusted: true, type: .track, name: "Product Viewed",
            messageID: row.messageID, timestamp: noon, receivedAt: noon,
            document: .emptyObject)
    }
    let identity = Identity(
        userID: "1000", email: "jane@example.com", anonymousID: nil, emailState: .fine,
        lane: LaneKey(number: 0))
    return DeliveryDetail(
        row: row, event: EventRow(event: event, identity: identity), requests: requests,
        attempts: [])
}

/// A hold that the answer 401 brought.
let hold = Hold(
    since: noon, status: 401, hint: "The token is wrong.", fix: "Copy it again.", delivery: "dlv_1")
