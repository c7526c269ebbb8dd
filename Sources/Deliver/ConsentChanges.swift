import Events

/// The people whose consent has changed while deliveries that were decided before may be in memory.
///
/// Each job carries the store's change number at which consent was looked at. A job is out of date
/// when the consent of its person changed later: it goes back into the store, which looks again. A
/// change is often heard twice: first as an urgent copy, then in the ordinary order of all news.
/// Jobs that were decided before the change can still arrive until the ordinary copy does, so
/// nothing is forgotten before.
struct ConsentChanges {
    private var changedAt: [IdentityKey: Int64] = [:]
    /// Changes heard as urgent news whose place among all news has not been reached.
    private var heardEarly = 0

    var isEmpty: Bool { changedAt.isEmpty }

    /// Keeps a change that was heard as urgent news.
    mutating func hearEarly(_ keys: [IdentityKey], at change: Int64) {
        heardEarly += 1
        keep(keys, at: change)
    }

    /// Keeps a change that was heard in its place.
    mutating func hear(_ keys: [IdentityKey], at change: Int64) {
        heardEarly = max(0, heardEarly - 1)
        keep(keys, at: change)
    }

    private mutating func keep(_ keys: [IdentityKey], at change: Int64) {
        for key in keys { changedAt[key] = change }
    }

    /// True when the consent of the job's person changed after the job was decided about.
    func outdate(_ job: Job) -> Bool {
        !changedAt.isEmpty
            && job.identity.keys.contains { changedAt[$0] ?? .min > job.decidedAt }
    }

    /// Forgets every change, unless jobs that were decided before one may still come.
    ///
    /// Called when nothing is in memory.
    mutating func forget() {
        if heardEarly == 0 { changedAt = [:] }
    }
}
