-- Accounts are shared by all repositories of a host, are never deleted, and are identified by
-- GitHub's number: logins are re-used, so username is not unique.
CREATE TABLE contributors (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    host            text NOT NULL DEFAULT 'github.com',
    github_id       bigint NOT NULL,
    node_id         text,
    username        text NOT NULL,
    display_name    text,
    avatar_url      text,
    profile_url     text,
    account_type    text NOT NULL
        CHECK (account_type IN ('User', 'Bot', 'Organization', 'Mannequin')),
    is_bot          boolean NOT NULL DEFAULT false,
    created_at      timestamptz NOT NULL DEFAULT now(),
    stored_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT contributors_host_github_id_key UNIQUE (host, github_id)
);
CREATE INDEX contributors_username_idx ON contributors (username);
CREATE INDEX contributors_stored_at_idx ON contributors (stored_at);
