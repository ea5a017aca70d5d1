//! What people and their programs see of a walk: fields, conditions, events, rows.

use std::collections::BTreeSet;

use backfill_api::Stage;
use serde_json::json;
use sqlx::Row;

use crate::support::objects::{condition, message, status};
use crate::support::world::created;
use crate::support::{LIMIT, Setup, Trial, World};

#[tokio::test]
async fn a_finished_walk_says_all_that_it_was() {
    let trial = Trial::start(World::of("acme/api", 60)).await;
    let chunk = json!({"size": 20, "minSize": 20, "maxSize": 20});
    trial.apply("api", json!({"repository": "acme/api", "chunk": chunk})).await;
    // What a pipeline would run, blocking, with kubectl's own idea of a condition.
    let args = ["wait", "--for=condition=Succeeded", "--timeout=150s", "-n", &trial.namespace];
    let (cluster, args) = (trial.cluster, args.map(str::to_owned));
    let waiting = tokio::task::spawn_blocking(move || {
        let args: Vec<&str> = args.iter().map(String::as_str).chain(["rbf/api"]).collect();
        cluster.kubectl_text(&args)
    });
    waiting.await.unwrap().unwrap();
    let object = trial.get("api").await;
    let found = status(&object);
    assert_eq!(found.observed_generation, object.metadata.generation);
    assert_eq!(condition(&object, "Ready"), Some("True"));
    assert_eq!(condition(&object, "Reconciling").or(condition(&object, "Stalled")), None);
    assert_eq!(message(&object), "60 stored, as many as GitHub counts");
    assert_eq!(found.expected_pull_requests, Some(60));
    assert_eq!(found.processed_pull_requests, Some(60));
    assert_eq!(found.stored_pull_requests, Some(60));
    assert_eq!(found.quarantined_pull_requests, Some(0));
    assert_eq!(found.progress.as_deref(), Some("60/60 (100%)"));
    assert_eq!(found.back_to, Some(created(1).strftime("%Y-%m-%d").to_string()));
    assert_eq!((found.chunks_completed, found.chunk_size), (Some(3), Some(20)));
    assert_eq!((found.consecutive_errors, found.last_error), (Some(0), None));
    let times = [&found.start_time, &found.last_progress_time, &found.completion_time];
    let times: Vec<_> = times.iter().map(|time| time.as_ref().unwrap().0).collect();
    assert!(times.is_sorted(), "started, moved, completed: {times:?}");
    assert!(found.verified_as_of.is_some() && found.cursor.is_some());
    assert_eq!((found.next_attempt_time, found.estimated_completion_time), (None, None));
    let plan = found.plan.unwrap();
    assert!(plan.requests.is_some_and(|requests| requests >= 3), "{plan:?}");
    let limits = found.rate_limit.unwrap();
    assert!(limits.limit == Some(5_000) && limits.remaining < Some(5_000), "{limits:?}");
    trial.finish().await;
}

#[tokio::test]
async fn the_status_moves_with_the_walk_and_events_only_mark_its_turns() {
    // Slow enough that the walk lasts longer than the pause between two status writes.
    let rules = json!([{"match": {"operation": "ListPullRequests"}, "answer": "slow:0.7"}]);
    let trial = Trial::start(Setup::from(World::of("acme/slow", 40)).faults(rules)).await;
    let chunk = json!({"size": 4, "minSize": 4, "maxSize": 4});
    let begun = std::time::Instant::now();
    trial.apply("slow", json!({"repository": "acme/slow", "chunk": chunk})).await;
    trial.succeeded("slow").await;
    // One per turn of the object, and while it walks one every five seconds.
    let allowed = 6 + usize::try_from(begun.elapsed().as_secs() / 5).unwrap();
    let all = trial.statuses.all().await;
    let progress: Vec<_> = all.iter().filter_map(|one| one.status.progress.clone()).collect();
    let under_way = progress.iter().any(|text| !text.starts_with("0/") && text != "40/40 (100%)");
    assert!(under_way, "{progress:?}");
    let counts: Vec<_> = all.iter().filter_map(|one| one.status.processed_pull_requests).collect();
    assert!(counts.is_sorted(), "{counts:?}");
    assert!(all.len() <= allowed, "{} statuses, {allowed} allowed", all.len());
    assert!(all.iter().any(|one| one.status.stage == Some(Stage::Walk)));
    let under_way = all.iter().find(|one| one.status.chunks_completed > Some(0)).unwrap();
    let estimate = under_way.status.estimated_completion_time.as_ref().unwrap();
    assert!(estimate.0 > under_way.status.start_time.as_ref().unwrap().0);
    let turns = trial.statuses.reasons("slow").await;
    // A status is written first and announced then.
    let events = trial
        .within(LIMIT, "the last turn is announced", async || {
            let events = trial.events("slow").await;
            events.iter().any(|(reason, _)| reason == "Verified").then_some(events)
        })
        .await;
    let seen: i32 = events.iter().map(|(_, seen)| seen).sum();
    assert!(usize::try_from(seen).unwrap() <= turns.len(), "{events:?} for {turns:?}");
    let announced: BTreeSet<_> = events.into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(announced, turns.into_iter().collect());
    trial.finish().await;
}

