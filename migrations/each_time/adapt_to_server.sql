-- Runs after the migrations, every time: what depends on the server, which may change between two
-- runs (an extension appears, a role is granted). Each part is skipped where the server, our
-- privileges or what others have built on a table do not allow it, and the next run tries again;
-- nothing here is needed to store history.

-- Who waits for a table makes everybody queue who comes after. Chunks under way bear this long.
SET LOCAL lock_timeout = '3s';

DO $$
DECLARE
    vector_schema text;
    owner_table text;
    is_used boolean;
BEGIN
    BEGIN
        IF EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'vector') THEN
            CREATE EXTENSION IF NOT EXISTS vector;
        END IF;
    EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation
                OR feature_not_supported OR undefined_file OR lock_not_available THEN
        RAISE NOTICE 'pgvector is not installed: %', SQLERRM;
    END;
    SELECT n.nspname INTO vector_schema
      FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
     WHERE e.extname = 'vector';
    IF vector_schema IS NULL THEN
        RETURN;
    END IF;
    FOREACH owner_table IN ARRAY ARRAY['pull_requests', 'issues', 'discussions'] LOOP
        BEGIN
            IF (SELECT a.atttypid = 'real[]'::regtype FROM pg_attribute a
                 WHERE a.attrelid = to_regclass(owner_table) AND a.attname = 'embedding') THEN
                -- Another type for a column rewrites the table under a lock. Nothing fills this one
                -- yet, and a new column costs nothing; what somebody else has put there is left
                -- alone.
                EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE embedding IS NOT NULL)',
                               owner_table) INTO is_used;
                IF NOT is_used THEN
                    EXECUTE format(
                        'ALTER TABLE %I DROP COLUMN embedding, ADD COLUMN embedding %I.vector(384)',
                        owner_table, vector_schema);
                END IF;
            END IF;
        EXCEPTION
            WHEN lock_not_available THEN
                RAISE NOTICE 'the embeddings of % stay as they are: %', owner_table, SQLERRM;
                -- Whoever holds one table, such as pg_dump, holds them all: no second wait.
                PERFORM set_config('lock_timeout', '1ms', true);
            WHEN dependent_objects_still_exist OR insufficient_privilege OR undefined_object
                OR undefined_file OR invalid_schema_name OR deadlock_detected THEN
                RAISE NOTICE 'the embeddings of % stay as they are: %', owner_table, SQLERRM;
        END;
    END LOOP;
END $$;

-- Keys that stay in the schema from Postgres 18 on without a look-up for each row: a review's and a
-- comment's pull request belongs to the repository already; and rows of accounts are never deleted,
-- and found or stored by the transaction that points at them. Enforced, a key takes a share lock on
-- the account's row: of a bot that writes everywhere, from every chunk of every backfill at once.
DO $$
DECLARE
    implied record;
BEGIN
    IF current_setting('server_version_num')::integer < 180000 THEN
        RETURN;
    END IF;
    FOR implied IN EXECUTE
        'SELECT conrelid::regclass AS of_table, conname FROM pg_constraint
          WHERE contype = ''f'' AND conenforced
            AND (conrelid IN (''reviews''::regclass, ''comments''::regclass)
                     AND confrelid = ''repositories''::regclass
                 OR conrelid IN (''pull_requests''::regclass, ''issues''::regclass,
                                 ''discussions''::regclass, ''reviews''::regclass,
                                 ''comments''::regclass, ''pull_request_commits''::regclass)
                     AND confrelid = ''contributors''::regclass)'
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s ALTER CONSTRAINT %I NOT ENFORCED',
                           implied.of_table, implied.conname);
        EXCEPTION
            WHEN lock_not_available THEN
                RAISE NOTICE '% stays enforced: %', implied.conname, SQLERRM;
                PERFORM set_config('lock_timeout', '1ms', true);
            WHEN insufficient_privilege OR undefined_object OR feature_not_supported
                OR deadlock_detected THEN
                RAISE NOTICE '% stays enforced: %', implied.conname, SQLERRM;
        END;
    END LOOP;
END $$;

-- lz4 stores long texts about half again as fast as pglz; only some builds have it.
DO $$
DECLARE
    text_column record;
BEGIN
    IF NOT (SELECT 'lz4' = ANY (enumvals) FROM pg_settings
             WHERE name = 'default_toast_compression') THEN
        RETURN;
    END IF;
    FOR text_column IN
        SELECT a.attrelid::regclass AS of_table, a.attname
          FROM pg_attribute a
         WHERE a.attrelid IN ('pull_requests'::regclass, 'issues'::regclass,
                              'discussions'::regclass, 'reviews'::regclass,
                              'comments'::regclass, 'pull_request_commits'::regclass)
           AND a.attname IN ('body', 'diff_hunk', 'message')
           AND a.attcompression <> 'l'
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET COMPRESSION lz4',
                           text_column.of_table, text_column.attname);
        EXCEPTION
            WHEN lock_not_available THEN
                RAISE NOTICE '% is not compressed by lz4: %', text_column.of_table, SQLERRM;
                PERFORM set_config('lock_timeout', '1ms', true);
            WHEN insufficient_privilege OR feature_not_supported OR undefined_column
                OR deadlock_detected THEN
                RAISE NOTICE '% is not compressed by lz4: %', text_column.of_table, SQLERRM;
        END;
    END LOOP;
END $$;

-- A role that may only read, for dashboards. It cannot log in until somebody grants it.
DO $$
DECLARE
    own_relation text;
BEGIN
    BEGIN
        IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'backfill_reader') THEN
            CREATE ROLE backfill_reader NOLOGIN;
        END IF;
    EXCEPTION WHEN insufficient_privilege OR duplicate_object OR unique_violation THEN
        RAISE NOTICE 'the role backfill_reader was not created: %', SQLERRM;
    END;
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'backfill_reader') THEN
        RETURN;
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO backfill_reader', current_schema());
    FOREACH own_relation IN ARRAY ARRAY[
        'repositories', 'repository_names', 'contributors', 'pull_requests', 'issues',
        'discussions', 'reviews', 'comments', 'pull_request_commits', 'pull_request_files',
        'progressive_backfill_state', 'backfill_chunks', 'quarantined_pull_requests',
        'github_credentials', 'progressive_capture_jobs', 'workspaces', 'workspace_repositories',
        'github_deliveries', 'error_reports', 'items_needing_embeddings_priority',
        'backfill_progress_summary']
    LOOP
        EXECUTE format('GRANT SELECT ON %I TO backfill_reader', own_relation);
    END LOOP;
EXCEPTION WHEN insufficient_privilege OR undefined_object OR lock_not_available THEN
    RAISE NOTICE 'the role backfill_reader was granted nothing: %', SQLERRM;
END $$;
