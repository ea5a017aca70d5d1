//! The state row between runs: failures, pauses, resets by hand, requests by annotation.

use backfill_api::Reason;
use backfill_engine::model::{
    BackfillState, Cursor, PullRequestNumber, Stage, StateStatus, WalkBounds,
};
use backfill_store::{Error, Failure, Quarantined, Store};
use jiff::Timestamp;

use crate::fixtures::{
    HOST, UID, at, begin, bounds, chunk, commit, owner, pull_request, repository, set_aside, walk,
};
use crate::support::Database;

fn failure(reason: Reason, counts: bool) -> Failure {
    Failure {
        reason,
        message: "what was said".to_owned(),
        counts_towards_circuit: counts,
        next_attempt_at: Some(far()),
        status: StateStatus::Active,
        pause_reason: None,
    }
}

fn far() -> Timestamp {
    at("2099-01-01T00:00:00Z")
}

async fn find(store: &Store) -> BackfillState {
    store.find_state(UID, HOST, "acme/api").await.unwrap().unwrap()
}

const FIRST: PullRequestNumber = PullRequestNumber(0);

#[tokio::test]
async fn failures_count_until_a_chunk_commits() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let transient = failure(Reason::GitHubUnavailable, false);
    store.record_failure(state.id, UID, &transient).await.unwrap();
    let bug = failure(Reason::InternalError, true);
    store.record_failure(state.id, UID, &bug).await.unwrap();
    let failed = find(&store).await;
    assert_eq!((failed.failed_attempts, failed.consecutive_errors), (2, 1));
    assert_eq!(failed.next_attempt_at, Some(far()));
    let last = failed.last_error.unwrap();
    assert_eq!((last.reason, last.message.as_str()), (Reason::InternalError, "what was said"));

    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    assert_eq!(find(&store).await.failed_attempts, 2, "an acquire alone mends nothing");
    commit(&store, &lease, &chunk(vec![pull_request(9)], "c1")).await;
    let mended = find(&store).await;
    assert_eq!((mended.failed_attempts, mended.consecutive_errors), (0, 0));
    assert_eq!(mended.next_attempt_at, None);
    assert!(mended.last_error.is_some(), "the last error stays for people to read");
    assert_eq!(database.text("SELECT error_count FROM progressive_backfill_state").await, "2");

    let stranger = store.record_failure(state.id, "stranger", &bug).await;
    assert!(matches!(stranger, Err(Error::Fenced)), "{stranger:?}");
}

#[tokio::test]
async fn what_fails_here_is_not_held_against_an_instance_at_work() {
    let database = Database::migrated().await;
    let (one, two) = (database.store("one"), database.store("two"));
    let state = begin(&one, UID).await;
    let lease = two.acquire(state.id, UID).await.unwrap().lease;
    let late = one.record_failure(state.id, UID, &failure(Reason::InternalError, true)).await;
    assert!(matches!(late, Err(Error::Fenced)), "{late:?}");
    let late = one.record_pause(state.id, UID, StateStatus::Paused, "queued", None).await;
    assert!(matches!(late, Err(Error::Fenced)), "{late:?}");
    let at_work = find(&two).await;
    assert_eq!((at_work.status, at_work.failed_attempts), (StateStatus::Active, 0));
    two.record_pause(state.id, UID, StateStatus::Paused, "queued", None).await.unwrap();
    two.release(&lease).await.unwrap();
    one.record_failure(state.id, UID, &failure(Reason::InternalError, true)).await.unwrap();
    assert_eq!(find(&one).await.failed_attempts, 1, "nobody is at work any more");
}

#[tokio::test]
async fn a_pause_says_why_and_the_next_acquire_ends_it() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let why = "graphql_rate_limit_low";
    store.record_pause(state.id, UID, StateStatus::Paused, why, Some(far())).await.unwrap();
    let paused = find(&store).await;
    assert_eq!((paused.status, paused.pause_reason.as_deref()), (StateStatus::Paused, Some(why)));
    assert_eq!(paused.next_attempt_at, Some(far()));
    let theirs = "SELECT status, metadata->>'pause_reason' FROM progressive_backfill_state";
    assert_eq!(database.text(theirs).await, format!("paused,{why}"));
    let running = store.acquire(state.id, UID).await.unwrap().state;
    assert_eq!((running.status, running.pause_reason), (StateStatus::Active, None));
    assert_eq!(running.next_attempt_at, None);
    assert_eq!(database.text(theirs).await, "active,");
}

