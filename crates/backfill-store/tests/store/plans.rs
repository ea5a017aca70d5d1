//! How Postgres finds what a chunk needs: by key alone, whatever its statistics say.

use std::time::Duration;

use backfill_engine::model::{NodeId, PullRequest};

use crate::fixtures::{begin_on, chunk, commit, leased, repository, whole_pull_request};
use crate::support::Database;

const OTHER: &str = "6f1c2b34-0000-4000-8000-000000000002";

/// Pull requests whose keys those of another repository do not share.
fn page(first: i64, offset: i64) -> Vec<PullRequest> {
    let numbers = first + 1..=first + 50;
    let moved = numbers.map(|number| {
        let mut it = whole_pull_request(number);
        it.github_id += offset;
        it.node_id = NodeId::from(format!("PR_{}", number + offset).as_str());
        it.reviews.iter_mut().for_each(|review| review.github_id += offset);
        it.review_comments.iter_mut().for_each(|comment| comment.github_id += offset);
        it.comments.iter_mut().for_each(|comment| comment.github_id += offset);
        it
    });
    moved.collect()
}

/// Counters are told at the end of a session, which comes a moment after its connection's.
async fn sessions_end(database: &Database) {
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND pid <> pg_backend_pid()";
    while database.text(others).await != "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_repository_that_statistics_do_not_know_is_found_by_its_keys() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    for first in (0..500).step_by(50) {
        commit(&store, &lease, &chunk(page(first, 0), &format!("a{first}"))).await;
    }
    let state = begin_on(&store, OTHER, &repository(43, "acme/web")).await.unwrap();
    store.close().await;
    sessions_end(&database).await;
    database.run("ANALYZE").await;
    database.run("SELECT pg_stat_reset()").await;

    let store = database.store("one");
    let lease = store.acquire(state.id, OTHER).await.unwrap().lease;
    for first in (0..500).step_by(50) {
        commit(&store, &lease, &chunk(page(first, 1_000_000), &format!("b{first}"))).await;
    }
    store.close().await;
    sessions_end(&database).await;
    // A chunk looks up some hundred rows; one that read a repository whole would read thousands.
    let read_whole = "SELECT indexrelname, idx_tup_read FROM pg_stat_user_indexes \
            WHERE indexrelname = 'pull_requests_created_at_idx' AND idx_scan > 0 \
               OR indexrelname ~ '_key$' AND idx_tup_read > 1000 \
        UNION ALL SELECT relname, seq_scan FROM pg_stat_user_tables WHERE seq_scan > 0 \
            AND relname = ANY('{pull_requests,reviews,comments,contributors,\
                pull_request_commits,pull_request_files}')";
    assert_eq!(database.text(read_whole).await, "");
}
