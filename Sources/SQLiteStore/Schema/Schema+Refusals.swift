extension Schema {
    /// Calls that were refused: one row for each source and code, '' for no source.
    static let twelfth = """
        CREATE TABLE refusals (
            source TEXT NOT NULL,
            code TEXT NOT NULL,
            count INTEGER NOT NULL,
            first_at INTEGER NOT NULL,
            last_at INTEGER NOT NULL,
            path TEXT NOT NULL,
            origin TEXT,
            user_agent TEXT,
            key_ending TEXT,
            PRIMARY KEY (source, code)
        ) STRICT, WITHOUT ROWID;
        -- The refused pipeline is kept with its revision since.
        DELETE FROM meta WHERE key = 'reload_fault';
        -- How a destination stands: whether the pipeline has it, where it is, since when it rests.
        ALTER TABLE destinations ADD COLUMN is_configured INTEGER NOT NULL DEFAULT 1;
        ALTER TABLE destinations ADD COLUMN host TEXT;
        ALTER TABLE destinations ADD COLUMN resting_since INTEGER;
        """
}
