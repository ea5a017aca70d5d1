-- Reviews, and both kinds of comments in one table, as contributor.info has them. The author of a
-- deleted account is null. reviewer_id repeats author_id because readers use either name.
CREATE TABLE reviews (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    github_id       bigint NOT NULL,
    repository_id   uuid NOT NULL REFERENCES repositories (id),
    pull_request_id uuid NOT NULL REFERENCES pull_requests (id),
    author_id       uuid REFERENCES contributors (id),
    reviewer_id     uuid GENERATED ALWAYS AS (author_id) STORED,
    state           text NOT NULL,
    body            text NOT NULL DEFAULT '',
    submitted_at    timestamptz,
    updated_at      timestamptz,
    commit_id       text,
    html_url        text,
    stored_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT reviews_repository_id_github_id_key UNIQUE (repository_id, github_id)
);
CREATE INDEX reviews_pull_request_id_idx ON reviews (pull_request_id);
CREATE INDEX reviews_author_id_idx ON reviews (author_id);
CREATE INDEX reviews_stored_at_idx ON reviews (stored_at);

CREATE TABLE comments (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    github_id       bigint NOT NULL,
    repository_id   uuid NOT NULL REFERENCES repositories (id),
    pull_request_id uuid REFERENCES pull_requests (id),
    issue_id        uuid REFERENCES issues (id),
    comment_type    text NOT NULL CHECK (comment_type IN ('issue_comment', 'review_comment')),
    commenter_id    uuid REFERENCES contributors (id),
    body            text NOT NULL DEFAULT '',
    -- github_id of the answered comment, not its row: the answered one may come in a later page.
    in_reply_to_id  bigint,
    review_id       uuid REFERENCES reviews (id),
    thread_id       text,
    is_resolved     boolean,
    path            text,
    position        integer,
    line            integer,
    side            text,
    diff_hunk       text,
    commit_id       text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz,
    html_url        text,
    stored_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,
    CONSTRAINT comments_has_a_parent CHECK (pull_request_id IS NOT NULL OR issue_id IS NOT NULL),
    CONSTRAINT comments_comment_type_github_id_repository_id_key
        UNIQUE (repository_id, github_id, comment_type)
);
CREATE INDEX comments_pull_request_id_idx ON comments (pull_request_id, comment_type);
CREATE INDEX comments_issue_id_idx ON comments (issue_id) WHERE issue_id IS NOT NULL;
CREATE INDEX comments_commenter_id_idx ON comments (commenter_id);
CREATE INDEX comments_review_id_idx ON comments (review_id) WHERE review_id IS NOT NULL;
CREATE INDEX comments_stored_at_idx ON comments (stored_at);
