/// Something in memory that changes with a transaction of the store.
///
/// Facts that are kept in memory beside the file (lanes, names, keys of the newest events) are
/// changed at once, while the transaction is open. A participant remembers how to go back. The
/// writer and its session keep their participants in a list, so that none can be forgotten.
package protocol TransactionParticipant: AnyObject {
    /// The transaction is on disk: the changes are final.
    func keep()
    /// Nothing of the transaction is on disk: the changes are undone.
    func undo()
}
