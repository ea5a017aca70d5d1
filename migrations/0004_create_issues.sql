-- Issues and discussions share their numbers with pull requests on GitHub, but are rows of their
-- own here: their columns differ, and readers ask for one kind at a time.
CREATE TABLE issues (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    github_id       bigint NOT NULL,
    node_id         text NOT NULL,
    repository_id   uuid NOT NULL REFERENCES repositories (id),
    number          integer NOT NULL CHECK (number > 0),
    title           text NOT NULL,
    body            text NOT NULL DEFAULT '',
    state           text NOT NULL CHECK (state IN ('open', 'closed')),
    state_reason    text,
    author_id       uuid REFERENCES contributors (id),
    labels          text[] NOT NULL DEFAULT '{}',
    assignees       text[] NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    closed_at       timestamptz,
    html_url        text,
    embedding       real[],
    content_hash    text,
    captured        text[] NOT NULL DEFAULT '{}',
    fields_version  integer NOT NULL DEFAULT 1,
    stored_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT issues_repository_id_number_key UNIQUE (repository_id, number)
);
CREATE INDEX issues_created_at_idx ON issues (repository_id, created_at DESC);
CREATE INDEX issues_author_id_idx ON issues (author_id);
CREATE INDEX issues_stored_at_idx ON issues (stored_at);
CREATE INDEX issues_to_embed_idx ON issues (repository_id)
    WHERE content_hash IS NULL AND deleted_at IS NULL;

CREATE TABLE discussions (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    github_id       bigint NOT NULL,
    node_id         text NOT NULL,
    repository_id   uuid NOT NULL REFERENCES repositories (id),
    number          integer NOT NULL CHECK (number > 0),
    title           text NOT NULL,
    body            text NOT NULL DEFAULT '',
    category        text,
    is_answered     boolean,
    author_id       uuid REFERENCES contributors (id),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    closed_at       timestamptz,
    html_url        text,
    embedding       real[],
    content_hash    text,
    captured        text[] NOT NULL DEFAULT '{}',
    fields_version  integer NOT NULL DEFAULT 1,
    stored_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT discussions_repository_id_number_key UNIQUE (repository_id, number)
);
CREATE INDEX discussions_author_id_idx ON discussions (author_id);
CREATE INDEX discussions_stored_at_idx ON discussions (stored_at);
CREATE INDEX discussions_to_embed_idx ON discussions (repository_id)
    WHERE content_hash IS NULL AND deleted_at IS NULL;
