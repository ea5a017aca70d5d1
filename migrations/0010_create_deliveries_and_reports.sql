-- A webhook delivery is stored once per id, without its payload: it only wakes somebody up.
CREATE TABLE github_deliveries (
    delivery_id text PRIMARY KEY,
    event       text NOT NULL,
    action      text,
    repository  text,
    received_at timestamptz NOT NULL DEFAULT now(),
    done_at     timestamptz
);
CREATE INDEX github_deliveries_open_idx ON github_deliveries (received_at) WHERE done_at IS NULL;

-- One issue per repository and kind of error, however often it repeats.
CREATE TABLE error_reports (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    repository_id       uuid NOT NULL REFERENCES repositories (id),
    fingerprint         text NOT NULL,
    issue_number        integer,
    state               text NOT NULL DEFAULT 'open',
    occurrences         integer NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT now(),
    last_reported_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT error_reports_repository_id_fingerprint_key UNIQUE (repository_id, fingerprint)
);
