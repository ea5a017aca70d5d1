-- What GitHub last said about each credential's limits, written when it was said, so that a
-- restarted operator and the pods of Jobs know it. Never the credential itself: only its hash.
CREATE TABLE github_credentials (
    token_hash          text PRIMARY KEY,
    -- GitHub pools limits per user or installation, so several tokens may share one identity.
    identity            text NOT NULL,
    secret_namespace    text,
    secret_name         text,
    rate_limit          integer,
    remaining           integer,
    reset_at            timestamptz,
    hold_until          timestamptz,
    -- The response seconds of the rolling minute, as the governor keeps them.
    response_window     jsonb NOT NULL DEFAULT '{}',
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX github_credentials_identity_idx ON github_credentials (identity);
