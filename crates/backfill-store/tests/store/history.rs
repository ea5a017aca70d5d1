//! What the rows of history hold: values, authors, children that come and go, reduced reads.

use backfill_engine::model::{AccountType, ChangedFile, Commit, Part, PullRequestNumber};

use crate::fixtures::{actor, chunk, commit, leased, pull_request, review, whole_pull_request};
use crate::support::Database;

#[tokio::test]
async fn values_are_those_of_the_schema() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    let mut open = pull_request(7);
    (open.is_open, open.is_merged, open.merged_by, open.body) = (true, false, None, String::new());
    let page = chunk(vec![whole_pull_request(9), open], "c1");
    commit(&store, &lease, &page).await;

    let row = "SELECT p.state, p.merged, p.body, a.username, m.username, p.labels, p.assignees, \
        p.commits, p.captured FROM pull_requests p JOIN contributors a ON a.id = p.author_id \
        LEFT JOIN contributors m ON m.id = p.merged_by_id ORDER BY number";
    let labels = r#""{bug,""a, \\""quoted\\"" {label}""}""#;
    assert_eq!(
        database.text(row).await,
        format!(
            "open,f,\"\",user1,,{labels},{{user3}},1,\"{{Comments,ReviewComments,Reviews}}\";\
             closed,t,\"Body of 9\",user1,user2,{labels},{{user3}},1,\
             \"{{Comments,Commits,Files,ReviewComments,Reviews}}\""
        )
    );
    let comments = "SELECT c.comment_type, c.in_reply_to_id, r.github_id, c.thread_id, \
        c.is_resolved, c.line, c.side, c.commenter_id IS NULL FROM comments c \
        LEFT JOIN reviews r ON r.id = c.review_id \
        JOIN pull_requests p ON p.id = c.pull_request_id WHERE p.number = 9 ORDER BY 1";
    assert_eq!(
        database.text(comments).await,
        "issue_comment,,,,,,,t;review_comment,8000000999,7000000009,RT_9,t,12,RIGHT,f"
    );
    let review = "SELECT r.state, r.body, r.reviewer_id = r.author_id, r.reviewer_id = a.id \
        FROM reviews r JOIN contributors a ON a.github_id = 4 LIMIT 1";
    assert_eq!(database.text(review).await, "APPROVED,\"\",t,t");
    let parts = "SELECT c.message, a.username, f.path, f.change_type FROM pull_request_commits c \
        JOIN contributors a ON a.id = c.author_id CROSS JOIN pull_request_files f";
    assert_eq!(database.text(parts).await, "\"Say why\",user3,src/lib.rs,MODIFIED");
}

#[tokio::test]
async fn the_author_of_a_deleted_account_stays_null() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    let mut ghost = pull_request(9);
    (ghost.author, ghost.merged_by, ghost.reviews[0].author) = (None, None, None);
    let first = commit(&store, &lease, &chunk(vec![ghost.clone()], "c1")).await;
    let again = commit(&store, &lease, &chunk(vec![ghost], "c1")).await;
    assert_eq!((first.written, again.unchanged, again.child_rows_written), (1, 1, 0));
    let nulls = "SELECT p.author_id IS NULL AND p.merged_by_id IS NULL AND r.author_id IS NULL, \
        (SELECT count(*) FROM contributors) FROM pull_requests p CROSS JOIN reviews r";
    assert_eq!(database.text(nulls).await, "t,1");
}

#[tokio::test]
async fn an_account_is_one_row_however_it_is_seen() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    let mut bot = actor(1);
    (bot.account_type, bot.login) = (AccountType::Bot, "renovate".to_owned());
    let mut sparse = bot.clone();
    (sparse.node_id, sparse.display_name, sparse.avatar_url) = (None, None, None);
    let mut page = vec![pull_request(9), pull_request(8)];
    page[0].author = Some(bot);
    page[1].author = Some(sparse.clone());
    commit(&store, &lease, &chunk(page, "c1")).await;
    let row = "SELECT username, display_name, is_bot, account_type, xmin FROM contributors \
        WHERE github_id = 1";
    let before = database.text(row).await;
    assert!(before.starts_with("renovate,\"User 1\",t,Bot,"), "{before}");

    let mut seen_less = pull_request(7);
    seen_less.author = Some(sparse.clone());
    commit(&store, &lease, &chunk(vec![seen_less], "c2")).await;
    assert_eq!(database.text(row).await, before, "what a reading does not tell is kept");

    let mut renamed = pull_request(6);
    sparse.login = "renovate-two".to_owned();
    renamed.author = Some(sparse);
    commit(&store, &lease, &chunk(vec![renamed], "c3")).await;
    let after = database.text(row).await;
    assert!(after.starts_with("renovate-two,\"User 1\",t,Bot,"), "{after}");
}

