//! The questions that contributor.info's documents ask of its database, on ours. Word for word but
//! for two flaws of their own: `ROUND(double precision, int)` needs a `::numeric`, and a count that
//! can be zero needs `NULLIF`.

use backfill_engine::model::Stage;
use backfill_store::Store;

use crate::fixtures::{HOST, UID, begin_on, chunk, commit, owner, pull_request, repository, walk};
use crate::support::Database;

/// acme/api: 150 pull requests by GitHub's count, two stored in one chunk, one chunk failed.
async fn history() -> (Database, Store, String) {
    let database = Database::migrated().await;
    let store = database.store("one");
    let mut found = repository(42, "acme/api");
    found.pull_request_count = 150;
    let (owner, bounds) = (owner(UID), crate::fixtures::bounds());
    let mut begin = walk(&found, &owner, &bounds);
    begin.metadata.insert("triggered_from".to_owned(), "bulk_add_ui".to_owned());
    let state = store.begin_walk(&begin).await.unwrap();
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    let mut ghost = pull_request(8);
    ghost.author = None;
    commit(&store, &lease, &chunk(vec![pull_request(9), ghost], "c1")).await;
    store.claim_chunk(&lease).await.unwrap();
    store.fail_chunk(&lease, "GitHub says 502").await.unwrap();
    (database, store, state.repository_id.to_string())
}

async fn answer(database: &Database, sql: &str, repository: &str) -> String {
    let sql = sql.replace("your-repo-id", repository).replace("repo-id", repository);
    database.text(&sql).await
}

#[tokio::test]
async fn progressive_backfill_guide() {
    let (database, _store, repository) = history().await;
    let active = "SELECT r.owner || '/' || r.name as repository, \
        pbs.processed_prs || '/' || pbs.total_prs as progress, \
        ROUND(((pbs.processed_prs::float / pbs.total_prs) * 100)::numeric, 2) || '%' \
            as percentage, \
        pbs.status, pbs.updated_at > now() - interval '1 hour' \
        FROM progressive_backfill_state pbs JOIN repositories r ON r.id = pbs.repository_id \
        WHERE pbs.status = 'active' ORDER BY pbs.updated_at DESC";
    assert_eq!(database.text(active).await, "acme/api,2/150,1.33%,active,t");
    let failed = "SELECT r.owner || '/' || r.name as repository, bc.chunk_number, bc.error, \
        bc.started_at IS NOT NULL FROM backfill_chunks bc \
        JOIN repositories r ON r.id = bc.repository_id \
        WHERE bc.status = 'failed' ORDER BY bc.started_at DESC LIMIT 10";
    assert_eq!(database.text(failed).await, "acme/api,2,\"GitHub says 502\",t");
    let rates = "SELECT r.owner || '/' || r.name as repository, \
        COUNT(DISTINCT pr.id) as captured_prs, r.pull_request_count as total_prs, \
        ROUND(((COUNT(DISTINCT pr.id)::float / NULLIF(r.pull_request_count, 0)) \
            * 100)::numeric, 2) as completion_rate \
        FROM repositories r LEFT JOIN pull_requests pr ON pr.repository_id = r.id \
        WHERE r.pull_request_count > 100 GROUP BY r.id, r.owner, r.name, r.pull_request_count \
        HAVING COUNT(DISTINCT pr.id)::float / NULLIF(r.pull_request_count, 0) < 0.8 \
        ORDER BY completion_rate";
    assert_eq!(database.text(rates).await, "acme/api,2,150,1.33");
    let counts = "SELECT owner, name, pull_request_count FROM repositories \
        WHERE pull_request_count > 100";
    assert_eq!(database.text(counts).await, "acme,api,150");
    assert_eq!(database.rows("SELECT * FROM progressive_backfill_state").await.len(), 1);
    let doubles = "SELECT chunk_number, COUNT(*) FROM backfill_chunks \
        GROUP BY chunk_number HAVING COUNT(*) > 1";
    assert_eq!(database.text(doubles).await, "");
    let doubles = "SELECT repository_id, number, COUNT(*) FROM pull_requests \
        GROUP BY repository_id, number HAVING COUNT(*) > 1";
    assert_eq!(database.text(doubles).await, "");
    database
        .run(&format!(
            "UPDATE progressive_backfill_state SET consecutive_errors = 0, status = 'active' \
             WHERE repository_id = '{repository}' AND status = 'paused'"
        ))
        .await;
}

