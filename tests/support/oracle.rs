//! Compares the tables with the world that the stand-in serves, id by id and field by field.
//! Reads the world by the stand-in's own page; must not know how the operator asks.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::rows::{ByNumber, stored};
use super::{LIMIT, Trial};

/// What is captured unless a manifest says otherwise.
pub const USUAL_PARTS: [&str; 3] = ["Comments", "ReviewComments", "Reviews"];
/// Every part there is.
pub const ALL_PARTS: [&str; 5] = ["Comments", "Commits", "Files", "ReviewComments", "Reviews"];

type Inside = Box<dyn Fn(i64, Timestamp) -> bool>;

/// What of a repository must be stored, and nothing else of it.
pub struct Oracle {
    repository: String,
    parts: Vec<&'static str>,
    inside: Inside,
}

impl Oracle {
    /// All of a repository with the usual parts.
    pub fn of(repository: &str) -> Self {
        let parts = USUAL_PARTS.to_vec();
        Self { repository: repository.to_owned(), parts, inside: Box::new(|_, _| true) }
    }

    /// With these parts.
    pub fn parts(mut self, parts: &[&'static str]) -> Self {
        self.parts = parts.to_vec();
        self
    }

    /// Only the pull requests for which `inside` holds of number and creation.
    pub fn only(mut self, inside: impl Fn(i64, Timestamp) -> bool + 'static) -> Self {
        self.inside = Box::new(inside);
        self
    }

    /// Panics with the first difference; how many pull requests are equal.
    pub async fn check(&self, trial: &Trial) -> usize {
        self.compare(trial).await.unwrap_or_else(|difference| panic!("{difference}"))
    }

    /// How many pull requests are equal, or where the first difference is.
    pub async fn compare(&self, trial: &Trial) -> Result<usize, String> {
        let world = self.expected(&served(trial, &self.repository).await);
        let rows = stored(&trial.rows, &self.repository).await;
        let numbers = |all: &ByNumber| all.keys().copied().collect::<Vec<_>>();
        if numbers(&rows) != numbers(&world) {
            return Err(format!("stored {:?}, served {:?}", numbers(&rows), numbers(&world)));
        }
        let first = world.iter().find_map(|(number, expected)| {
            difference(&format!("{}#{number}", self.repository), expected, &rows[number])
        });
        first.map_or(Ok(world.len()), Err)
    }

    fn expected(&self, lines: &[Value]) -> ByNumber {
        let number = |line: &Value| line["number"].as_i64().unwrap();
        let created = |line: &Value| line["createdAt"].as_str().unwrap().parse().unwrap();
        let inside = lines.iter().filter(|line| (self.inside)(number(line), created(line)));
        inside.map(|line| (number(line), self.pull_request(line))).collect()
    }

    fn pull_request(&self, line: &Value) -> Value {
        let list = |name: &str| line[name].as_array().cloned().unwrap_or_default();
        let captures = |part: &str| self.parts.contains(&part);
        let under = |part: &str, name: &str, key: &str, row: &dyn Fn(&Value) -> Value| {
            let of_part = list(name).into_iter().filter(|_| captures(part));
            let rows = of_part.map(|one| (words(&one[key]), row(&one)));
            Value::Object(rows.collect::<Map<String, Value>>())
        };
        let labels: Vec<String> = list("labels").iter().map(words).collect();
        let assignees: Vec<String> =
            list("assignees").iter().map(|one| words(&one["login"])).collect();
        let review_comment = |one: &Value| self.review_comment(line, one);
        json!({
            "github_id": words(&line["fullDatabaseId"]).parse::<i64>().unwrap(),
            "title": words(&line["title"]), "body": words(&line["body"]),
            "state": if line["state"] == "OPEN" { "open" } else { "closed" },
            "merged": line["state"] == "MERGED", "draft": line["isDraft"],
            "author": actor(&line["author"]), "merged_by": actor(&line["mergedBy"]),
            "created_at": millis(&line["createdAt"]), "updated_at": millis(&line["updatedAt"]),
            "closed_at": millis(&line["closedAt"]), "merged_at": millis(&line["mergedAt"]),
            "base_branch": line["baseRefName"], "head_branch": line["headRefName"],
            "head_sha": line["headRefOid"], "head_repository": line["headRepository"],
            "additions": line["additions"], "deletions": line["deletions"],
            "changed_files": line["changedFiles"], "commits": list("commits").len(),
            "labels": labels, "assignees": assignees, "captured": self.parts,
            "reviews": under("Reviews", "reviews", "fullDatabaseId", &review),
            "comments": under("Comments", "comments", "fullDatabaseId", &comment),
            "review_comments":
                under("ReviewComments", "reviewComments", "fullDatabaseId", &review_comment),
            "commit_rows": under("Commits", "commits", "oid", &commit),
            "file_rows": under("Files", "files", "path", &file),
        })
    }

    /// References lead somewhere only where the other end is there.
    fn review_comment(&self, line: &Value, one: &Value) -> Value {
        let known = |list: &str, id: &Value| {
            let all = line[list].as_array().unwrap();
            let found = all.iter().any(|other| !id.is_null() && other["fullDatabaseId"] == *id);
            found.then(|| words(id).parse::<i64>().unwrap())
        };
        let reviews_stored = self.parts.contains(&"Reviews");
        json!({
            "author": actor(&one["author"]), "body": words(&one["body"]),
            "created_at": millis(&one["createdAt"]), "updated_at": millis(&one["updatedAt"]),
            "path": words(&one["path"]), "position": one["position"],
            "diff_hunk": words(&one["diffHunk"]),
            "in_reply_to_id": known("reviewComments", &one["replyTo"]),
            "review": known("reviews", &one["review"]).filter(|_| reviews_stored),
        })
    }
}

fn review(one: &Value) -> Value {
    json!({
        "author": actor(&one["author"]), "state": one["state"], "body": words(&one["body"]),
        "submitted_at": millis(&one["submittedAt"]), "commit_id": one["commitOid"],
    })
}

fn comment(one: &Value) -> Value {
    json!({
        "author": actor(&one["author"]), "body": words(&one["body"]),
        "created_at": millis(&one["createdAt"]), "updated_at": millis(&one["updatedAt"]),
    })
}

/// A commit's author is an account only where that is a person's.
fn commit(one: &Value) -> Value {
    let person = one["author"]["__typename"] == "User";
    json!({
        "message": words(&one["message"]), "authored_at": millis(&one["authoredDate"]),
        "author": if person { actor(&one["author"]) } else { Value::Null },
    })
}

fn file(one: &Value) -> Value {
    let change = one["changeType"].as_str().unwrap_or("MODIFIED");
    json!({"additions": one["additions"], "deletions": one["deletions"], "change_type": change})
}

fn actor(one: &Value) -> Value {
    if one.is_null() {
        return Value::Null;
    }
    json!({"id": one["databaseId"], "type": one["__typename"], "login": one["login"]})
}

/// A text without the NULs that Postgres cannot store.
fn words(text: &Value) -> String {
    text.as_str().unwrap_or_default().replace('\0', "")
}

fn millis(time: &Value) -> Option<i64> {
    time.as_str().map(|time| time.parse::<Timestamp>().unwrap().as_millisecond())
}

/// The pull requests of a repository as the stand-in serves them now.
pub async fn served(trial: &Trial, repository: &str) -> Vec<Value> {
    let url = format!("{}/_standin/world?repository={repository}", trial.standin.url());
    let request = testbed::http().get(url).timeout(LIMIT);
    let answer = request.send().await.unwrap().error_for_status().unwrap();
    // Half of a surrogate pair is no text; the operator removes it as it does a NUL. Worlds of
    // ours only ever hold this one.
    let text = answer.text().await.unwrap().replace("\\ud800", "");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The first field in which two values differ.
fn difference(place: &str, world: &Value, row: &Value) -> Option<String> {
    let (Value::Object(served), Value::Object(stored)) = (world, row) else {
        return (world != row).then(|| format!("{place}: GitHub has {world}, stored is {row}"));
    };
    let absent = stored.keys().find(|key| !served.contains_key(*key));
    if let Some(key) = absent {
        return Some(format!("{place}.{key}: stored, but GitHub has no such"));
    }
    served.iter().find_map(|(key, value)| match stored.get(key) {
        None => Some(format!("{place}.{key}: GitHub has it, and it is not stored")),
        Some(row) => difference(&format!("{place}.{key}"), value, row),
    })
}
