//! Beginning walks: who owns a repository, what a new walk keeps, names that change.

use backfill_engine::model::{NodeId, Stage, StateStatus, WalkBounds};
use backfill_store::Error;
use sqlx::Executor;

use crate::fixtures::{
    HOST, UID, at, begin, begin_on, bounds, chunk, commit, owner, pull_request, repository, walk,
};
use crate::support::Database;

const OTHER: &str = "6f1c2b34-0000-4000-8000-000000000002";

#[tokio::test]
async fn a_new_walk_starts_from_the_top_over_kept_rows() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let first = begin(&store, UID).await;
    assert_eq!((first.walk, first.chunk_size, first.cursor.clone()), (1, Some(25), None));
    let lease = store.acquire(first.id, UID).await.unwrap().lease;
    let mut page = chunk(vec![pull_request(9)], "c1");
    page.chunk_size = 30;
    commit(&store, &lease, &page).await;

    let second = begin(&store, UID).await;
    assert_eq!((second.id, second.walk, second.stage), (first.id, 2, Stage::Walk));
    assert_eq!((second.cursor.clone(), second.processed_pull_requests), (None, 0));
    assert_eq!((second.stored_pull_requests, second.chunk_size), (1, Some(30)));
    assert_eq!((second.chunks_completed, second.points_used.get()), (0, 0));
    assert!(matches!(store.claim_chunk(&lease).await, Err(Error::Fenced)), "it fences a run");

    let lease = store.acquire(second.id, UID).await.unwrap().lease;
    let claim = store.claim_chunk(&lease).await.unwrap();
    assert_eq!((claim.number, claim.abandoned), (2, 0), "numbers are never used again");
    assert_eq!(
        database.text("SELECT get_next_chunk_number(id) FROM progressive_backfill_state").await,
        "3"
    );
}

#[tokio::test]
async fn an_unfinished_backfill_belongs_to_its_object() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let refused = begin_on(&store, OTHER, &repository(42, "acme/api")).await;
    let Err(Error::Claimed { owner: claims }) = refused else { panic!("{refused:?}") };
    assert_eq!(claims, owner(UID));

    let (other, bounds) = (owner(OTHER), bounds());
    let found = repository(42, "acme/api");
    let mut begin = walk(&found, &other, &bounds);
    begin.take_over_from = Some("somebody else");
    assert!(matches!(store.begin_walk(&begin).await, Err(Error::Claimed { .. })));
    begin.take_over_from = Some(UID);
    let taken = store.begin_walk(&begin).await.unwrap();
    assert_eq!((taken.id, taken.owner), (state.id, Some(other)));
}

#[tokio::test]
async fn what_one_object_was_answered_is_no_answer_to_the_next() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (found, bounds) = (repository(42, "acme/api"), bounds());
    let (one, two) = (owner(UID), owner(OTHER));
    // Object, what it asks, and what its row says is answered.
    let cases =
        [(&one, Some("monday"), Some("monday")), (&one, None, Some("monday")), (&two, None, None)];
    for (owner, asked, answered) in cases {
        let mut begin = walk(&found, owner, &bounds);
        (begin.handled_requested_at, begin.handled_restart_requested_at) = (asked, asked);
        begin.take_over_from = Some(UID);
        let state = store.begin_walk(&begin).await.unwrap();
        let handled = (state.handled_requested_at, state.handled_restart_requested_at);
        assert_eq!(handled, (answered.map(Into::into), answered.map(Into::into)), "{asked:?}");
    }
}

#[tokio::test]
async fn a_finished_backfill_may_be_taken() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    let ledger = store.ledger(state.id).await.unwrap();
    database.end_walks().await;
    store.complete(&lease, &ledger).await.unwrap();
    let taken = begin(&store, OTHER).await;
    assert_eq!((taken.id, taken.walk, taken.status), (state.id, 2, StateStatus::Active));
    let kept = "SELECT created_by_object FROM repositories";
    assert_eq!(database.text(kept).await, UID, "who brought it in stays");
}

#[tokio::test]
async fn of_two_that_begin_together_one_owns_it() {
    let database = Database::migrated().await;
    let (one, two) = (database.store("one"), database.store("two"));
    let found = repository(42, "acme/api");
    let (a, b) = tokio::join!(begin_on(&one, UID, &found), begin_on(&two, OTHER, &found));
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    let lost = a.err().or(b.err()).unwrap();
    assert!(matches!(lost, Error::Claimed { .. }), "{lost:?}");
}