#[tokio::test]
async fn a_reset_by_hand_is_honoured_at_the_next_look() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    for _ in 0..5 {
        let bug = Failure {
            status: StateStatus::Paused,
            pause_reason: Some("circuit_open".to_owned()),
            ..failure(Reason::InternalError, true)
        };
        store.record_failure(state.id, UID, &bug).await.unwrap();
    }
    let open = find(&store).await;
    assert_eq!((open.status, open.consecutive_errors), (StateStatus::Paused, 5));

    // The seed document's own statement (progressive-backfill-guide.md).
    database
        .run(&format!(
            "UPDATE progressive_backfill_state SET consecutive_errors = 0, status = 'active' \
             WHERE repository_id = '{}' AND status = 'paused'",
            state.repository_id
        ))
        .await;
    let reset = find(&store).await;
    assert_eq!((reset.status, reset.consecutive_errors), (StateStatus::Active, 0));
    assert_eq!((reset.failed_attempts, reset.next_attempt_at), (0, None));
    assert_eq!(reset.pause_reason, None);
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    commit(&store, &lease, &chunk(vec![pull_request(9)], "c1")).await;
    assert_eq!(find(&store).await.cursor, Some(Cursor::from("c1")));
}

#[tokio::test]
async fn quarantine_counts_attempts_and_ends_when_the_pull_request_is_stored() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    let (number, node) = (PullRequestNumber(9), "PR_9".into());
    for attempt in 1..=3 {
        let reason = Reason::PullRequestUnreadable;
        let counted = store.note_attempt(&lease, number, Some(&node), reason, "502").await;
        assert_eq!(counted.unwrap(), attempt);
    }
    assert_eq!(find(&store).await.quarantined_pull_requests, 0, "an attempt is no quarantine");

    let mut page = chunk(vec![pull_request(8)], "c1");
    page.quarantined = vec![Quarantined { node_id: Some(node.clone()), ..set_aside(9) }];
    let apart = commit(&store, &lease, &page).await.state;
    assert_eq!((apart.processed_pull_requests, apart.stored_pull_requests), (2, 1));
    assert_eq!(apart.quarantined_pull_requests, 1);

    commit(&store, &lease, &chunk(vec![pull_request(9)], "c2")).await;
    assert_eq!(find(&store).await.quarantined_pull_requests, 0);
    let reason = Reason::PageTooLarge;
    let anew = store.note_attempt(&lease, number, None, reason, "again").await;
    assert_eq!(anew.unwrap(), 1, "one that was stored in between starts anew");
    let row = "SELECT node_id, reason, quarantined_at IS NULL, resolved_at IS NULL \
        FROM quarantined_pull_requests";
    assert_eq!(database.text(row).await, "PR_9,PageTooLarge,t,t");
}

#[tokio::test]
async fn a_request_forgives_and_reopens_what_is_set_aside() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    let mut page = chunk(vec![pull_request(8)], "c1");
    page.next_stage = Some(Stage::Verify);
    commit(&store, &lease, &page).await;
    let ledger = store.ledger(state.id).await.unwrap();
    store.complete(&lease, &ledger).await.unwrap();

    store.forgive(state.id, UID, "t1").await.unwrap();
    let proved = find(&store).await;
    assert_eq!(proved.status, StateStatus::Completed, "nothing to retry: still proved");
    assert_eq!(proved.handled_requested_at.as_deref(), Some("t1"));
    assert_eq!(proved.period_chunks, 0, "a burst begins anew");

    database
        .run(&format!(
            "INSERT INTO quarantined_pull_requests \
             (repository_id, number, node_id, reason, attempts, quarantined_at) \
             VALUES ('{}', 9, 'PR_9', 'PullRequestUnreadable', 3, now())",
            state.repository_id
        ))
        .await;
    assert!(store.quarantined_to_retry(state.repository_id, FIRST).await.unwrap().is_empty());
    store.forgive(state.id, UID, "t2").await.unwrap();
    let reopened = find(&store).await;
    assert_eq!((reopened.status, reopened.stage), (StateStatus::Active, Stage::Verify));
    let waiting = store.quarantined_to_retry(state.repository_id, FIRST).await.unwrap();
    assert_eq!(waiting, [(PullRequestNumber(9), "PR_9".into())]);

    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    let back = commit(&store, &lease, &chunk(vec![pull_request(9)], "ignored")).await.state;
    assert_eq!(back.processed_pull_requests, 2, "no chunk of the walk has met it");
    assert_eq!(back.cursor, Some(Cursor::from("c1")), "only the walk moves the cursor");
    assert_eq!((back.stored_pull_requests, back.quarantined_pull_requests), (2, 0));
    assert_eq!(store.ledger(state.id).await.unwrap().gap, None);
}