#[tokio::test]
async fn backfill_enhancements() {
    let (database, store, _) = history().await;
    let state = store.find_state(UID, HOST, "acme/api").await.unwrap().unwrap();
    let next = format!("SELECT get_next_chunk_number('{}')", state.id);
    assert_eq!(database.text(&next).await, "3");
    let statistics = "SELECT COUNT(*) FILTER (WHERE status = 'processing') as stuck, \
        COUNT(*) FILTER (WHERE status = 'completed') as completed, \
        COUNT(*) FILTER (WHERE status = 'failed') as failed \
        FROM backfill_chunks WHERE started_at > NOW() - INTERVAL '24 hours'";
    assert_eq!(database.text(statistics).await, "0,1,1");
    let progress = "SELECT r.owner || '/' || r.name as repo, \
        pbs.processed_prs || '/' || pbs.total_prs as progress, \
        ROUND(pbs.processed_prs::numeric / NULLIF(pbs.total_prs, 0) * 100, 2) || '%' as percent, \
        pbs.status FROM progressive_backfill_state pbs \
        JOIN repositories r ON r.id = pbs.repository_id \
        WHERE pbs.updated_at > NOW() - INTERVAL '1 hour' ORDER BY pbs.updated_at DESC";
    assert_eq!(database.text(progress).await, "acme/api,2/150,1.33%,active");
}

#[tokio::test]
async fn bulk_backfill() {
    let (database, _store, _) = history().await;
    let progress = "SELECT r.owner || '/' || r.name as repository, pbs.status, \
        pbs.processed_prs || '/200' as progress, \
        ROUND(pbs.processed_prs::numeric / 200 * 100, 1) || '%' as percentage, \
        pbs.created_at IS NOT NULL, pbs.last_processed_at IS NOT NULL \
        FROM progressive_backfill_state pbs JOIN repositories r ON r.id = pbs.repository_id \
        WHERE pbs.metadata->>'triggered_from' = 'bulk_add_ui' ORDER BY pbs.created_at DESC";
    assert_eq!(database.text(progress).await, "acme/api,active,2/200,1.0%,t,t");
}

#[tokio::test]
async fn aggressive_backfill() {
    let (database, _store, id) = history().await;
    database
        .run(&format!(
            "INSERT INTO issues (github_id, node_id, repository_id, number, title, state, \
                 created_at, updated_at) \
             VALUES (1, 'I_1', '{id}', 3, 'Broken', 'open', '2024-02-01Z', '2024-02-01Z')"
        ))
        .await;
    let embed = "SELECT item_type, COUNT(*) FROM items_needing_embeddings_priority \
        WHERE repository_id = 'your-repo-id' GROUP BY item_type ORDER BY 1";
    assert_eq!(answer(&database, embed, &id).await, "issue,1;pull_request,2");
    let coverage = "SELECT \
        COUNT(CASE WHEN embedding IS NOT NULL THEN 1 END) as with_embeddings, COUNT(*) as total, \
        ROUND(100.0 * COUNT(CASE WHEN embedding IS NOT NULL THEN 1 END) / NULLIF(COUNT(*), 0), 2) \
            as coverage_percent \
        FROM pull_requests WHERE repository_id = 'your-repo-id'";
    assert_eq!(answer(&database, coverage, &id).await, "0,2,0.00");
    let named = "SELECT id, owner, name, full_name FROM repositories \
        WHERE owner = 'acme' AND name = 'api'";
    assert_eq!(database.text(named).await, format!("{id},acme,api,acme/api"));
    let overall = "SELECT \
        (SELECT COUNT(*) FROM pull_requests WHERE repository_id = 'repo-id') as prs, \
        (SELECT COUNT(*) FROM issues WHERE repository_id = 'repo-id') as issues, \
        (SELECT COUNT(*) FROM contributors WHERE id IN (SELECT DISTINCT author_id \
            FROM pull_requests WHERE repository_id = 'repo-id')) as contributors";
    assert_eq!(answer(&database, overall, &id).await, "2,1,1");
    let both = "SELECT 'PRs' as item_type, \
        COUNT(CASE WHEN embedding IS NOT NULL THEN 1 END) as with_embeddings, COUNT(*) as total, \
        ROUND(100.0 * COUNT(CASE WHEN embedding IS NOT NULL THEN 1 END) / NULLIF(COUNT(*), 0), 2) \
            as coverage FROM pull_requests WHERE repository_id = 'repo-id' \
        UNION ALL SELECT 'Issues', COUNT(CASE WHEN embedding IS NOT NULL THEN 1 END), COUNT(*), \
        ROUND(100.0 * COUNT(CASE WHEN embedding IS NOT NULL THEN 1 END) / NULLIF(COUNT(*), 0), 2) \
        FROM issues WHERE repository_id = 'repo-id'";
    assert_eq!(answer(&database, both, &id).await, "PRs,0,2,0.00;Issues,0,1,0.00");
    let recent = "SELECT 'PRs' as type, MAX(created_at) = '2024-01-01 09:00Z' as most_recent \
        FROM pull_requests WHERE repository_id = 'repo-id' \
        UNION ALL SELECT 'Issues', MAX(created_at) = '2024-02-01Z' \
        FROM issues WHERE repository_id = 'repo-id'";
    assert_eq!(answer(&database, recent, &id).await, "PRs,t;Issues,t");
    let quality = "SELECT 'PRs with null author' as issue, COUNT(*) as count FROM pull_requests \
        WHERE repository_id = 'repo-id' AND author_id IS NULL \
        UNION ALL SELECT 'Issues with null author', COUNT(*) FROM issues \
        WHERE repository_id = 'repo-id' AND author_id IS NULL";
    let flawed = "\"PRs with null author\",1;\"Issues with null author\",1";
    assert_eq!(answer(&database, quality, &id).await, flawed);
}

