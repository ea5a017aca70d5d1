//! Small values of the model, and the steps most tests begin with.

use std::collections::BTreeMap;

use backfill_api::Reason;
use backfill_engine::model::{
    AccountType, Actor, BackfillState, ChangedFile, Comment, Commit, Cursor, NodeId, ObjectRef,
    Part, PullRequest, PullRequestNumber, Repository, Review, ReviewComment, WalkBounds,
};
use backfill_store::{
    Acquired, BeginWalk, ChunkClaim, ChunkCommit, Committed, Lease, Quarantined, Store,
};
use jiff::Timestamp;

pub const HOST: &str = "github.com";
pub const UID: &str = "6f1c2b34-0000-4000-8000-000000000001";

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn actor(github_id: i64) -> Actor {
    Actor {
        account_type: AccountType::User,
        github_id,
        node_id: Some(NodeId(format!("U_{github_id}"))),
        login: format!("user{github_id}"),
        display_name: Some(format!("User {github_id}")),
        avatar_url: Some(format!("https://avatars.example/{github_id}")),
        profile_url: Some(format!("https://github.com/user{github_id}")),
    }
}

pub fn repository(github_id: i64, name: &str) -> Repository {
    Repository {
        github_id,
        node_id: NodeId(format!("R_{github_id}")),
        name: name.into(),
        is_private: false,
        is_archived: false,
        default_branch: Some("main".to_owned()),
        pull_request_count: 4,
    }
}

/// A pull request with a review, a comment on a line that belongs to it, and a comment in the
/// conversation by a deleted account.
pub fn pull_request(number: i64) -> PullRequest {
    let created_at = at("2024-01-01T00:00:00Z") + jiff::SignedDuration::from_hours(number);
    PullRequest {
        node_id: NodeId(format!("PR_{number}")),
        github_id: 5_000_000_000 + number,
        number: PullRequestNumber(number),
        title: format!("Change {number}"),
        body: format!("Body of {number}"),
        is_open: false,
        is_merged: true,
        is_draft: false,
        author: Some(actor(1)),
        merged_by: Some(actor(2)),
        created_at,
        updated_at: created_at,
        closed_at: Some(created_at),
        merged_at: Some(created_at),
        base_branch: "main".to_owned(),
        head_branch: format!("topic-{number}"),
        head_sha: format!("{number:040x}"),
        base_sha: Some(format!("{:040x}", number - 1)),
        merge_commit_sha: None,
        head_repository: Some("fork/api".into()),
        author_association: Some("MEMBER".to_owned()),
        milestone: Some("1.0".to_owned()),
        additions: 10,
        deletions: 2,
        changed_files: 1,
        commit_count: 1,
        review_count: 1,
        comment_count: 1,
        html_url: format!("https://github.com/acme/api/pull/{number}"),
        labels: vec!["bug".to_owned(), "a, \"quoted\" {label}".to_owned()],
        assignees: vec!["user3".to_owned()],
        reviews: vec![review(number)],
        review_comments: vec![review_comment(number)],
        comments: vec![comment(number)],
        commits: vec![],
        files: vec![],
        captured: vec![Part::Reviews, Part::ReviewComments, Part::Comments],
    }
}

/// A pull request that is set aside after three attempts.
pub fn set_aside(number: i64) -> Quarantined {
    Quarantined {
        number: PullRequestNumber(number),
        node_id: None,
        reason: Reason::PullRequestUnreadable,
        message: "502".to_owned(),
        attempts: 3,
    }
}

/// The same with its commits and files.
pub fn whole_pull_request(number: i64) -> PullRequest {
    let mut whole = pull_request(number);
    whole.commits = vec![Commit {
        oid: format!("{number:040x}"),
        message: "Say why".to_owned(),
        authored_at: Some(whole.created_at),
        author: Some(actor(3)),
    }];
    whole.files = vec![ChangedFile {
        path: "src/lib.rs".to_owned(),
        additions: 10,
        deletions: 2,
        change_type: "MODIFIED".to_owned(),
    }];
    whole.captured.extend([Part::Commits, Part::Files]);
    whole
}

