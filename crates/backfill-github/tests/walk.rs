//! What is read equals what is there, child for child, against the stand-in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod served;

use std::collections::BTreeMap;

use backfill_engine::model::{AccountType, Actor, Part, PullRequest};
use backfill_github::Depth;
use serde_json::{Value, json};
use served::{
    ALL_PARTS, Served, USUAL_PARTS, chunk, pull_line, repository_line, resolve, review_comments,
    walk,
};

fn id(actor: Option<&Actor>) -> Value {
    json!(actor.map(|actor| actor.github_id))
}

fn sorted(mut list: Vec<Value>) -> Vec<Value> {
    list.sort_by_key(ToString::to_string);
    list
}

/// What was read, in the stand-in's words.
fn as_read(pull: &PullRequest) -> Value {
    let reviews = pull.reviews.iter().map(|one| {
        json!([
            one.github_id.to_string(),
            id(one.author.as_ref()),
            one.state,
            one.body,
            one.submitted_at,
            one.commit_id
        ])
    });
    let review_comments = pull.review_comments.iter().map(|one| {
        json!([
            one.github_id.to_string(),
            id(one.author.as_ref()),
            one.body,
            one.review_github_id.map(|id| id.to_string()),
            one.in_reply_to.map(|id| id.to_string()),
            one.path,
            one.position,
            one.diff_hunk,
            one.created_at
        ])
    });
    let comments = pull.comments.iter().map(|one| {
        json!([one.github_id.to_string(), id(one.author.as_ref()), one.body, one.created_at])
    });
    let commits = pull.commits.iter().map(|one| json!([one.oid, one.message]));
    let files = pull
        .files
        .iter()
        .map(|one| json!([one.path, one.additions, one.deletions, one.change_type]));
    let state = match (pull.is_open, pull.is_merged) {
        (true, false) => "OPEN",
        (false, true) => "MERGED",
        (false, false) => "CLOSED",
        (true, true) => "both",
    };
    json!({
        "own": [pull.number, pull.node_id, pull.github_id.to_string(), pull.title, pull.body, state,
            pull.is_draft, pull.created_at, pull.updated_at, pull.closed_at, pull.merged_at,
            pull.base_branch, pull.head_branch, pull.head_sha, pull.base_sha,
            pull.merge_commit_sha, pull.head_repository, pull.additions, pull.deletions,
            pull.changed_files],
        "author": id(pull.author.as_ref()),
        "mergedBy": id(pull.merged_by.as_ref()),
        "labels": sorted(pull.labels.iter().map(|label| json!(label)).collect()),
        "assignees": sorted(pull.assignees.iter().map(|login| json!(login)).collect()),
        "reviews": sorted(reviews.collect()),
        "reviewComments": sorted(review_comments.collect()),
        "comments": sorted(comments.collect()),
        "commits": sorted(commits.collect()),
        "files": sorted(files.collect()),
    })
}

fn list(from: &Value, name: &str, fields: &[&str]) -> Vec<Value> {
    let children = from[name].as_array().unwrap().iter();
    sorted(children.map(|child| pick(child, fields)).collect())
}

fn pick(from: &Value, fields: &[&str]) -> Value {
    fields
        .iter()
        .map(|field| match *field {
            "author" | "mergedBy" => account_number(&from[*field]),
            other => from[other].clone(),
        })
        .collect()
}

/// An account's number; accounts that have none are as good as deleted.
fn account_number(account: &Value) -> Value {
    if account["__typename"] == "EnterpriseUserAccount" {
        return Value::Null;
    }
    account["databaseId"].clone()
}

