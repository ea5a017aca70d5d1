-- Where each backfill stands. The row is the truth about progress and the lock: whoever holds the
-- lease writes, and each write names the epoch it was leased under, so a late writer changes
-- nothing.
CREATE TABLE progressive_backfill_state (
    id                          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    repository_id               uuid NOT NULL REFERENCES repositories (id),
    total_prs                   integer NOT NULL,
    processed_prs               integer NOT NULL DEFAULT 0,
    last_processed_cursor       text,
    last_processed_pr_number    integer,
    last_processed_at           timestamptz,
    status                      text NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'paused', 'failed', 'completed')),
    -- The status we wrote ourselves: where it differs, a person has reset the row by hand.
    written_status              text NOT NULL DEFAULT 'active',
    chunk_size                  integer,
    error_count                 integer NOT NULL DEFAULT 0,
    consecutive_errors          integer NOT NULL DEFAULT 0,
    failed_attempts             integer NOT NULL DEFAULT 0,
    last_error                  text,
    last_error_reason           text,
    last_error_at               timestamptz,
    next_attempt_at             timestamptz,
    metadata                    jsonb NOT NULL DEFAULT '{}',
    created_at                  timestamptz NOT NULL DEFAULT now(),
    updated_at                  timestamptz NOT NULL DEFAULT now(),
    completed_at                timestamptz,
    verified_as_of              timestamptz,
    stage                       text NOT NULL DEFAULT 'Walk',
    walk                        integer NOT NULL DEFAULT 1,
    walk_fingerprint            text NOT NULL DEFAULT '',
    walk_started_at             timestamptz NOT NULL DEFAULT now(),
    window_since                timestamptz,
    window_until                timestamptz,
    max_pull_requests           integer,
    parts                       text[] NOT NULL DEFAULT '{}',
    catch_up_cursor             text,
    -- created_at of the oldest pull request reached without a gap.
    back_to                     timestamptz,
    stored_prs                  integer NOT NULL DEFAULT 0,
    chunks_completed            integer NOT NULL DEFAULT 0,
    quick_pages                 integer NOT NULL DEFAULT 0,
    period_chunks               integer NOT NULL DEFAULT 0,
    points_used                 bigint NOT NULL DEFAULT 0,
    -- Chunk numbers are never used again, not even by a later walk.
    last_chunk_number           integer NOT NULL DEFAULT 0,
    object_uid                  text,
    object_namespace            text,
    object_name                 text,
    handled_requested_at        text,
    handled_restart_requested_at text,
    lease_holder                text,
    lease_epoch                 bigint NOT NULL DEFAULT 0,
    lease_expires_at            timestamptz,
    CONSTRAINT progressive_backfill_state_repository_id_key UNIQUE (repository_id)
);
CREATE INDEX progressive_backfill_state_object_uid_idx ON progressive_backfill_state (object_uid);

CREATE TABLE backfill_chunks (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    repository_id       uuid NOT NULL REFERENCES repositories (id),
    backfill_state_id   uuid NOT NULL REFERENCES progressive_backfill_state (id),
    chunk_number        integer NOT NULL,
    pr_numbers          integer[] NOT NULL DEFAULT '{}',
    status              text NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'skipped')),
    started_at          timestamptz,
    completed_at        timestamptz,
    error               text,
    retry_count         integer NOT NULL DEFAULT 0,
    processing_time_ms  bigint GENERATED ALWAYS AS
        ((extract(epoch FROM completed_at - started_at) * 1000)::bigint) STORED,
    api_calls_made      integer NOT NULL DEFAULT 0,
    rate_limit_remaining integer,
    created_at          timestamptz NOT NULL DEFAULT now(),
    walk                integer NOT NULL DEFAULT 1,
    epoch               bigint NOT NULL DEFAULT 0,
    -- What the chunk belongs to; only those of Walk form the chain of cursors.
    stage               text NOT NULL DEFAULT 'Walk',
    first_cursor        text,
    end_cursor          text,
    points              integer NOT NULL DEFAULT 0,
    prs_written         integer NOT NULL DEFAULT 0,
    prs_unchanged       integer NOT NULL DEFAULT 0,
    -- How many chunks this row stands for: old ones are folded into the last of them.
    chunks              integer NOT NULL DEFAULT 1,
    CONSTRAINT backfill_chunks_backfill_state_id_chunk_number_key
        UNIQUE (backfill_state_id, chunk_number)
);
CREATE INDEX backfill_chunks_repository_id_idx ON backfill_chunks (repository_id, status);
CREATE INDEX backfill_chunks_processing_idx ON backfill_chunks (backfill_state_id)
    WHERE status = 'processing';
CREATE INDEX backfill_chunks_started_at_idx ON backfill_chunks (started_at);

-- The next chunk number of one backfill. Updating the state row takes its lock, so two callers
-- never get the same number.
CREATE FUNCTION get_next_chunk_number(backfill_state_id uuid) RETURNS integer
    LANGUAGE sql VOLATILE SET search_path FROM CURRENT
AS $$
    UPDATE progressive_backfill_state
       SET last_chunk_number = last_chunk_number + 1
     WHERE id = $1
    RETURNING last_chunk_number
$$;

-- A pull request that cannot be read. quarantined_at is null while attempts are still counted.
CREATE TABLE quarantined_pull_requests (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    repository_id   uuid NOT NULL REFERENCES repositories (id),
    number          integer NOT NULL CHECK (number > 0),
    node_id         text,
    reason          text NOT NULL,
    message         text NOT NULL DEFAULT '',
    -- 0: somebody asked to try it once more; Verify does.
    attempts        integer NOT NULL DEFAULT 1,
    first_seen_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at    timestamptz NOT NULL DEFAULT now(),
    quarantined_at  timestamptz,
    resolved_at     timestamptz,
    CONSTRAINT quarantined_pull_requests_repository_id_number_key UNIQUE (repository_id, number)
);
CREATE INDEX quarantined_pull_requests_open_idx ON quarantined_pull_requests (repository_id)
    WHERE quarantined_at IS NOT NULL AND resolved_at IS NULL;