#[tokio::test]
async fn of_two_instances_that_begin_a_walk_of_one_object_the_first_does() {
    let database = Database::migrated().await;
    let (one, two) = (database.store("one"), database.store("two"));
    let (owner, bounds, found) = (owner(UID), bounds(), repository(42, "acme/api"));
    let mut begin = walk(&found, &owner, &bounds);
    begin.seen_walk = Some(0);
    let (a, b) = tokio::join!(one.begin_walk(&begin), two.begin_walk(&begin));
    assert_eq!((a.unwrap().walk, b.unwrap().walk), (1, 1), "both saw no walk");
    begin.seen_walk = Some(1);
    assert_eq!(one.begin_walk(&begin).await.unwrap().walk, 2, "seen, so another is wanted");
    assert_eq!(two.begin_walk(&begin).await.unwrap().walk, 2);
}

#[tokio::test]
async fn a_renamed_repository_is_found_under_each_of_its_names() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let renamed = repository(42, "acme/platform-api");
    begin_on(&store, UID, &renamed).await.unwrap();
    for name in ["acme/api", "ACME/Api", "acme/platform-api"] {
        let found = store.find_state("nobody", HOST, name).await.unwrap().unwrap();
        assert_eq!((found.id, found.repository_name.as_str()), (state.id, "acme/platform-api"));
    }
    assert!(store.find_state("nobody", "github.acme.example", "acme/api").await.unwrap().is_none());
    assert!(store.find_state("nobody", HOST, "acme/other").await.unwrap().is_none());
    let names = "SELECT full_name, seen_until IS NULL FROM repository_names ORDER BY 2";
    assert_eq!(database.text(names).await, "acme/api,f;acme/platform-api,t");
    begin_on(&store, UID, &repository(42, "acme/api")).await.unwrap();
    assert_eq!(database.text(names).await, "acme/platform-api,f;acme/api,t");
}

#[tokio::test]
async fn a_freed_name_that_another_repository_took_is_refused() {
    let database = Database::migrated().await;
    let store = database.store("one");
    begin(&store, UID).await;
    for name in ["acme/api", "Acme/API"] {
        let refused = begin_on(&store, OTHER, &repository(43, name)).await;
        assert!(matches!(refused, Err(Error::RepositoryReplaced { .. })), "{refused:?}");
        let refused = store.record_repository(&repository(43, name), HOST, OTHER).await;
        assert!(matches!(refused, Err(Error::RepositoryReplaced { .. })), "{refused:?}");
    }
    // The object goes with its repository through a rename, not with the name.
    begin_on(&store, UID, &repository(42, "acme/platform")).await.unwrap();
    let refused = begin_on(&store, UID, &repository(43, "acme/api")).await;
    assert!(matches!(refused, Err(Error::RepositoryReplaced { .. })), "{refused:?}");
    let fresh = begin_on(&store, OTHER, &repository(43, "acme/api")).await.unwrap();
    let found = store.find_state("nobody", HOST, "acme/api").await.unwrap().unwrap();
    assert_eq!(found.id, fresh.id, "a present name comes before a former one");
    let mut same = repository(42, "acme/platform");
    same.node_id = NodeId::from("R_new_form");
    begin_on(&store, UID, &same).await.unwrap();
    let node_id = "SELECT node_id FROM repositories WHERE github_id = 42";
    assert_eq!(database.text(node_id).await, "R_new_form");
}

#[tokio::test]
async fn an_empty_repository_leaves_no_state() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let mut empty = repository(42, "acme/api");
    (empty.pull_request_count, empty.default_branch) = (0, None);
    store.record_repository(&empty, HOST, UID).await.unwrap();
    store.record_repository(&empty, HOST, OTHER).await.unwrap();
    assert!(store.find_state(UID, HOST, "acme/api").await.unwrap().is_none());
    let row =
        "SELECT full_name, owner, name, pull_request_count, created_by_object FROM repositories";
    assert_eq!(database.text(row).await, format!("acme/api,acme,api,0,{UID}"));
}

#[tokio::test]
async fn bounds_annotations_and_metadata_are_kept() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (owner, mut bounds) = (owner(UID), bounds());
    bounds.since = Some("2024-01-01T00:00:00Z".parse().unwrap());
    bounds.max_pull_requests = Some(200);
    let found = repository(42, "acme/api");
    let mut begin = walk(&found, &owner, &bounds);
    begin.handled_restart_requested_at = Some("t1");
    begin.metadata.insert("triggered_from".to_owned(), "bulk_add_ui".to_owned());
    let state = store.begin_walk(&begin).await.unwrap();
    assert_eq!((&state.bounds, state.walk_fingerprint.as_str()), (&bounds, "f1"));
    assert_eq!(state.handled_restart_requested_at.as_deref(), Some("t1"));
    assert_eq!(state.handled_requested_at, None);
    assert_eq!((state.owner, state.total_pull_requests), (Some(owner.clone()), 4));

    begin.handled_restart_requested_at = None;
    begin.metadata.clear();
    (begin.chunk_size, begin.size_asked) = (7, Some(7));
    let again = store.begin_walk(&begin).await.unwrap();
    assert_eq!(again.chunk_size, Some(7), "a size that was asked for wins");
    assert_eq!(again.handled_restart_requested_at.as_deref(), Some("t1"));
    let metadata = "SELECT metadata->>'triggered_from' FROM progressive_backfill_state";
    assert_eq!(database.text(metadata).await, "bulk_add_ui");
}