/// The monitoring queries of contributor.info's guides, as its users paste them.
const PROGRESS: &str = "
    SELECT r.owner || '/' || r.name AS repository,
           pbs.processed_prs || '/' || pbs.total_prs AS progress,
           ROUND((pbs.processed_prs::numeric / pbs.total_prs) * 100, 2) || '%' AS percentage,
           pbs.status
      FROM progressive_backfill_state pbs JOIN repositories r ON r.id = pbs.repository_id
     WHERE pbs.updated_at > NOW() - INTERVAL '1 hour' ORDER BY pbs.updated_at DESC";
const FAILED: &str = "
    SELECT r.owner || '/' || r.name AS repository, bc.chunk_number, bc.error, bc.started_at
      FROM backfill_chunks bc JOIN repositories r ON r.id = bc.repository_id
     WHERE bc.status = 'failed' ORDER BY bc.started_at DESC LIMIT 10";
const RECOVERY: &str = "
    SELECT COUNT(*) FILTER (WHERE status = 'processing') AS stuck,
           COUNT(*) FILTER (WHERE status = 'completed') AS completed,
           COUNT(*) FILTER (WHERE status = 'failed') AS failed
      FROM backfill_chunks WHERE started_at > NOW() - INTERVAL '24 hours'";
const SAME_CHUNK_TWICE: &str = "
    SELECT backfill_state_id, chunk_number, COUNT(*) FROM backfill_chunks
     GROUP BY backfill_state_id, chunk_number HAVING COUNT(*) > 1";
const SAME_PULL_REQUEST_TWICE: &str = "
    SELECT repository_id, number, COUNT(*) FROM pull_requests
     GROUP BY repository_id, number HAVING COUNT(*) > 1";
const COVERAGE: &str = "
    SELECT COUNT(CASE WHEN embedding IS NOT NULL THEN 1 END) AS with_embeddings,
           COUNT(*) AS total,
           ROUND(100.0 * COUNT(CASE WHEN embedding IS NOT NULL THEN 1 END)
                 / NULLIF(COUNT(*), 0), 2)::text AS coverage
      FROM pull_requests";
const LEFT_TO_EMBED: &str = "
    SELECT item_type, COUNT(*) FROM items_needing_embeddings_priority GROUP BY item_type";

#[tokio::test]
async fn the_queries_of_contributor_info_answer_rightly() {
    let world = World::of("acme/api", 12);
    // The first page is refused once, so that there is a failed chunk to be found.
    let first = json!({"operation": "ListPullRequests", "times": 1});
    let rules = json!([{"match": first, "answer": "secondary:1"}]);
    let trial = Trial::start(Setup::from(world).faults(rules)).await;
    let chunk = json!({"size": 5, "minSize": 5, "maxSize": 5});
    trial.apply("api", json!({"repository": "acme/api", "chunk": chunk})).await;
    trial.succeeded("api").await;
    let rows = async |query: &'static str| sqlx::query(query).fetch_all(&trial.rows).await.unwrap();
    let progress = rows(PROGRESS).await;
    let words: Vec<String> = (0..4).map(|column| progress[0].get(column)).collect();
    assert_eq!((progress.len(), words.join(" ")), (1, "acme/api 12/12 100.00% completed".into()));
    let failed = rows(FAILED).await;
    assert_eq!(failed.len(), 1);
    let error: String = failed[0].get("error");
    assert!(error.starts_with("SecondaryRateLimited"), "{error}");
    let recovery = rows(RECOVERY).await;
    let counts: Vec<i64> = (0..3).map(|column| recovery[0].get(column)).collect();
    assert_eq!(counts, [0, 3, 1], "stuck, completed, failed");
    assert!(rows(SAME_CHUNK_TWICE).await.is_empty());
    assert!(rows(SAME_PULL_REQUEST_TWICE).await.is_empty());
    let coverage = rows(COVERAGE).await;
    let counts: (i64, i64, String) = (coverage[0].get(0), coverage[0].get(1), coverage[0].get(2));
    assert_eq!(counts, (0, 12, "0.00".to_owned()));
    let left = rows(LEFT_TO_EMBED).await;
    assert_eq!(left.len(), 1);
    assert_eq!(
        (left[0].get::<String, _>(0), left[0].get::<i64, _>(1)),
        ("pull_request".into(), 12)
    );
    trial.finish().await;
}
