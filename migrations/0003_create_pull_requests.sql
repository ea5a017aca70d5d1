-- One row per pull request. stored_at is our last real write: incremental readers key on it, so an
-- equal row is never rewritten. captured holds the parts known complete; fields_version says which
-- mapping wrote the row, so that a new mapping rewrites what an old one stored.
CREATE TABLE pull_requests (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    github_id           bigint NOT NULL,
    node_id             text NOT NULL,
    repository_id       uuid NOT NULL REFERENCES repositories (id),
    number              integer NOT NULL CHECK (number > 0),
    title               text NOT NULL,
    body                text NOT NULL DEFAULT '',
    state               text NOT NULL CHECK (state IN ('open', 'closed')),
    author_id           uuid REFERENCES contributors (id),
    author_association  text,
    base_branch         text NOT NULL,
    head_branch         text NOT NULL,
    base_sha            text,
    head_sha            text NOT NULL,
    merge_commit_sha    text,
    head_repository     text,
    draft               boolean NOT NULL DEFAULT false,
    merged              boolean NOT NULL DEFAULT false,
    merged_by_id        uuid REFERENCES contributors (id),
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    closed_at           timestamptz,
    merged_at           timestamptz,
    additions           integer NOT NULL DEFAULT 0,
    deletions           integer NOT NULL DEFAULT 0,
    changed_files       integer NOT NULL DEFAULT 0,
    commits             integer NOT NULL DEFAULT 0,
    review_count        integer NOT NULL DEFAULT 0,
    comment_count       integer NOT NULL DEFAULT 0,
    milestone           text,
    labels              text[] NOT NULL DEFAULT '{}',
    assignees           text[] NOT NULL DEFAULT '{}',
    html_url            text NOT NULL,
    embedding           real[],
    -- Hash of the text that was embedded; null: not embedded, or the text changed since.
    content_hash        text,
    captured            text[] NOT NULL DEFAULT '{}',
    fields_version      integer NOT NULL DEFAULT 1,
    stored_at           timestamptz NOT NULL DEFAULT now(),
    deleted_at          timestamptz,
    CONSTRAINT pull_requests_repository_id_number_key UNIQUE (repository_id, number)
);
CREATE INDEX pull_requests_created_at_idx ON pull_requests (repository_id, created_at DESC);
CREATE INDEX pull_requests_author_id_idx ON pull_requests (author_id);
CREATE INDEX pull_requests_merged_by_id_idx ON pull_requests (merged_by_id)
    WHERE merged_by_id IS NOT NULL;
CREATE INDEX pull_requests_github_id_idx ON pull_requests (github_id);
CREATE INDEX pull_requests_stored_at_idx ON pull_requests (stored_at);
CREATE INDEX pull_requests_to_embed_idx ON pull_requests (repository_id)
    WHERE content_hash IS NULL AND deleted_at IS NULL;
