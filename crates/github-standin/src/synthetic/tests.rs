//! The distributions against the figures of github-api.md section 7.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss)]

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::*;
use crate::world::World;
use crate::world::model::{AccountKind, ReviewState};

fn made(count: u64) -> Vec<PullRequest> {
    let synthetic: Synthetic = format!("big/one={count}:11").parse().unwrap();
    synthetic.entries().map(|entry| synthetic.pull_request(entry)).collect()
}

/// Counts something of a pull request.
type Count = fn(&PullRequest) -> usize;

/// Made once for all tests; it is slow without optimization.
static MANY: LazyLock<Vec<PullRequest>> = LazyLock::new(|| made(4_000));

fn share(list: &[PullRequest], of: impl Fn(&PullRequest) -> bool) -> f64 {
    list.iter().filter(|pull| of(pull)).count() as f64 / list.len() as f64
}

/// The value that this share of the list stays below.
fn quantile(list: &[PullRequest], of: impl Fn(&PullRequest) -> usize, share: usize) -> usize {
    let mut values: Vec<usize> = list.iter().map(of).collect();
    values.sort_unstable();
    values[(values.len() - 1) * share / 1_000]
}

fn within(what: &str, value: f64, low: f64, high: f64) {
    assert!((low..=high).contains(&value), "{what}: {value} is not in {low}..{high}");
}

#[test]
fn counts_lie_where_real_repositories_have_them() {
    let list = &*MANY;
    let counts: [(&str, Count, [usize; 3]); 5] = [
        ("reviews", |pull| pull.reviews.len(), [1, 5, 16]),
        ("comments", |pull| pull.comments.len(), [3, 13, 39]),
        ("review comments", |pull| pull.review_comments.len(), [0, 11, 65]),
        ("commits", |pull| pull.commits.len(), [1, 5, 17]),
        ("files", |pull| pull.files.len(), [2, 10, 34]),
    ];
    for (name, of, [median, p90, p99]) in counts {
        let at = |share| quantile(list, of, share) as f64;
        within(&format!("{name} p50"), at(500), median as f64 - 1.0, median as f64 + 2.0);
        within(&format!("{name} p90"), at(900), p90 as f64 * 0.5, p90 as f64 * 1.6);
        within(&format!("{name} p99"), at(985), p99 as f64 * 0.3, p99 as f64 * 1.9);
    }
    within("no review comments", share(list, |pull| pull.review_comments.is_empty()), 0.45, 0.75);
    within("no reviews", share(list, |pull| pull.reviews.is_empty()), 0.15, 0.55);
    within("merged", share(list, |pull| pull.state == State::Merged), 0.62, 0.75);
    within("open", share(list, |pull| pull.state == State::Open), 0.02, 0.08);
    within("ghosts", share(list, |pull| pull.author.is_none()), 0.004, 0.02);
    within("head gone", share(list, |pull| pull.head_repository.is_none()), 0.09, 0.15);
    let monster = |pull: &PullRequest| {
        pull.review_comments.len() > 100 || pull.commits.len() > 250 || pull.files.len() > 300
    };
    within("monsters", share(list, monster), 0.007, 0.025);
}

#[test]
fn bodies_are_log_normal_with_a_cap_and_hold_what_people_write() {
    let list = &*MANY;
    let bytes = |pull: &PullRequest| pull.body.decoded().len();
    within("body p50", quantile(list, bytes, 500) as f64, 180.0, 330.0);
    within("body p90", quantile(list, bytes, 900) as f64, 1_000.0, 2_200.0);
    within("longest body", quantile(list, bytes, 1_000) as f64, 5_000.0, 65_536.0);
    let bodies: String = list.iter().map(|pull| pull.body.decoded()).collect();
    for part in ["\r\n", "🚀", "日本語", "\t", "\"", "\\", "e\u{301}"] {
        assert!(bodies.contains(part), "no {part:?}");
    }
    assert!(!bodies.contains('\0'));
    assert!(list.iter().any(|pull| pull.body.decoded().is_empty()));
}