#[tokio::test]
async fn workspaces_and_their_items_come_first() {
    let (database, store, id) = history().await;
    let other = begin_on(&store, "other", &repository(43, "acme/web")).await.unwrap();
    let lease = store.acquire(other.id, "other").await.unwrap().lease;
    let mut page = chunk(vec![pull_request(9)], "c1");
    page.next_stage = Some(Stage::Verify);
    commit(&store, &lease, &page).await;
    database
        .run(&format!(
            "INSERT INTO workspaces (name) VALUES ('Team'); \
             INSERT INTO workspace_repositories (workspace_id, repository_id) \
             SELECT id, '{id}' FROM workspaces"
        ))
        .await;
    let order = "SELECT r.name, i.item_type, i.priority FROM items_needing_embeddings_priority i \
        JOIN repositories r ON r.id = i.repository_id ORDER BY i.priority, r.name";
    assert_eq!(
        database.text(order).await,
        "api,pull_request,1;api,pull_request,1;web,pull_request,3"
    );
    let totals = "SELECT w.name, w.total_repositories, w.total_contributors, \
        w.total_pull_requests, w.total_issues FROM workspaces w \
        JOIN workspace_repositories wr ON w.id = wr.workspace_id \
        WHERE wr.repository_id = 'your-repo-id'";
    assert_eq!(answer(&database, totals, &id).await, "Team,0,0,0,0");
    let state = store.find_state(UID, HOST, "acme/api").await.unwrap().unwrap();
    store.refresh_workspaces(state.repository_id).await.unwrap();
    assert_eq!(answer(&database, totals, &id).await, "Team,1,1,2,0");
    let before = database.text("SELECT xmin FROM workspaces").await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    database.end_walks().await;
    store.complete(&lease, &store.ledger(state.id).await.unwrap()).await.unwrap();
    assert_eq!(database.text("SELECT xmin FROM workspaces").await, before, "equal totals");
    database
        .run(&format!(
            "INSERT INTO workspace_repositories (workspace_id, repository_id) \
             SELECT id, '{}' FROM workspaces",
            other.repository_id
        ))
        .await;
    store.complete(&lease, &store.ledger(state.id).await.unwrap()).await.unwrap();
    assert_eq!(answer(&database, totals, &id).await, "Team,2,1,3,0");
    let summary = "SELECT repository, status, processed_prs, total_prs, percent, chunks, \
        completed_chunks, failed_chunks FROM backfill_progress_summary ORDER BY 1";
    assert_eq!(
        database.text(summary).await,
        "acme/api,completed,2,150,1.33,2,1,1;acme/web,active,1,4,25.00,1,1,0"
    );
}
