/// The tables, as a list of steps that is only ever added to.
enum Schema {
    static let migrations = [
        first, second, third, fourth, fifth, sixth, seventh, eighth, ninth, tenth, eleventh,
        twelfth,
    ]

    /// The open deliveries: what the queue's partial indexes speak of, word for word.
    static let open = "ended_at IS NULL"
    /// The open deliveries with a due time in the store (retries and replays), word for word.
    ///
    /// The writer's lanes know in memory which of the others are ready.
    static let timed = "due_at IS NOT NULL AND (state = 'retrying' OR run > 1)"
    /// The open deliveries, as the first version of the schema named them.
    private static let openOnce = "state IN ('queued', 'sending', 'retrying')"

    private static let stateCheck = """
        CHECK (state IN ('queued', 'sending', 'retrying', 'delivered',
                'filtered', 'failed', 'expired', 'cancelled'))
        """
    private static let classCheck = """
        CHECK (class IN ('delivered', 'invalid', 'setup', 'throttle',
                'transient', 'unknown'))
        """

    private static func quoted(_ text: String) -> String { text.replacing("'", with: "''") }

    private static let first = """
        CREATE TABLE meta (
            key TEXT PRIMARY KEY,
            value BLOB NOT NULL
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE sources (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE
        ) STRICT;

        CREATE TABLE destinations (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            held_since INTEGER,
            hold_status INTEGER,
            hold_hint TEXT,
            hold_fix TEXT,
            hold_delivery TEXT,
            last_delivered_at INTEGER,
            last_error TEXT,
            last_error_at INTEGER
        ) STRICT;

        CREATE TABLE blueprints (
            revision TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            text BLOB NOT NULL,
            first_used_at INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;

        -- The body may be removed before the row; the row guards against repeats.
        CREATE TABLE events (
            id INTEGER PRIMARY KEY,
            source INTEGER NOT NULL REFERENCES sources (id),
            trusted INTEGER NOT NULL,
            type TEXT NOT NULL,
            name TEXT,
            message_id TEXT NOT NULL,
            user_id TEXT,
            anonymous_id TEXT,
            previous_id TEXT,
            group_id TEXT,
            email TEXT,
            email_state TEXT NOT NULL,
            lane INTEGER NOT NULL,
            happened_at INTEGER NOT NULL,
            sent_at INTEGER,
            received_at INTEGER NOT NULL,
            marks TEXT NOT NULL,
            user_key INTEGER,
            email_key INTEGER,
            body BLOB
        ) STRICT;
        CREATE INDEX events_user ON events (user_key) WHERE user_key IS NOT NULL;
        CREATE INDEX events_email ON events (email_key) WHERE email_key IS NOT NULL;

        -- 128 bits of SHA-256 of the message id: narrow, because its order is random.
        CREATE TABLE messages (
            source INTEGER NOT NULL,
            digest BLOB NOT NULL CHECK (length(digest) = 16),
            event INTEGER NOT NULL,
            PRIMARY KEY (source, digest)
        ) STRICT, WITHOUT ROWID;

        -- One row for each identifier; its key is a keyed hash, so that a suppression can outlive
        -- the data it protects.
        CREATE TABLE identities (
            key BLOB PRIMARY KEY CHECK (length(key) = 16),
            kind TEXT NOT NULL CHECK (kind IN ('user', 'email', 'anonymous')),
            value TEXT,
            user_id TEXT,
            email TEXT,
            lane INTEGER,
            answers TEXT,
            suppression TEXT
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE deliveries (
            event INTEGER NOT NULL REFERENCES events (id),
            destination INTEGER NOT NULL REFERENCES destinations (id),
            lane INTEGER NOT NULL,
            state TEXT NOT NULL \(stateCheck),
            reason TEXT,
            detail TEXT,
            consent TEXT,
            revision TEXT NOT NULL,
            run INTEGER NOT NULL DEFAULT 1,
            attempt INTEGER NOT NULL DEFAULT 0,
            tries INTEGER NOT NULL DEFAULT 0,
            step INTEGER NOT NULL DEFAULT 0,
            status INTEGER,
            due_at INTEGER,
            opened_at INTEGER,
            ended_at INTEGER,
            -- 1: it has held its lane too long, and the rest may pass.
            passed INTEGER NOT NULL DEFAULT 0,
            out_of_order INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (event, destination)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX deliveries_lane ON deliveries (destination, lane, passed, event)
            WHERE \(openOnce);
        CREATE INDEX deliveries_due ON deliveries (destination, due_at) WHERE due_at IS NOT NULL;
        CREATE INDEX deliveries_undelivered ON deliveries (destination, state, reason, event)
            WHERE state NOT IN ('delivered', 'sending');

        -- What was sent: bodies with *** where a secret belongs.
        CREATE TABLE requests (
            event INTEGER NOT NULL,
            destination INTEGER NOT NULL,
            run INTEGER NOT NULL,
            step INTEGER NOT NULL,
            name TEXT NOT NULL,
            method TEXT NOT NULL,
            url TEXT NOT NULL,
            url_secrets TEXT NOT NULL,
            body BLOB NOT NULL,
            body_secrets TEXT NOT NULL,
            PRIMARY KEY (event, destination, run, step),
            FOREIGN KEY (event, destination) REFERENCES deliveries (event, destination)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE attempts (
            event INTEGER NOT NULL,
            destination INTEGER NOT NULL,
            run INTEGER NOT NULL,
            number INTEGER NOT NULL,
            step INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            duration INTEGER,
            status INTEGER,
            class TEXT NOT NULL \(classCheck),
            note TEXT,
            answer TEXT,
            hint TEXT,
            fix TEXT,
            PRIMARY KEY (event, destination, run, number),
            FOREIGN KEY (event, destination) REFERENCES deliveries (event, destination)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE rejections (
            id INTEGER PRIMARY KEY,
            source TEXT NOT NULL,
            received_at INTEGER NOT NULL,
            message_id TEXT,
            code TEXT NOT NULL,
            message TEXT NOT NULL,
            hint TEXT NOT NULL,
            body BLOB NOT NULL
        ) STRICT;

        CREATE TABLE audit (
            id INTEGER PRIMARY KEY,
            at INTEGER NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            detail TEXT NOT NULL
        ) STRICT;
        """

