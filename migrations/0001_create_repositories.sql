-- Repositories come first: everything else hangs on them. GitHub's number identifies one, because
-- names are freed and taken again; the name stays unique per host so that a question by name has
-- one answer.
CREATE TABLE repositories (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    host                text NOT NULL DEFAULT 'github.com',
    github_id           bigint NOT NULL,
    node_id             text NOT NULL,
    owner               text NOT NULL,
    name                text NOT NULL,
    full_name           text NOT NULL,
    default_branch      text,
    is_private          boolean NOT NULL DEFAULT false,
    is_archived         boolean NOT NULL DEFAULT false,
    pull_request_count  integer NOT NULL DEFAULT 0,
    issue_count         integer NOT NULL DEFAULT 0,
    -- The object that brought the repository in: the only one whose deletion may delete rows.
    created_by_object   uuid,
    first_tracked_at    timestamptz NOT NULL DEFAULT now(),
    last_updated_at     timestamptz,
    stored_at           timestamptz NOT NULL DEFAULT now(),
    deleted_at          timestamptz,
    CONSTRAINT repositories_host_github_id_key UNIQUE (host, github_id),
    CONSTRAINT repositories_host_full_name_key UNIQUE (host, full_name)
);
-- GitHub ignores case in names, and people write them as they like.
CREATE INDEX repositories_lower_name_idx ON repositories (host, lower(full_name));
CREATE INDEX repositories_created_by_object_idx ON repositories (created_by_object)
    WHERE created_by_object IS NOT NULL;
CREATE INDEX repositories_stored_at_idx ON repositories (stored_at);

-- A renamed repository stays findable under the names that manifests still carry.
CREATE TABLE repository_names (
    repository_id   uuid NOT NULL REFERENCES repositories (id),
    full_name       text NOT NULL,
    seen_from       timestamptz NOT NULL DEFAULT now(),
    seen_until      timestamptz,
    PRIMARY KEY (repository_id, full_name)
);
CREATE INDEX repository_names_lower_name_idx ON repository_names (lower(full_name));
