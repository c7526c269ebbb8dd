/// Why a destination keeps its deliveries.
package struct Hold: Sendable, Equatable {
    package var since: Timestamp
    package var status: Int?
    package var hint: String
    package var fix: String
    /// A delivery that met the error.
    package var delivery: String
    /// An operator holds it: it is not tried by itself.
    package var byOperator = false

    package init(since: Timestamp, status: Int?, hint: String, fix: String, delivery: String) {
        self.since = since
        self.status = status
        self.hint = hint
        self.fix = fix
        self.delivery = delivery
    }
}