const CHILDREN: &str = "SELECT 'r', github_id, deleted_at IS NULL FROM reviews UNION ALL \
    SELECT left(comment_type, 1) || 'c', github_id, deleted_at IS NULL FROM comments UNION ALL \
    SELECT 'k', length(oid), deleted_at IS NULL FROM pull_request_commits UNION ALL \
    SELECT 'f', length(path), deleted_at IS NULL FROM pull_request_files ORDER BY 1, 2";

#[tokio::test]
async fn children_that_are_gone_are_marked_and_come_back() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    let whole = whole_pull_request(9);
    commit(&store, &lease, &chunk(vec![whole.clone()], "c1")).await;
    let all = "f,10,t;ic,9000000009,t;k,40,t;r,7000000009,t;rc,8000000009,t";
    assert_eq!(database.text(CHILDREN).await, all);

    let mut bare = whole.clone();
    (bare.reviews, bare.review_comments, bare.comments) = (vec![], vec![], vec![]);
    (bare.commits, bare.files) = (vec![], vec![]);
    let gone = commit(&store, &lease, &chunk(vec![bare.clone()], "c1")).await;
    assert_eq!((gone.written, gone.child_rows_written), (0, 5));
    assert_eq!(database.text(CHILDREN).await, all.replace(",t", ",f"));
    let again = commit(&store, &lease, &chunk(vec![bare], "c1")).await;
    assert_eq!(again.child_rows_written, 0, "a marked child is not marked again");

    let back = commit(&store, &lease, &chunk(vec![whole], "c1")).await;
    assert_eq!(back.child_rows_written, 5);
    assert_eq!(database.text(CHILDREN).await, all);
}

#[tokio::test]
async fn a_reduced_read_leaves_what_it_did_not_ask_for() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    commit(&store, &lease, &chunk(vec![whole_pull_request(9)], "c1")).await;
    let before = database.text(CHILDREN).await;

    let mut reduced = pull_request(9);
    reduced.captured = vec![Part::Reviews];
    reduced.title = "New title".to_owned();
    // Half-read lists of parts that are not captured must not be stored either.
    reduced.comments[0].body = "half".to_owned();
    reduced.comments[0].github_id += 1;
    reduced.reviews.push(review(10));
    let stored = commit(&store, &lease, &chunk(vec![reduced], "c1")).await;
    assert_eq!((stored.written, stored.child_rows_written), (1, 1));
    let with_review = before.replace("r,7000000009,t;", "r,7000000009,t;r,7000000010,t;");
    assert_eq!(database.text(CHILDREN).await, with_review);
    let captured = "SELECT title, captured FROM pull_requests";
    assert_eq!(
        database.text(captured).await,
        "\"New title\",\"{Comments,Commits,Files,ReviewComments,Reviews}\""
    );
}

#[tokio::test]
async fn only_a_real_write_moves_stored_at_and_only_a_new_text_its_hash() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    commit(&store, &lease, &chunk(vec![pull_request(9)], "c1")).await;
    database
        .run("UPDATE pull_requests SET content_hash = 'h', stored_at = '2020-01-01 00:00Z'")
        .await;
    let row = "SELECT stored_at < '2021-01-01', content_hash FROM pull_requests";
    commit(&store, &lease, &chunk(vec![pull_request(9)], "c1")).await;
    assert_eq!(database.text(row).await, "t,h");
    let mut changed = pull_request(9);
    changed.additions += 1;
    commit(&store, &lease, &chunk(vec![changed.clone()], "c1")).await;
    assert_eq!(database.text(row).await, "f,h");
    changed.body.push('!');
    commit(&store, &lease, &chunk(vec![changed], "c1")).await;
    assert_eq!(database.text(row).await, "f,");
}

#[tokio::test]
async fn a_pull_request_that_is_gone_is_marked_and_no_longer_counted() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    commit(&store, &lease, &chunk(vec![pull_request(9), pull_request(8)], "c1")).await;
    commit(&store, &lease, &chunk(vec![pull_request(7)], "c2")).await;
    store.bury(&lease, &[PullRequestNumber(9), PullRequestNumber(12_345)]).await.unwrap();
    let counted = "SELECT stored_prs FROM progressive_backfill_state";
    assert_eq!(database.text(counted).await, "2");
    let live = "SELECT number FROM pull_requests WHERE deleted_at IS NULL ORDER BY 1";
    assert_eq!(database.text(live).await, "7;8");
    let state = commit(&store, &lease, &chunk(vec![pull_request(9)], "c3")).await.state;
    assert_eq!(state.stored_pull_requests, 3);
    store.bury(&lease, &[PullRequestNumber(8)]).await.unwrap();
    assert_eq!(database.text(live).await, "7;9");
    assert_eq!(database.text(counted).await, "2");
}