    /// Webhooks: what is kept of those that could not be read, form bodies, and how sources stand.
    private static let second = """
        ALTER TABLE rejections ADD COLUMN headers TEXT;
        ALTER TABLE requests ADD COLUMN encoding TEXT NOT NULL DEFAULT 'json';
        ALTER TABLE sources ADD COLUMN kind TEXT;
        ALTER TABLE sources ADD COLUMN off_reason TEXT;
        ALTER TABLE sources ADD COLUMN last_event_at INTEGER;
        ALTER TABLE sources ADD COLUMN is_configured INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE destinations ADD COLUMN is_enabled INTEGER NOT NULL DEFAULT 1;
        CREATE INDEX rejections_source ON rejections (source, id);
        """

    /// Operators and breakers: who holds a destination, and how long it rests.
    private static let third = """
        ALTER TABLE destinations ADD COLUMN held_by_operator INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE destinations ADD COLUMN resting_until INTEGER;
        ALTER TABLE destinations ADD COLUMN resting_hint TEXT;
        """

    /// How often the program ended while a delivery's request was built.
    private static let fourth = """
        CREATE TABLE crashes (
            event INTEGER NOT NULL,
            destination INTEGER NOT NULL,
            count INTEGER NOT NULL,
            PRIMARY KEY (event, destination)
        ) STRICT, WITHOUT ROWID;
        """