pub fn review(number: i64) -> Review {
    Review {
        github_id: 7_000_000_000 + number,
        author: Some(actor(4)),
        state: "APPROVED".to_owned(),
        body: String::new(),
        submitted_at: Some(at("2024-06-01T00:00:00Z")),
        updated_at: None,
        commit_id: Some(format!("{number:040x}")),
        html_url: None,
    }
}

pub fn review_comment(number: i64) -> ReviewComment {
    ReviewComment {
        github_id: 8_000_000_000 + number,
        author: Some(actor(4)),
        body: "Here".to_owned(),
        created_at: at("2024-06-01T00:00:00Z"),
        updated_at: None,
        review_github_id: Some(7_000_000_000 + number),
        in_reply_to: Some(8_000_000_999),
        thread_id: Some(NodeId(format!("RT_{number}"))),
        is_resolved: true,
        path: Some("src/lib.rs".to_owned()),
        position: None,
        line: Some(12),
        side: Some("RIGHT".to_owned()),
        diff_hunk: Some("@@ -1 +1 @@".to_owned()),
        commit_id: None,
        html_url: None,
    }
}

pub fn comment(number: i64) -> Comment {
    Comment {
        github_id: 9_000_000_000 + number,
        author: None,
        body: "Thanks".to_owned(),
        created_at: at("2024-06-01T00:00:00Z"),
        updated_at: None,
        html_url: None,
    }
}

pub fn owner(uid: &str) -> ObjectRef {
    ObjectRef { uid: uid.to_owned(), namespace: "team".to_owned(), name: format!("o-{uid}") }
}

pub fn bounds() -> WalkBounds {
    WalkBounds {
        parts: vec![Part::Reviews, Part::ReviewComments, Part::Comments],
        ..WalkBounds::default()
    }
}

/// Begins a walk over acme/api.
pub async fn begin(store: &Store, uid: &str) -> BackfillState {
    begin_on(store, uid, &repository(42, "acme/api")).await.unwrap()
}

pub async fn begin_on(
    store: &Store,
    uid: &str,
    repository: &Repository,
) -> Result<BackfillState, backfill_store::Error> {
    let (owner, bounds) = (owner(uid), bounds());
    store.begin_walk(&walk(repository, &owner, &bounds)).await
}

pub fn walk<'a>(
    repository: &'a Repository,
    owner: &'a ObjectRef,
    bounds: &'a WalkBounds,
) -> BeginWalk<'a> {
    BeginWalk {
        repository,
        host: HOST,
        owner,
        bounds,
        fingerprint: "f1",
        handled_requested_at: None,
        handled_restart_requested_at: None,
        take_over_from: None,
        seen_walk: None,
        chunk_size: 25,
        size_asked: None,
        metadata: BTreeMap::new(),
    }
}

/// A chunk of these pull requests that ends at a cursor.
pub fn chunk(pull_requests: Vec<PullRequest>, end_cursor: &str) -> ChunkCommit {
    ChunkCommit {
        back_to: pull_requests.last().map(|it| it.created_at),
        pull_requests,
        end_cursor: Some(Cursor::from(end_cursor)),
        chunk_size: 25,
        quick_pages: 1,
        period_chunks: 1,
        api_calls: 2,
        points: 3,
        rate_limit_remaining: Some(4990),
        ..ChunkCommit::default()
    }
}

/// Claims and commits one chunk.
pub async fn commit(store: &Store, lease: &Lease, chunk: &ChunkCommit) -> Committed {
    let claim = store.claim_chunk(lease).await.unwrap();
    store.commit_chunk(lease, &claim, chunk).await.unwrap()
}

/// A walk that has begun, under a lease.
pub async fn leased(store: &Store) -> Lease {
    let state = begin(store, UID).await;
    store.acquire(state.id, UID).await.unwrap().lease
}

/// A walk with a lease and a claimed chunk.
pub async fn claimed(store: &Store) -> (Acquired, ChunkClaim) {
    let state = begin(store, UID).await;
    let acquired = store.acquire(state.id, UID).await.unwrap();
    let claim = store.claim_chunk(&acquired.lease).await.unwrap();
    (acquired, claim)
}
