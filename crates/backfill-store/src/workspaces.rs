//! The totals in `workspaces`, counted anew after a backfill. Must not know who reads them.

use uuid::Uuid;

use crate::connect::Store;
use crate::error::Error;
use crate::transaction::Tx;

impl Store {
    /// Counts the workspaces that contain a repository: repositories, live pull requests and
    /// issues, and the distinct authors of both. Equal totals are not rewritten.
    pub async fn refresh_workspaces(&self, repository_id: Uuid) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let query = Tx::query(REFRESH).bind(repository_id);
        tx.execute(query).await?;
        tx.commit().await
    }
}

const REFRESH: &str = "-- refresh_workspaces\n\
    WITH mine AS ( \
        SELECT w.workspace_id, w.repository_id FROM workspace_repositories w \
        WHERE w.workspace_id IN (SELECT own.workspace_id FROM workspace_repositories own \
            WHERE own.repository_id = $1)), \
    written AS ( \
        SELECT mine.workspace_id, p.author_id, 1 AS pull_requests, 0 AS issues \
        FROM mine JOIN pull_requests p ON p.repository_id = mine.repository_id \
        WHERE p.deleted_at IS NULL \
        UNION ALL \
        SELECT mine.workspace_id, i.author_id, 0, 1 \
        FROM mine JOIN issues i ON i.repository_id = mine.repository_id \
        WHERE i.deleted_at IS NULL), \
    totals AS ( \
        SELECT m.workspace_id, \
            (SELECT count(*) FROM mine WHERE mine.workspace_id = m.workspace_id) AS repositories, \
            count(DISTINCT written.author_id) AS contributors, \
            COALESCE(sum(written.pull_requests), 0) AS pull_requests, \
            COALESCE(sum(written.issues), 0) AS issues \
        FROM (SELECT DISTINCT workspace_id FROM mine) AS m \
        LEFT JOIN written ON written.workspace_id = m.workspace_id GROUP BY m.workspace_id) \
    UPDATE workspaces w SET total_repositories = t.repositories, \
        total_contributors = t.contributors, total_pull_requests = t.pull_requests, \
        total_issues = t.issues, updated_at = now() \
    FROM totals t WHERE w.id = t.workspace_id AND \
        (w.total_repositories, w.total_contributors, w.total_pull_requests, w.total_issues) \
        IS DISTINCT FROM (t.repositories, t.contributors, t.pull_requests, t.issues)";
