//! Worlds for the stand-in, made line by line in a test. Must not know the operator.

use std::io::Write;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// The pull requests of one repository, as lines of a world file.
#[derive(Clone, Debug)]
pub struct World {
    pub repository: String,
    lines: Vec<String>,
}

impl World {
    /// A repository without any pull request.
    pub fn empty(repository: &str) -> Self {
        let facts = json!({
            "kind": "repository", "nameWithOwner": repository, "createdAt": "2020-01-01T00:00:00Z",
        });
        Self { repository: repository.to_owned(), lines: vec![facts.to_string()] }
    }

    /// Ordinary pull requests with the numbers 1 to `count`, a minute apart.
    pub fn of(repository: &str, count: i64) -> Self {
        (1..=count).fold(Self::empty(repository), |world, number| world.pull(number, json!({})))
    }

    /// One more pull request: an ordinary one with these fields over its own.
    pub fn pull(mut self, number: i64, fields: Value) -> Self {
        let mut line = ordinary(&self.repository, number);
        merge(&mut line, fields);
        self.lines.push(line.to_string());
        self
    }

    /// One more line as it stands, for what no JSON value can hold.
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// The same lines and those of another repository.
    pub fn and(mut self, other: &Self) -> Self {
        self.lines.extend(other.lines.iter().cloned());
        self
    }

    /// Writes the world file.
    pub fn write(&self) -> tempfile::NamedTempFile {
        let mut file = tempfile::Builder::new().suffix(".world.ndjson").tempfile().unwrap();
        for line in &self.lines {
            writeln!(file, "{line}").unwrap();
        }
        file.flush().unwrap();
        file
    }
}

/// When an ordinary pull request was created: `number` minutes into 2024.
pub fn created(number: i64) -> Timestamp {
    let first: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
    first + SignedDuration::from_mins(number)
}

/// A person's account.
pub fn user(number: i64) -> Value {
    let login = format!("user-{number}");
    json!({"__typename": "User", "login": login, "databaseId": 1_000 + number})
}

/// An ordinary pull request: a review, a comment, and every fifth time a thread of two.
pub fn ordinary(repository: &str, number: i64) -> Value {
    let at = created(number).to_string();
    let state = ["OPEN", "MERGED", "CLOSED"][usize::try_from(number % 3).unwrap()];
    let over = (state != "OPEN").then_some(&at);
    let merged = (state == "MERGED").then_some(&at);
    let thread = if number % 5 == 0 { thread(number * 1000, 2) } else { Vec::new() };
    json!({
        "kind": "pullRequest", "repository": repository, "number": number,
        "title": format!("Change {number}"), "body": format!("Why change {number} is needed."),
        "state": state, "isDraft": number % 7 == 0, "author": user(number % 4),
        "createdAt": at, "updatedAt": at, "closedAt": over, "mergedAt": merged,
        "mergedBy": merged.map(|_| user(9)), "headRepository": repository,
        "additions": number, "deletions": number % 10, "changedFiles": 1,
        "labels": if number % 2 == 0 { json!(["bug", "good first"]) } else { json!([]) },
        "assignees": if number % 6 == 0 { json!([user(2)]) } else { json!([]) },
        "reviews": [{
            "fullDatabaseId": (number * 1000 + 900).to_string(), "author": user(3),
            "state": "APPROVED", "body": "Fine.", "submittedAt": at,
        }],
        "comments": [{"author": user(5), "body": "Thanks.", "createdAt": at}],
        "reviewComments": thread,
        "commits": [{"message": format!("Make change {number}"), "author": user(number % 4)}],
        "files": [{"path": "src/lib.rs", "additions": number, "deletions": number % 10}],
    })
}

/// One thread of `count` review comments: all but the first answer the first.
pub fn thread(first_id: i64, count: i64) -> Vec<Value> {
    let comment = |place: i64| {
        json!({
            "fullDatabaseId": (first_id + place).to_string(), "author": user(place % 5),
            "review": if place == 0 { Some((first_id + 900).to_string()) } else { None },
            "replyTo": (place > 0).then(|| first_id.to_string()),
            "body": format!("Line comment {place}."), "path": "src/lib.rs", "position": 3,
            "diffHunk": "@@ -1 +1 @@",
        })
    };
    (0..count).map(comment).collect()
}

fn merge(line: &mut Value, fields: Value) {
    let Value::Object(fields) = fields else { panic!("fields must be an object") };
    line.as_object_mut().unwrap().extend(fields);
}