#[tokio::test]
async fn a_window_counts_only_what_is_set_aside_inside_it() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    let mut page = chunk(vec![pull_request(8)], "c1");
    page.quarantined = vec![set_aside(9)];
    commit(&store, &lease, &page).await;
    store.release(&lease).await.unwrap();
    assert_eq!(find(&store).await.quarantined_pull_requests, 1);

    let (found, owner, whole) = (repository(42, "acme/api"), owner(UID), bounds());
    for window in [
        WalkBounds { since: Some(at("2024-01-01T00:00:00Z")), ..whole.clone() },
        WalkBounds { until: Some(at("2024-01-01T00:00:00Z")), ..whole.clone() },
        WalkBounds { max_pull_requests: Some(1), ..whole.clone() },
    ] {
        let state = store.begin_walk(&walk(&found, &owner, &window)).await.unwrap();
        assert_eq!(state.quarantined_pull_requests, 0, "{window:?}");
        let lease = store.acquire(state.id, UID).await.unwrap().lease;
        let met = commit(&store, &lease, &page).await.state;
        assert_eq!(met.quarantined_pull_requests, 1, "{window:?}");
        store.release(&lease).await.unwrap();
    }
}

#[tokio::test]
async fn a_request_on_a_window_leaves_alone_what_is_set_aside_outside_it() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    let mut page = chunk(vec![pull_request(8)], "c1");
    let apart = |number| Quarantined { node_id: Some("PR".into()), ..set_aside(number) };
    page.quarantined = vec![apart(3)];
    commit(&store, &lease, &page).await;

    let (found, owner) = (repository(42, "acme/api"), owner(UID));
    let window = WalkBounds { since: Some(at("2024-01-01T06:00:00Z")), ..bounds() };
    store.begin_walk(&walk(&found, &owner, &window)).await.unwrap();
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    page.quarantined = vec![];
    page.next_stage = Some(Stage::Verify);
    commit(&store, &lease, &page).await;
    let ledger = store.ledger(state.id).await.unwrap();
    store.complete(&lease, &ledger).await.unwrap();
    store.forgive(state.id, UID, "t1").await.unwrap();
    assert_eq!(find(&store).await.status, StateStatus::Completed);
    let attempts = "SELECT attempts FROM quarantined_pull_requests";
    assert_eq!(database.text(attempts).await, "3");

    // Nor what was asked for when the walk was a wider one.
    database.run("UPDATE quarantined_pull_requests SET attempts = 0").await;
    assert_eq!(store.quarantined_to_retry(state.repository_id, FIRST).await.unwrap(), []);
    page.quarantined = vec![apart(7)];
    commit(&store, &lease, &page).await;
    store.forgive(state.id, UID, "t2").await.unwrap();
    assert_eq!(find(&store).await.status, StateStatus::Active);
    let waiting = store.quarantined_to_retry(state.repository_id, FIRST).await.unwrap();
    assert_eq!(waiting, [(PullRequestNumber(7), "PR".into())]);
}

#[tokio::test]
async fn an_attempt_of_one_that_was_cut_off_counts_for_nothing() {
    let database = Database::migrated().await;
    let (old, new) = (database.store("same"), database.store("same"));
    let state = begin(&old, UID).await;
    let late = old.acquire(state.id, UID).await.unwrap().lease;
    let lease = new.acquire(state.id, UID).await.unwrap().lease;
    commit(&new, &lease, &chunk(vec![pull_request(9)], "c1")).await;
    let (number, reason) = (PullRequestNumber(9), Reason::PullRequestUnreadable);
    let noted = old.note_attempt(&late, number, None, reason, "502").await;
    assert!(matches!(noted, Err(Error::Fenced)), "{noted:?}");
    assert_eq!(database.text("SELECT number FROM quarantined_pull_requests").await, "");
}