    /// Cheaper rows: checks and indexes lose the lists that SQLite builds anew for each statement,
    /// and random keys are gathered before they are sorted in.
    private static let fifth = """
        PRAGMA writable_schema = ON;
        UPDATE sqlite_schema SET sql = replace(sql, ' \(quoted(stateCheck))', '')
            WHERE type = 'table' AND name = 'deliveries';
        UPDATE sqlite_schema SET sql = replace(sql, ' \(quoted(classCheck))', '')
            WHERE type = 'table' AND name = 'attempts';
        PRAGMA writable_schema = RESET;

        -- Lanes are kept in memory; this is what they are read from, in the order of events.
        DROP INDEX deliveries_lane;
        CREATE INDEX deliveries_open ON deliveries (destination, event) WHERE \(open);
        DROP INDEX deliveries_undelivered;
        CREATE INDEX deliveries_undelivered ON deliveries (destination, state, reason, event)
            WHERE ended_at IS NOT NULL AND state <> 'delivered';

        -- New keys in the order of events; `KeyIndex` folds them into messages and event_keys.
        CREATE TABLE fresh (
            event INTEGER PRIMARY KEY,
            source INTEGER NOT NULL,
            digest BLOB NOT NULL,
            user_key INTEGER,
            email_key INTEGER
        ) STRICT;
        CREATE TABLE event_keys (
            key INTEGER NOT NULL,
            event INTEGER NOT NULL,
            PRIMARY KEY (key, event)
        ) STRICT, WITHOUT ROWID;
        INSERT OR IGNORE INTO event_keys SELECT user_key, id FROM events
            WHERE user_key IS NOT NULL ORDER BY user_key, id;
        INSERT OR IGNORE INTO event_keys SELECT email_key, id FROM events
            WHERE email_key IS NOT NULL ORDER BY email_key, id;
        DROP INDEX events_user;
        DROP INDEX events_email;
        """

    /// One row for an attempt and the requests it pinned, and no copy of keys of the newest events.
    ///
    /// Put at the end of a table, rows of some 600 bytes fill its pages, and a narrow index finds
    /// them; in the order of a key of four columns they made a tree of many levels.
    private static let sixth = """
        ALTER TABLE attempts RENAME TO attempts_before;
        CREATE TABLE attempts (
            id INTEGER PRIMARY KEY,
            event INTEGER NOT NULL,
            destination INTEGER NOT NULL,
            run INTEGER NOT NULL,
            number INTEGER NOT NULL,
            step INTEGER NOT NULL,
            started_at INTEGER NOT NULL,
            duration INTEGER,
            status INTEGER,
            class TEXT NOT NULL,
            note TEXT,
            answer TEXT,
            hint TEXT,
            fix TEXT,
            -- What the run sends, in the attempt that built it: see PinnedRequests.
            requests TEXT,
            bodies BLOB,
            FOREIGN KEY (event, destination) REFERENCES deliveries (event, destination)
        ) STRICT;
        INSERT INTO attempts (event, destination, run, number, step, started_at, duration, status,
            class, note, answer, hint, fix)
        SELECT event, destination, run, number, step, started_at, duration, status,
            class, note, answer, hint, fix
        FROM attempts_before ORDER BY event, destination, run, number;
        CREATE UNIQUE INDEX attempts_delivery ON attempts (event, destination, run, number);
        UPDATE attempts SET (requests, bodies) = (
            SELECT group_concat(name || char(31) || method || char(31) || url || char(31)
                    || url_secrets || char(31) || encoding || char(31) || length(body)
                    || char(31) || body_secrets, char(30)),
                CAST(group_concat(CAST(body AS TEXT), '') AS BLOB)
            FROM (SELECT * FROM requests AS r WHERE r.event = attempts.event
                AND r.destination = attempts.destination AND r.run = attempts.run ORDER BY step)
            HAVING count(*) > 0)
        WHERE id IN (SELECT min(id) FROM attempts GROUP BY event, destination, run);
        -- The run whose requests are sent; the delivery's own when it is null.
        ALTER TABLE deliveries ADD COLUMN pinned INTEGER;
        UPDATE deliveries SET pinned = (
            SELECT max(run) FROM attempts AS a WHERE a.event = deliveries.event
                AND a.destination = deliveries.destination AND a.requests IS NOT NULL)
        WHERE run > 1 AND ended_at IS NULL AND NOT EXISTS (
                SELECT 1 FROM attempts AS a WHERE a.event = deliveries.event
                    AND a.destination = deliveries.destination AND a.run = deliveries.run)
            AND EXISTS (SELECT 1 FROM requests AS r WHERE r.event = deliveries.event
                AND r.destination = deliveries.destination AND r.run = deliveries.run);
        DROP TABLE attempts_before;
        DROP TABLE requests;

        -- The newest events are not in messages and event_keys yet; see KeyIndex.
        INSERT OR IGNORE INTO messages SELECT source, digest, event FROM fresh;
        INSERT OR IGNORE INTO event_keys SELECT user_key, event FROM fresh
            WHERE user_key IS NOT NULL;
        INSERT OR IGNORE INTO event_keys SELECT email_key, event FROM fresh
            WHERE email_key IS NOT NULL;
        INSERT INTO meta SELECT 'keys_folded', CAST(CAST(max(id) AS TEXT) AS BLOB) FROM events
            HAVING max(id) IS NOT NULL;
        DROP TABLE fresh;
        """

