/// The reason why a destination keeps its deliveries until it is released.
package struct Hold: Sendable, Equatable {
    package var since: Timestamp
    /// The HTTP status of the answer that led to it; nil for an order or no answer.
    package var status: Int?
    /// The reason in a sentence.
    package var hint: String
    /// The way to mend it, in a sentence.
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
