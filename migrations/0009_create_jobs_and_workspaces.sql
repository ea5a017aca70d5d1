-- Tables that contributor.info's pages read: which processor ran what, and the totals of the
-- workspaces that contain a repository.
CREATE TABLE progressive_capture_jobs (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    job_type        text NOT NULL,
    repository_id   uuid REFERENCES repositories (id),
    status          text NOT NULL DEFAULT 'pending',
    processor_type  text NOT NULL CHECK (processor_type IN ('inline', 'job')),
    metadata        jsonb NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),
    started_at      timestamptz,
    completed_at    timestamptz,
    error           text
);
CREATE INDEX progressive_capture_jobs_repository_id_idx
    ON progressive_capture_jobs (repository_id, created_at DESC);
CREATE INDEX progressive_capture_jobs_created_at_idx ON progressive_capture_jobs (created_at);

CREATE TABLE workspaces (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name                text NOT NULL,
    total_repositories  integer NOT NULL DEFAULT 0,
    total_contributors  integer NOT NULL DEFAULT 0,
    total_pull_requests integer NOT NULL DEFAULT 0,
    total_issues        integer NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE workspace_repositories (
    workspace_id    uuid NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    repository_id   uuid NOT NULL REFERENCES repositories (id),
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, repository_id)
);
CREATE INDEX workspace_repositories_repository_id_idx ON workspace_repositories (repository_id);
