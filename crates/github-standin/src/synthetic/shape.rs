//! The inside of a made pull request: who, what, how much of each.
//!
//! Means and shapes are fitted to the table of github-api.md section 7. This file must not know
//! numbers' gaps or the order of pull requests.

use super::prng::Prng;
use super::words;
use crate::world::index::Entry;
use crate::world::model::{
    Account, AccountKind, ChangedFile, Comment, Commit, PullRequest, Review, ReviewComment,
    ReviewState, State,
};
use crate::world::{Moment, Text, ids};

/// Accounts that a made repository can show.
const ACCOUNTS: u64 = 4_000;
/// GitHub's own limit of a body.
const LONGEST_BODY: f64 = 65_536.0;

/// How many children of each kind.
struct Counts {
    reviews: usize,
    review_comments: usize,
    comments: usize,
    commits: usize,
    files: usize,
}

/// Makes one pull request; the entry says number, ids, times and state.
pub fn pull_request(mut prng: Prng, repository: &str, entry: Entry) -> PullRequest {
    let prng = &mut prng;
    let counts = counts(prng);
    let author = actor(prng, 0.012);
    let closed_at = (entry.state != State::Open).then(|| between(prng, entry.created, entry));
    let merged = entry.state == State::Merged;
    let body = if prng.chance(0.04) { String::new() } else { body(prng, 250.0, 1.4) };
    let reviews = reviews(prng, counts.reviews, entry);
    PullRequest {
        number: entry.number,
        full_database_id: entry.database_id,
        title: Text::from(words::title(prng).as_str()),
        body: Text::from(body.as_str()),
        state: entry.state,
        is_draft: entry.state == State::Open && prng.chance(0.2),
        head_repository: head_repository(prng, repository, author.as_ref()),
        created_at: entry.created,
        updated_at: entry.updated,
        closed_at,
        merged_at: closed_at.filter(|_| merged),
        merged_by: if merged { actor(prng, 0.01) } else { None },
        merge_commit_oid: merged.then(|| ids::oid(&format!("{}/merge", entry.database_id))),
        base_ref_name: "main".into(),
        head_ref_name: format!("topic/{}", prng.below(100_000)),
        additions: small(prng.log_normal(18.0, 2.2, 1e6)),
        deletions: small(prng.log_normal(6.0, 2.2, 1e6)),
        changed_files: small(counts.files as u64),
        labels: labels(prng),
        assignees: (0..prng.negative_binomial(0.3, 0.5).min(10))
            .filter_map(|_| actor(prng, 0.0).filter(|one| one.kind == AccountKind::User))
            .collect(),
        review_comments: review_comments(prng, counts.review_comments, &reviews, entry),
        reviews,
        comments: comments(prng, counts.comments, entry),
        commits: commits(prng, counts.commits, author.as_ref(), entry),
        files: files(prng, counts.files),
        author,
        ..PullRequest::default()
    }
}

/// One pull request in a hundred is a monster: it overflows one list far beyond a page of 100.
fn counts(prng: &mut Prng) -> Counts {
    let mut counts = Counts {
        reviews: prng.negative_binomial(2.0, 0.6).min(400),
        review_comments: prng.negative_binomial(3.2, 0.14).min(400),
        comments: prng.negative_binomial(5.5, 0.7).min(400),
        commits: 1 + prng.negative_binomial(1.7, 0.35).min(200),
        files: 1 + prng.negative_binomial(3.5, 0.5).min(200),
    };
    if prng.chance(0.01) {
        let size = usize::try_from(prng.below(340)).unwrap_or(0);
        match prng.below(3) {
            0 => counts.review_comments = 101 + size,
            1 => counts.commits = 251 + 2 * size,
            _ => counts.files = 301 + size,
        }
    }
    if counts.review_comments > 0 {
        counts.reviews = counts.reviews.max(1);
    }
    counts
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn body(prng: &mut Prng, median: f64, sigma: f64) -> String {
    let bytes = prng.log_normal(median, sigma, LONGEST_BODY - 64.0);
    words::text(prng, bytes)
}

/// An account, the low ranks far more often than the high ones; `None` where it was deleted.
fn actor(prng: &mut Prng, deleted: f64) -> Option<Account> {
    let rank = prng.zipf(ACCOUNTS);
    if prng.chance(deleted) {
        return None;
    }
    let (kind, login) = match rank {
        7 => (AccountKind::Bot, "dependabot".to_owned()),
        _ if rank % 97 == 13 => (AccountKind::Bot, format!("robot-{rank}")),
        _ if rank % 89 == 11 => (AccountKind::Mannequin, format!("imported-{rank}")),
        _ if rank % 401 == 77 => (AccountKind::Organization, format!("team-{rank}")),
        _ => (AccountKind::User, format!("user-{rank}")),
    };
    Some(Account { kind, database_id: 10_000 + rank, login })
}

/// The head repository is gone for 12 % (9 to 15 % in real repositories).
fn head_repository(prng: &mut Prng, repository: &str, author: Option<&Account>) -> Option<String> {
    let name = repository.split_once('/').map_or(repository, |(_, name)| name);
    let draw = prng.unit();
    match author {
        _ if draw < 0.12 => None,
        Some(author) if draw < 0.75 => Some(format!("{}/{name}", author.login)),
        _ => Some(repository.to_owned()),
    }
}

fn labels(prng: &mut Prng) -> Vec<Text> {
    let names = ["bug", "docs", "needs review", "🚀 ship", "area/größe", "wontfix", "good first"];
    let count = prng.negative_binomial(0.5, 0.8).min(names.len());
    let first = usize::try_from(prng.below(7)).unwrap_or(0);
    (0..count).map(|place| Text::from(names[(first + place) % names.len()])).collect()
}

/// A time from `start` to the pull request's last update.
fn between(prng: &mut Prng, start: Moment, entry: Entry) -> Moment {
    let span = u64::try_from(entry.updated.0 - start.0).unwrap_or(0);
    Moment(start.0.saturating_add_unsigned(prng.below(span + 1)))
}

fn reviews(prng: &mut Prng, count: usize, entry: Entry) -> Vec<Review> {
    let mut reviews: Vec<Review> = (0..count)
        .map(|_| {
            let at = between(prng, entry.created, entry);
            let draw = prng.unit();
            let state = match draw {
                _ if draw < 0.67 => ReviewState::Commented,
                _ if draw < 0.97 => ReviewState::Approved,
                _ if draw < 0.99 => ReviewState::ChangesRequested,
                _ => ReviewState::Dismissed,
            };
            let body = if prng.chance(0.5) { String::new() } else { body(prng, 90.0, 1.4) };
            Review {
                author: actor(prng, 0.01),
                state,
                body: Text::from(body.as_str()),
                submitted_at: Some(at),
                created_at: at,
                updated_at: at,
                commit_oid: Some(ids::oid(&format!("{}/{}", entry.database_id, at.0))),
                ..Review::default()
            }
        })
        .collect();
    reviews.sort_by_key(|review| review.created_at);
    number_from(entry, reviews.iter_mut().map(|review| &mut review.full_database_id));
    reviews
}

fn number_from<'a>(entry: Entry, ids: impl Iterator<Item = &'a mut u64>) {
    let first = entry.database_id * ids::CHILDREN_PER_PULL_REQUEST + 1;
    for (own, id) in (first..).zip(ids) {
        *id = own;
    }
}