#[tokio::test]
async fn a_path_longer_than_an_index_entry_is_stored() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    let mut deep = whole_pull_request(9);
    // Incompressible, so that no compression makes it fit after all.
    let folders = (0..600_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24);
    let path = folders.map(|folder| folder.to_string()).collect::<Vec<_>>().join("/");
    assert!(path.len() > 4000);
    let file = |path: String| ChangedFile { path, ..deep.files[0].clone() };
    deep.files = vec![file(path.clone()), file(format!("{path}b"))];
    commit(&store, &lease, &chunk(vec![deep.clone()], "c1")).await;
    let again = commit(&store, &lease, &chunk(vec![deep], "c1")).await;
    assert_eq!(again.child_rows_written, 0);
    assert_eq!(database.text("SELECT count(*) FROM pull_request_files").await, "2");
}

#[tokio::test]
async fn doubles_inside_a_page_are_one_row() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    let mut twice = whole_pull_request(9);
    twice.reviews.push(review(9));
    twice.comments.push(twice.comments[0].clone());
    twice.commits.push(twice.commits[0].clone());
    twice.files.push(twice.files[0].clone());
    let page = chunk(vec![twice.clone(), twice], "c1");
    let committed = commit(&store, &lease, &page).await;
    assert_eq!((committed.written, committed.unchanged), (1, 0));
    assert_eq!(committed.child_rows_written, 5);
    assert_eq!(committed.state.processed_pull_requests, 1);
    assert_eq!(database.text("SELECT pr_numbers FROM backfill_chunks").await, "{9}");
}

#[tokio::test]
async fn thousands_of_children_are_stored_and_told_from_those_that_went() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    let mut heavy = whole_pull_request(9);
    let (file, change) = (heavy.files[0].clone(), heavy.commits[0].clone());
    let files = (0..15_000).map(|n| ChangedFile { path: format!("f{n}"), ..file.clone() });
    heavy.files = files.collect();
    let commits = (0..15_000).map(|n| Commit { oid: format!("{n:040}"), ..change.clone() });
    heavy.commits = commits.collect();
    commit(&store, &lease, &chunk(vec![heavy.clone()], "c1")).await;
    heavy.files.truncate(14_998);
    heavy.commits.truncate(14_999);
    // Within the limit of a statement, which each pair compared with each other would exceed.
    let again = commit(&store, &lease, &chunk(vec![heavy], "c1")).await;
    assert_eq!(again.child_rows_written, 3);
    let live = "SELECT (SELECT count(*) FROM pull_request_files WHERE deleted_at IS NULL), \
        (SELECT count(*) FROM pull_request_commits WHERE deleted_at IS NULL)";
    assert_eq!(database.text(live).await, "14998,14999");
}

#[tokio::test]
async fn captured_speaks_of_the_state_that_was_read_last() {
    let database = Database::migrated().await;
    let store = database.store("one");
    let lease = leased(&store).await;
    commit(&store, &lease, &chunk(vec![whole_pull_request(9)], "c1")).await;
    let captured = "SELECT array_to_string(captured, ' ') FROM pull_requests";
    let mut less = whole_pull_request(9);
    less.captured = vec![Part::Reviews];
    commit(&store, &lease, &chunk(vec![less.clone()], "c1")).await;
    let all = "\"Comments Commits Files ReviewComments Reviews\"";
    assert_eq!(database.text(captured).await, all, "the same state, read in part");
    less.updated_at += jiff::SignedDuration::from_secs(1);
    commit(&store, &lease, &chunk(vec![less.clone()], "c1")).await;
    assert_eq!(database.text(captured).await, "Reviews", "the rest was read of an older state");
    commit(&store, &lease, &chunk(vec![whole_pull_request(9)], "c1")).await;
    store.bury(&lease, &[PullRequestNumber(9)]).await.unwrap();
    less.updated_at = whole_pull_request(9).updated_at;
    commit(&store, &lease, &chunk(vec![less], "c1")).await;
    assert_eq!(database.text(captured).await, "Reviews", "the rest is buried");
}