#[tokio::test]
async fn a_window_starts_where_it_did_until_its_words_change_or_a_restart_is_asked_for() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (found, owner, other) = (repository(42, "acme/api"), owner(UID), owner(OTHER));
    // Words, restart, object, and on which day the walk begins after all.
    let cases = [
        ("30", None, &owner, 1, 1),
        ("30", None, &owner, 2, 1),
        ("30", Some("again"), &owner, 3, 3),
        ("30", Some("again"), &owner, 4, 3),
        ("30", None, &owner, 5, 3),
        ("60", Some("again"), &owner, 6, 6),
        ("60", Some("again"), &other, 7, 7),
    ];
    for (words, restart, owner, day, expected) in cases {
        let since = |day: i64| Some(at(&format!("2026-01-{day:02}T00:00:00Z")));
        let bounds = WalkBounds { since: since(day), ..bounds() };
        let mut begin = walk(&found, owner, &bounds);
        begin.handled_restart_requested_at = restart;
        begin.take_over_from = Some(UID);
        begin.metadata.insert("window".to_owned(), words.to_owned());
        let state = store.begin_walk(&begin).await.unwrap();
        assert_eq!(state.bounds.since, since(expected), "day {day}");
    }
}

#[tokio::test]
async fn the_total_of_a_walk_with_bounds_is_what_lies_inside() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let (mut found, owner) = (repository(42, "acme/api"), owner(UID));
    found.pull_request_count = 16_044;
    let since = Some(at("2024-01-01T00:00:00Z"));
    for (bounds, at_first, proved) in [
        (WalkBounds { max_pull_requests: Some(2), ..bounds() }, 2, "2,2,100.00"),
        (WalkBounds { max_pull_requests: Some(20_000), ..bounds() }, 16_044, "2,2,100.00"),
        (WalkBounds { since, ..bounds() }, 16_044, "2,2,100.00"),
        (bounds(), 16_044, "2,16044,0.01"),
    ] {
        let state = store.begin_walk(&walk(&found, &owner, &bounds)).await.unwrap();
        assert_eq!(state.total_pull_requests, at_first, "{bounds:?}");
        let lease = store.acquire(state.id, UID).await.unwrap().lease;
        let mut page = chunk(vec![pull_request(9), pull_request(8)], "c1");
        page.next_stage = Some(Stage::Verify);
        commit(&store, &lease, &page).await;
        let ledger = store.ledger(state.id).await.unwrap();
        store.complete(&lease, &ledger).await.unwrap();
        let summary = "SELECT processed_prs, total_prs, percent FROM backfill_progress_summary";
        assert_eq!(database.text(summary).await, proved, "{bounds:?}");
    }
}

#[tokio::test]
async fn the_row_of_a_repository_says_when_it_changed() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let state = begin(&store, UID).await;
    let age = "UPDATE repositories SET stored_at = '2020-01-01Z', last_updated_at = '2020-01-01Z'";
    let row = "SELECT stored_at < '2021-01-01', last_updated_at < '2021-01-01' FROM repositories";
    database.run(age).await;
    begin(&store, UID).await;
    assert_eq!(database.text(row).await, "t,t", "equal");
    let mut grown = repository(42, "acme/api");
    grown.pull_request_count += 1;
    begin_on(&store, UID, &grown).await.unwrap();
    assert_eq!(database.text(row).await, "f,f", "another count");
    database.run(age).await;
    let lease = store.acquire(state.id, UID).await.unwrap().lease;
    let ledger = store.ledger(state.id).await.unwrap();
    database.end_walks().await;
    store.complete(&lease, &ledger).await.unwrap();
    assert_eq!(database.text(row).await, "f,f", "a proof changes last_updated_at");
}

#[tokio::test]
async fn a_walk_that_begins_and_a_chunk_never_wait_for_each_other() {
    let database = Database::migrated().await;
    let store = database.store("one");
    begin(&store, UID).await;
    // As a chunk does: the state row, then rows that point at the repository.
    let mut other = database.connection().await;
    let first = "BEGIN; SELECT 1 FROM progressive_backfill_state FOR UPDATE";
    other.execute(first).await.unwrap();
    let then = async {
        while database.text(WAITING).await != "1" {
            tokio::task::yield_now().await;
        }
        let next = "SET LOCAL lock_timeout = 1; SELECT 1 FROM repositories FOR KEY SHARE; COMMIT";
        other.execute(next).await
    };
    let found = repository(42, "acme/api");
    let (begun, taken) = tokio::join!(begin_on(&store, UID, &found), then);
    taken.unwrap();
    assert_eq!(begun.unwrap().walk, 2);
}

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event_type = 'Lock'";
