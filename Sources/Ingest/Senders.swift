import Events
package import Webhooks

/// Who may send, as the pipeline says by now.
///
/// Each request looks once, so that it sees one state of it.
package final class Senders: Sendable {
    private struct Now {
        var keys: KeyRing
        var hooks: WebhookRing
    }
    private let now: Locked<Now>

    package init(_ sources: [Source], _ webhooks: [WebhookSource]) {
        now = Locked(Now(keys: KeyRing(sources), hooks: WebhookRing(webhooks)))
    }

    package func replace(_ sources: [Source], _ webhooks: [WebhookSource]) {
        let next = Now(keys: KeyRing(sources), hooks: WebhookRing(webhooks))
        now.withLock { $0 = next }
    }

    var keys: KeyRing { now.withLock(\.keys) }
    var hooks: WebhookRing { now.withLock(\.hooks) }
}