/// What is there, in the same shape.
fn as_served(line: &str) -> Value {
    let from: Value = serde_json::from_str(line).unwrap();
    let own = [
        "number",
        "id",
        "fullDatabaseId",
        "title",
        "body",
        "state",
        "isDraft",
        "createdAt",
        "updatedAt",
        "closedAt",
        "mergedAt",
        "baseRefName",
        "headRefName",
        "headRefOid",
        "baseRefOid",
        "mergeCommitOid",
        "headRepository",
        "additions",
        "deletions",
        "changedFiles",
    ];
    let logins = from["assignees"].as_array().unwrap().iter();
    let review = ["fullDatabaseId", "author", "state", "body", "submittedAt", "commitOid"];
    let review_comment = [
        "fullDatabaseId",
        "author",
        "body",
        "review",
        "replyTo",
        "path",
        "position",
        "diffHunk",
        "createdAt",
    ];
    json!({
        "own": pick(&from, &own),
        "author": account_number(&from["author"]),
        "mergedBy": account_number(&from["mergedBy"]),
        "labels": sorted(from["labels"].as_array().unwrap().clone()),
        "assignees": sorted(logins.map(|one| one["login"].clone()).collect()),
        "reviews": list(&from, "reviews", &review),
        "reviewComments": list(&from, "reviewComments", &review_comment),
        "comments": list(&from, "comments", &["fullDatabaseId", "author", "body", "createdAt"]),
        "commits": list(&from, "commits", &["oid", "message"]),
        "files": list(&from, "files", &["path", "additions", "deletions", "changeType"]),
    })
}

async fn is_read_whole(served: &Served, name: &str, size: i64) -> Vec<PullRequest> {
    let client = served.client();
    let repository = resolve(&client, name).await;
    let read = walk(&client, &repository, size, &ALL_PARTS).await;
    let dump = served.text(&format!("/_standin/world?repository={name}")).await;
    let there: BTreeMap<String, Value> =
        dump.lines().map(as_served).map(|pull| (pull["own"][0].to_string(), pull)).collect();
    assert_eq!(read.len(), there.len());
    assert_eq!(i64::try_from(read.len()).unwrap(), repository.pull_request_count);
    for pull in &read {
        let expected = &there[&pull.number.to_string()];
        let found = as_read(pull);
        for (part, expected) in expected.as_object().unwrap() {
            assert_eq!(&found[part], expected, "#{} {part}", pull.number);
        }
        assert_eq!(pull.captured, ALL_PARTS);
    }
    let newest_first =
        |pair: &[PullRequest]| pair[0].created_at >= pair[1].created_at && pair[0] != pair[1];
    assert!(read.windows(2).all(newest_first));
    served.requests().await;
    read
}

#[tokio::test]
async fn a_walk_reads_every_child_of_a_made_up_world() {
    let served = Served::start(&["--synthetic", "acme/api=240:7"]);
    let read = is_read_whole(&served, "acme/api", 25).await;
    let most = read.iter().map(|pull| pull.review_comments.len()).max().unwrap();
    assert!(most > 100, "the world has no monster: {most}");
    assert!(read.iter().any(|pull| pull.author.is_none()), "the world has no ghost");
}

#[tokio::test]
async fn monsters_come_back_whole() {
    let commits: Vec<Value> = (0..3_000)
        .map(|at| {
            json!({"oid": format!("{at:040x}"), "message": format!("m{at}"),
            "authoredDate": "2020-01-01T00:00:00Z", "author": null})
        })
        .collect();
    let files: Vec<Value> = (0..755)
        .map(|at| {
            json!({"path": format!("f{at}"), "additions": at, "deletions": 0,
            "changeType": "ADDED"})
        })
        .collect();
    let labels: Vec<String> = (0..120).map(|at| format!("label {at}")).collect();
    let lines = [
        repository_line(),
        // 440 comments, each a thread of its own.
        pull_line(1, json!({"reviewComments": review_comments(440, |_| None)})),
        // 340 comments in one thread.
        pull_line(2, json!({"reviewComments": review_comments(340, |at| (at > 0).then_some(0))})),
        pull_line(3, json!({"commits": commits})),
        pull_line(4, json!({"files": files, "labels": labels})),
        pull_line(5, json!({})),
    ];
    let served = Served::world("monsters", &lines);
    let read = is_read_whole(&served, "o/r", 50).await;
    let counts: Vec<_> = read
        .iter()
        .map(|pull| {
            (
                pull.number.get(),
                pull.review_comments.len(),
                pull.commits.len(),
                pull.files.len(),
                pull.labels.len(),
            )
        })
        .collect();
    let expected = [
        (5, 0, 0, 0, 0),
        (4, 0, 0, 755, 120),
        (3, 0, 3_000, 0, 0),
        (2, 340, 0, 0, 0),
        (1, 440, 0, 0, 0),
    ];
    assert_eq!(counts, expected);
    let threads: std::collections::BTreeSet<_> =
        read[4].review_comments.iter().map(|comment| comment.thread_id.clone()).collect();
    assert_eq!(threads.len(), 440);
    let oids: std::collections::BTreeSet<_> =
        read[2].commits.iter().map(|commit| commit.oid.clone()).collect();
    assert_eq!(oids.len(), 3_000);
}