fn review_comments(
    prng: &mut Prng,
    count: usize,
    reviews: &[Review],
    entry: Entry,
) -> Vec<ReviewComment> {
    let mut comments: Vec<ReviewComment> = (0..count)
        .map(|_| {
            let review = usize::try_from(prng.next() >> 1).unwrap_or(0) % reviews.len().max(1);
            let review = reviews.get(review).filter(|_| !prng.chance(0.03));
            let position = i64::try_from(1 + prng.below(200)).ok().filter(|_| !prng.chance(0.4));
            ReviewComment {
                review: review.map(|review| review.full_database_id),
                author: actor(prng, 0.01),
                body: Text::from(body(prng, 140.0, 1.1).as_str()),
                position,
                path: Text::from(words::path(prng).as_str()),
                diff_hunk: Text::from(body(prng, 700.0, 1.2).as_str()),
                is_resolved: prng.chance(0.5),
                created_at: review.map_or_else(
                    || between(prng, entry.created, entry),
                    |review| review.created_at,
                ),
                ..ReviewComment::default()
            }
        })
        .collect();
    comments.sort_by_key(|comment| comment.created_at);
    number_from(entry, comments.iter_mut().map(|comment| &mut comment.full_database_id));
    for place in 1..comments.len() {
        if prng.chance(0.4) {
            let root = &comments[usize::try_from(prng.next() >> 1).unwrap_or(0) % place];
            let (answered, path) = (root.full_database_id, root.path.clone());
            comments[place].reply_to = Some(answered);
            comments[place].path = path;
        }
    }
    comments
}

fn comments(prng: &mut Prng, count: usize, entry: Entry) -> Vec<Comment> {
    let mut comments: Vec<Comment> = (0..count)
        .map(|_| Comment {
            author: actor(prng, 0.01),
            body: Text::from(body(prng, 190.0, 1.3).as_str()),
            created_at: between(prng, entry.created, entry),
            ..Comment::default()
        })
        .collect();
    comments.sort_by_key(|comment| comment.created_at);
    comments
}

fn commits(prng: &mut Prng, count: usize, author: Option<&Account>, entry: Entry) -> Vec<Commit> {
    (0..count)
        .map(|place| Commit {
            oid: ids::oid(&format!("{}/commit/{place}", entry.database_id)),
            message: Text::from(format!("{}\n\n{}", words::title(prng), place).as_str()),
            authored_date: between(prng, entry.created, entry),
            author: author.filter(|_| prng.chance(0.9)).cloned(),
            author_name: Some(Text::from("A. Committer")),
            author_email: Some(Text::from(format!("c{}@example.org", prng.below(500)).as_str())),
            ..Commit::default()
        })
        .collect()
}

fn files(prng: &mut Prng, count: usize) -> Vec<ChangedFile> {
    (0..count)
        .map(|place| {
            let kind = ["MODIFIED", "MODIFIED", "ADDED", "DELETED", "RENAMED"];
            let kind = kind[usize::try_from(prng.below(5)).unwrap_or(0)];
            ChangedFile {
                path: Text::from(format!("{place}/{}", words::path(prng)).as_str()),
                additions: small(prng.log_normal(9.0, 1.6, 1e5)),
                deletions: small(prng.log_normal(3.0, 1.6, 1e5)),
                change_type: Some(kind.into()),
            }
        })
        .collect()
}