#[test]
fn a_few_authors_write_most_and_all_kinds_occur() {
    let list = &*MANY;
    let mut written: HashMap<&str, usize> = HashMap::new();
    let mut kinds = HashMap::new();
    for author in list.iter().filter_map(|pull| pull.author.as_ref()) {
        *written.entry(&author.login).or_default() += 1;
        *kinds.entry(format!("{:?}", author.kind)).or_insert(0) += 1;
    }
    let mut counts: Vec<usize> = written.values().copied().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    within("authors", counts.len() as f64, 400.0, 3_000.0);
    let first_ten: usize = counts[..10].iter().sum();
    within("the first ten's share", first_ten as f64 / 4_000.0, 0.2, 0.5);
    for kind in
        [AccountKind::User, AccountKind::Bot, AccountKind::Mannequin, AccountKind::Organization]
    {
        assert!(kinds.contains_key(&format!("{kind:?}")), "no {kind:?}");
    }
}

#[test]
fn review_states_have_their_rates_and_replies_make_threads() {
    let list = &*MANY;
    let reviews: Vec<ReviewState> =
        list.iter().flat_map(|pull| &pull.reviews).map(|review| review.state).collect();
    let rate =
        |state| reviews.iter().filter(|one| **one == state).count() as f64 / reviews.len() as f64;
    within("COMMENTED", rate(ReviewState::Commented), 0.60, 0.75);
    within("APPROVED", rate(ReviewState::Approved), 0.21, 0.36);
    within("CHANGES_REQUESTED", rate(ReviewState::ChangesRequested), 0.003, 0.04);
    let threads: usize = list.iter().map(|pull| crate::world::threads(pull).len()).sum();
    let comments: usize = list.iter().map(|pull| pull.review_comments.len()).sum();
    within("comments per thread", comments as f64 / threads as f64, 1.3, 2.5);
    let orphans = list.iter().flat_map(|pull| &pull.review_comments);
    assert!(orphans.clone().any(|comment| comment.review.is_none()));
}

#[test]
fn numbers_have_gaps_and_some_seconds_hold_more_than_a_page() {
    let synthetic: Synthetic = "big/one=20000:11".parse().unwrap();
    let entries: Vec<Entry> = synthetic.entries().collect();
    assert_eq!(entries.len(), 20_000);
    assert!(entries.is_sorted_by(|a, b| a.number < b.number && a.database_id < b.database_id));
    assert!(entries.is_sorted_by_key(|entry| entry.created));
    let highest = f64::from(entries.last().unwrap().number);
    within("gaps", 1.0 - 20_000.0 / highest, 0.05, 0.08);
    assert!(entries.iter().all(|entry| entry.updated >= entry.created));
    let mut per_second: HashMap<Moment, usize> = HashMap::new();
    for entry in &entries {
        *per_second.entry(entry.created).or_default() += 1;
    }
    assert!(per_second.values().any(|count| *count > 25));
    within("seconds", per_second.len() as f64 / 20_000.0, 0.9, 0.999);
    let last = "big/one=100000:1".parse::<Synthetic>().unwrap().entries().last().unwrap();
    assert!(last.database_id > 1 << 31 && entries[0].database_id < 1 << 31);
}

/// What is completed later stays inside the pull request's life, and ids are unique.
#[test]
fn completed_children_have_unique_ids_and_sane_times() {
    let mut world = World::default();
    world.add_synthetic("big/one=400:11".parse().unwrap());
    let (_, repository) = world.repository("big/one", true).unwrap();
    let mut ids = HashSet::new();
    for entry in repository.index.all() {
        let pull = repository.pull_request(entry.number).unwrap();
        let life = pull.created_at..=pull.updated_at;
        assert!(pull.closed_at.is_none_or(|at| life.contains(&at)));
        assert!(ids.insert(pull.id.clone()));
        for review in &pull.reviews {
            assert!(ids.insert(review.id.clone()) && life.contains(&review.created_at));
        }
        for comment in &pull.review_comments {
            assert!(ids.insert(comment.id.clone()) && life.contains(&comment.created_at));
        }
        for comment in &pull.comments {
            assert!(ids.insert(comment.id.clone()) && life.contains(&comment.created_at));
        }
    }
    assert!(ids.len() > 2_000);
}

/// If this changes, every benchmark and every stored expectation changes with it.
#[test]
fn a_made_world_stays_what_it_was() {
    let text = serde_json::to_string(&made(60)).unwrap();
    assert_eq!((text.len(), ids::hashed(&text)), (631_267, 224_082_975));
}
