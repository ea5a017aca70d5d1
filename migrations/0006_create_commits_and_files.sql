-- The two parts that are read only where a manifest asks for them.
CREATE TABLE pull_request_commits (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    pull_request_id uuid NOT NULL REFERENCES pull_requests (id),
    oid             text NOT NULL,
    message         text NOT NULL DEFAULT '',
    authored_at     timestamptz,
    author_id       uuid REFERENCES contributors (id),
    stored_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT pull_request_commits_pull_request_id_oid_key UNIQUE (pull_request_id, oid)
);
CREATE INDEX pull_request_commits_author_id_idx ON pull_request_commits (author_id);
CREATE INDEX pull_request_commits_stored_at_idx ON pull_request_commits (stored_at);

CREATE TABLE pull_request_files (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    pull_request_id uuid NOT NULL REFERENCES pull_requests (id),
    path            text NOT NULL,
    additions       integer NOT NULL DEFAULT 0,
    deletions       integer NOT NULL DEFAULT 0,
    change_type     text NOT NULL,
    stored_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz
);
-- A path may be longer than a b-tree entry (2,704 bytes), so the key is a hash of it. Servers in
-- FIPS mode refuse md5; hashtextextended has 64 bits, ample for the files of one pull request.
CREATE UNIQUE INDEX pull_request_files_pull_request_id_path_key
    ON pull_request_files (pull_request_id, hashtextextended(path, 0));
CREATE INDEX pull_request_files_stored_at_idx ON pull_request_files (stored_at);