#[tokio::test]
async fn a_request_fences_a_proof_that_has_not_heard_of_it() {
    let database = Database::migrated().await;
    let (one, two) = (database.store("one"), database.store("two"));
    let state = begin(&one, UID).await;
    let lease = one.acquire(state.id, UID).await.unwrap().lease;
    let mut page = chunk(vec![pull_request(8)], "c1");
    page.quarantined = vec![Quarantined { node_id: Some("PR_9".into()), ..set_aside(9) }];
    commit(&one, &lease, &page).await;
    two.forgive(state.id, UID, "t1").await.unwrap();
    page.next_stage = Some(Stage::Verify);
    page.quarantined[0].attempts = 4;
    commit(&one, &lease, &page).await;

    // One has read what there is to retry, and two is asked to retry.
    assert_eq!(one.quarantined_to_retry(state.repository_id, FIRST).await.unwrap(), []);
    let ledger = one.ledger(state.id).await.unwrap();
    two.forgive(state.id, UID, "t2").await.unwrap();
    let late = one.complete(&lease, &ledger).await;
    assert!(matches!(late, Err(Error::Fenced)), "{late:?}");
    assert!(matches!(one.renew(&lease).await, Err(Error::Fenced)));
    let next = two.acquire(state.id, UID).await.unwrap();
    assert_eq!((next.state.status, next.state.stage), (StateStatus::Active, Stage::Verify));
    assert_eq!(two.quarantined_to_retry(state.repository_id, FIRST).await.unwrap().len(), 1);

    // Taken back, it was gone through already.
    let before = next.state.processed_pull_requests;
    let back = commit(&two, &next.lease, &chunk(vec![pull_request(9)], "ignored")).await.state;
    assert_eq!((back.processed_pull_requests, back.stored_pull_requests), (before, 2));
}

#[tokio::test]
async fn one_that_is_read_in_part_again_stays_set_aside_since_when_it_was() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    let mut page = chunk(vec![pull_request(9), pull_request(8)], "c1");
    page.quarantined = vec![set_aside(9)];
    commit(&store, &lease, &page).await;
    let mark = "UPDATE quarantined_pull_requests SET quarantined_at = '2020-01-01 00:00Z'";
    database
        .run(&format!(
            "{mark}; CREATE SEQUENCE writes; \
             CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                 PERFORM nextval('writes'); RETURN NEW; END $$; \
             CREATE TRIGGER count_it BEFORE UPDATE ON quarantined_pull_requests \
                 FOR EACH ROW EXECUTE FUNCTION count_it()"
        ))
        .await;
    commit(&store, &lease, &page).await;
    let row = "SELECT quarantined_at < '2021-01-01', resolved_at IS NULL, last_value \
        FROM quarantined_pull_requests, writes";
    assert_eq!(database.text(row).await, "t,t,1", "since when it was, and written once");
    page.quarantined = vec![];
    commit(&store, &lease, &page).await;
    assert_eq!(database.text(row).await, "t,f,2", "read whole");
    page.quarantined = vec![set_aside(9)];
    commit(&store, &lease, &page).await;
    assert_eq!(database.text(row).await, "f,t,3", "set aside anew");
}

#[tokio::test]
async fn all_that_are_set_aside_are_told_a_thousand_at_a_time() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let insert = "INSERT INTO quarantined_pull_requests \
            (repository_id, number, node_id, reason, message, attempts, quarantined_at) \
        SELECT repository_id, n, 'PR_' || n, 'PageTooLarge', '', 0, now() \
        FROM progressive_backfill_state, generate_series(1, 2001) AS n";
    database.run(insert).await;
    let (mut last, mut counts) = (FIRST, Vec::new());
    while counts.last() != Some(&0) {
        let some = store.quarantined_to_retry(state.repository_id, last).await.unwrap();
        counts.push(some.len());
        last = some.last().map_or(last, |(number, _)| *number);
    }
    assert_eq!((counts, last.get()), (vec![1000, 1000, 1, 0], 2001));
}
