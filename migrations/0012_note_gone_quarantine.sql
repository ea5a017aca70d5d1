-- A pull request that was set aside and that GitHub no longer lists is neither waited for nor
-- missing. Without this column it could not be told from one that was stored later.
ALTER TABLE quarantined_pull_requests ADD COLUMN gone_at timestamptz;
