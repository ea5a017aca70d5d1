//! What the chunks and the stand-in's counts must tell after any number of blows. Must not know
//! what the blows were.

use sqlx::PgPool;

use super::Trial;
use super::rows::number;

/// Panics unless the chunks tell one unbroken walk and none is left half done.
pub async fn assert_chained(rows: &PgPool, blows: u64) {
    let left = "SELECT count(*) FROM backfill_chunks WHERE status NOT IN ('completed', 'failed')";
    assert_eq!(number(rows, left).await, 0, "chunks left half done");
    let failed = "SELECT count(*) FROM backfill_chunks WHERE status = 'failed'";
    let failed = number(rows, failed).await;
    assert!(failed <= i64::try_from(blows).unwrap(), "{failed} chunks given up for {blows} blows");
    let broken = "SELECT count(*) FROM (
            SELECT first_cursor, lag(end_cursor) OVER (ORDER BY chunk_number) AS before
              FROM backfill_chunks WHERE status = 'completed' AND stage = 'Walk') AS chain
         WHERE first_cursor IS DISTINCT FROM before";
    assert_eq!(number(rows, broken).await, 0, "places where the ledger is not chained");
    let twice = "SELECT count(*) FROM (
            SELECT unnest(pr_numbers) AS number FROM backfill_chunks WHERE status = 'completed'
             GROUP BY 1 HAVING count(*) > 1) AS twice";
    assert_eq!(number(rows, twice).await, 0, "pull requests in two chunks");
}

/// Panics if more pages of the walk were asked for again than there were blows: at most one for
/// each.
pub async fn assert_pages(trial: &Trial, blows: u64) {
    let counts = trial.counts().await;
    let pages = counts["pages_by_cursor"].as_object().unwrap();
    let walk: Vec<_> =
        pages.iter().filter(|(page, _)| page.contains(" ListPullRequests ")).collect();
    assert!(!walk.is_empty(), "no page was counted: {pages:?}");
    let again: u64 = walk.iter().map(|(_, times)| times.as_u64().unwrap() - 1).sum();
    assert!(again <= blows, "{again} pages served again after {blows} blows: {walk:?}");
}