#[tokio::test]
async fn only_what_is_asked_for_is_read_and_nothing_else_is_claimed() {
    let served = Served::start(&["--synthetic", "acme/api=30:5"]);
    let client = served.client();
    let repository = resolve(&client, "acme/api").await;
    for parts in [&[][..], &[Part::Comments], &[Part::Commits, Part::Files]] {
        let read = chunk(&client, &repository, None, 30, parts).await.unwrap();
        assert!(parts.is_empty() <= (read.requests == 1), "{} requests", read.requests);
        for pull in read.pull_requests {
            assert_eq!(pull.captured, parts);
            assert!(pull.review_comments.is_empty() && pull.reviews.is_empty());
            assert_eq!(
                pull.comments.is_empty(),
                pull.comment_count == 0 || parts != [Part::Comments]
            );
            assert!(pull.commit_count > 0);
        }
    }
    served.requests().await;
}

#[tokio::test]
async fn any_kind_of_author_can_be_stored() {
    let actor = |kind: &str, number: u32| {
        let login = format!("l-{kind}");
        json!({"author": {"__typename": kind, "login": login, "databaseId": number}})
    };
    let lines = [
        repository_line(),
        pull_line(1, actor("User", 11)),
        pull_line(2, actor("Bot", 12)),
        pull_line(3, actor("Organization", 13)),
        pull_line(4, actor("Mannequin", 14)),
        pull_line(5, actor("EnterpriseUserAccount", 15)),
        pull_line(6, json!({"author": null})),
    ];
    let served = Served::world("authors", &lines);
    let client = served.client();
    let repository = resolve(&client, "o/r").await;
    let read = walk(&client, &repository, 50, &USUAL_PARTS).await;
    let found: Vec<_> = read
        .iter()
        .map(|pull| pull.author.as_ref().map(|actor| (actor.account_type, actor.github_id)))
        .collect();
    let expected = vec![
        None,
        None,
        Some((AccountType::Mannequin, 14)),
        Some((AccountType::Organization, 13)),
        Some((AccountType::Bot, 12)),
        Some((AccountType::User, 11)),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_the_tokens_owner_has_not_published_is_not_read() {
    let mut comments = review_comments(4, |at| (at == 2).then_some(1));
    // A thread that is a draft as a whole, and a drafted answer in one that is not.
    for (at, review) in [(0, "11"), (1, "12"), (2, "11"), (3, "12")] {
        comments[at]["review"] = json!(review);
    }
    let pull = json!({"reviewComments": comments, "reviews": [
        {"fullDatabaseId": "11", "state": "PENDING", "body": "not yet"},
        {"fullDatabaseId": "12", "state": "APPROVED", "body": "well"}]});
    let served = Served::world("drafts", &[repository_line(), pull_line(1, pull)]);
    let client = served.client();
    let repository = resolve(&client, "o/r").await;
    let read = walk(&client, &repository, 5, &USUAL_PARTS).await.remove(0);
    let reviews: Vec<_> = read.reviews.iter().map(|review| review.body.as_str()).collect();
    let comments: Vec<_> = read.review_comments.iter().map(|one| one.body.as_str()).collect();
    assert_eq!((reviews, comments), (vec!["well"], vec!["c1", "c3"]));
    assert_eq!(read.review_count, 1);
    assert_eq!(read.captured, USUAL_PARTS);
    served.requests().await;
}

#[tokio::test]
async fn numbers_beyond_32_bits_fail_no_page() {
    let mona = json!({"__typename": "User", "login": "mona", "databaseId": 3_000_000_003_u64});
    let repository = json!({"kind": "repository", "nameWithOwner": "o/r",
        "databaseId": 3_000_000_001_u64, "createdAt": "2020-01-01T00:00:00Z"});
    let mut comments = review_comments(2, |at| (at > 0).then_some(0));
    for comment in &mut comments {
        comment["review"] = json!("3000000004");
    }
    let pull = json!({"fullDatabaseId": "3000000002", "author": mona, "reviewComments": comments,
        "reviews": [{"fullDatabaseId": "3000000004", "author": mona}],
        "commits": [{"message": "m", "author": mona}]});
    let served = Served::world("wide", &[repository.to_string(), pull_line(1, pull)]);
    let read = is_read_whole(&served, "o/r", 5).await;
    assert_eq!(read[0].github_id, 3_000_000_002);
    assert_eq!(read[0].commits[0].author.as_ref().unwrap().github_id, 3_000_000_003);
}

#[tokio::test]
async fn what_cannot_be_stored_is_taken_out_and_counted() {
    let bad = r#"{"kind":"pullRequest","repository":"o/r","number":1,"createdAt":"2020-01-02T00:00:00Z","title":"a\u0000b","body":"\ud83d x \ude00 \ud83d\ude00"}"#;
    let served = Served::world("sanitise", &[repository_line(), bad.to_owned()]);
    let client = served.client();
    let repository = resolve(&client, "o/r").await;
    let read = chunk(&client, &repository, None, 5, &USUAL_PARTS).await.unwrap();
    assert_eq!(read.removed_characters, 3);
    let pull = &read.pull_requests[0];
    assert_eq!((pull.title.as_str(), pull.body.as_str()), ("ab", " x  \u{1f600}"));
}

#[tokio::test]
async fn a_renamed_repository_is_followed_and_a_missing_one_named() {
    let served = Served::world("rename", &[repository_line(), pull_line(1, json!({}))]);
    let client = served.client();
    let before = resolve(&client, "o/r").await;
    served.post("/_standin/world", r#"{"kind":"rename","repository":"o/r","to":"o/new"}"#).await;
    let after = resolve(&client, "o/r").await;
    assert_eq!((after.name.as_str(), &after.node_id), ("o/new", &before.node_id));
    assert_eq!(chunk(&client, &before, None, 5, &[]).await.unwrap().pull_requests.len(), 1);
    let error = client.resolve(&"o/none".into()).await.unwrap_err();
    assert!(matches!(error, backfill_github::Error::RepositoryNotFound), "{error:?}");
    served.requests().await;
}

#[tokio::test]
async fn the_light_list_has_the_walks_order_and_cursors() {
    let served = Served::start(&["--synthetic", "acme/api=60:5"]);
    let client = served.client();
    let repository = resolve(&client, "acme/api").await;
    let walked = walk(&client, &repository, 25, &[]).await;
    let index = client.index(&repository.node_id, None, 100, 0).await.unwrap();
    assert_eq!((index.total_count, index.has_next_page), (60, false));
    let numbers: Vec<_> = index.entries.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, walked.iter().map(|pull| pull.number).collect::<Vec<_>>());
    // Steps over the third: the walk goes on behind it.
    let cursor = &index.entries[2].cursor;
    let next = chunk(&client, &repository, Some(cursor), 1, &[]).await.unwrap();
    assert_eq!(next.pull_requests[0].number, index.entries[3].number);
    served.requests().await;
}

#[tokio::test]
async fn a_pull_request_is_read_alone_whole_or_reduced() {
    let served = Served::start(&["--synthetic", "acme/api=40:5"]);
    let client = served.client();
    let repository = resolve(&client, "acme/api").await;
    for pull in walk(&client, &repository, 20, &ALL_PARTS).await.into_iter().take(15) {
        let alone = client.pull_request(&pull.node_id, &ALL_PARTS, Depth::Whole).await.unwrap();
        assert_eq!(alone, pull);
        let reduced = client.pull_request(&pull.node_id, &ALL_PARTS, Depth::Reduced).await.unwrap();
        assert_eq!(reduced, pull, "nothing stands against any part");
    }
    let error = client.pull_request(&"PR_none".into(), &ALL_PARTS, Depth::Whole).await.unwrap_err();
    assert!(matches!(error, backfill_github::Error::PullRequestNotFound), "{error:?}");
    served.requests().await;
}
