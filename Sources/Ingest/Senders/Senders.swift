import Events
package import Webhooks

/// The sources and webhook sources of the pipeline that is in force now.
///
/// Each request looks once, so that it sees one pipeline even while another takes its place.
package final class Senders: Sendable {
    private struct Now {
        /// The keys of the sources.
        var keys: KeyRing
        /// The tokens of the webhook sources.
        var hooks: WebhookRing
    }
    private let now: Locked<Now>

    /// The senders of the first pipeline.
    package init(_ sources: [Source], _ webhooks: [WebhookSource]) {
        now = Locked(Now(keys: KeyRing(sources), hooks: WebhookRing(webhooks)))
    }

    /// Puts the senders of another pipeline in force.
    package func replace(_ sources: [Source], _ webhooks: [WebhookSource]) {
        let next = Now(keys: KeyRing(sources), hooks: WebhookRing(webhooks))
        now.withLock { $0 = next }
    }

    /// The keys of the sources.
    var keys: KeyRing { now.withLock(\.keys) }
    /// The tokens of the webhook sources.
    var hooks: WebhookRing { now.withLock(\.hooks) }
}