    /// Ready deliveries are found in memory: the index has no entry that the next claim removes.
    private static let seventh = """
        DROP INDEX deliveries_due;
        CREATE INDEX deliveries_due ON deliveries (destination, due_at) WHERE \(timed);
        """

    /// Keys are sorted by the run before runs are sorted into one another; see `KeyRuns`.
    private static let eighth = """
        -- The keys of the events from first to last.
        CREATE TABLE key_runs (
            run INTEGER PRIMARY KEY,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE run_messages (
            run INTEGER NOT NULL,
            source INTEGER NOT NULL,
            digest BLOB NOT NULL CHECK (length(digest) = 16),
            event INTEGER NOT NULL,
            PRIMARY KEY (run, source, digest)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE run_event_keys (
            run INTEGER NOT NULL,
            key INTEGER NOT NULL,
            event INTEGER NOT NULL,
            PRIMARY KEY (run, key, event)
        ) STRICT, WITHOUT ROWID;
        """

    /// Identifiers lead to a person only as far as a server said so.
    ///
    /// Links of earlier versions were made by pages too: they count as unproven until the next
    /// identify call. The indexes find every identifier of a person who is forgotten.
    private static let ninth = """
        ALTER TABLE identities ADD COLUMN link INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE identities ADD COLUMN previous TEXT;
        UPDATE identities SET email = NULL WHERE kind = 'anonymous' AND user_id IS NOT NULL;
        CREATE INDEX identities_user ON identities (user_id) WHERE user_id IS NOT NULL;
        CREATE INDEX identities_email ON identities (email COLLATE NOCASE)
            WHERE email IS NOT NULL;
        ALTER TABLE events ADD COLUMN owner_id TEXT;
        ALTER TABLE events ADD COLUMN former_id TEXT;
        -- Events up to this one are not found by their anonymous id.
        INSERT INTO meta SELECT 'devices_unfound', CAST(CAST(max(id) AS TEXT) AS BLOB) FROM events
            HAVING max(id) IS NOT NULL;
        CREATE INDEX audit_subject ON audit (action, subject);
        """

    private static let tenth = """
        -- Events of forgotten people that still had something to deliver.
        CREATE TABLE postponed_emptying (event INTEGER PRIMARY KEY) STRICT;
        -- Paths of values that were removed from a kept body, a line each.
        ALTER TABLE rejections ADD COLUMN removed TEXT NOT NULL DEFAULT '';
        """

    /// Destinations: the pause that one asked for, deliveries whose probes failed, and how many it
    /// refused in a row.
    static let eleventh = """
        ALTER TABLE destinations ADD COLUMN paused_since INTEGER;
        ALTER TABLE destinations ADD COLUMN paused_until INTEGER;
        ALTER TABLE destinations ADD COLUMN suspects TEXT;
        ALTER TABLE destinations ADD COLUMN refused_in_a_row INTEGER NOT NULL DEFAULT 0;
        """
}
