package import Events

/// The stored consent, inside a transaction of the store.
package protocol ConsentStore {
    /// The consent of an identifier; nil when none is stored.
    func standing(_ key: IdentityKey) throws -> Standing?
    /// Stores the consent of an identifier in place of the earlier one.
    mutating func save(_ standing: Standing, for key: IdentityKey) throws
}
