//! The specs that the API server takes, and those that it refuses with the field that is to blame.
//!
//! Only values; it must not know how they are sent.

use serde_json::{Value, json};

/// Specs beside `repository: a/b` that must be taken.
pub fn good() -> Vec<Value> {
    vec![
        json!({}),
        json!({"repository": "a/.github"}),
        json!({"repository": "octo_acme-x/b.c_d-e"}),
        json!({"credentialsRef": {"name": "github"}}),
        json!({"window": {}}),
        json!({"window": {"sinceDays": 30}}),
        json!({"window": {"sinceDays": 30, "until": "2030-01-01T00:00:00Z"}}),
        json!({"window": {"since": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00+02:00"}}),
        json!({"window": {"since": "2020-01-01T00:00:00.123456789Z"}}),
        json!({"maxPullRequests": 1}),
        json!({"include": []}),
        json!({"include": ["Files", "Commits"]}),
        json!({"chunk": {}}),
        json!({"chunk": {"size": 25}}),
        json!({"chunk": {"minSize": 10, "maxSize": 10, "size": 10}}),
        json!({"chunk": {"maxSize": 100, "size": 100}}),
        json!({"pacing": {}}),
        json!({"pacing": {"mode": "Interval"}}),
        json!({"pacing": {"mode": "Interval", "periodSeconds": 1, "maxChunks": 3}}),
        json!({"failurePolicy": {}}),
        json!({"failurePolicy": {"maxConsecutiveErrors": 1}}),
        json!({"priority": "High", "minRateLimitPoints": 0}),
        json!({"dryRun": true, "suspend": true}),
        json!({"deletionPolicy": "Delete", "readinessPolicy": "Started"}),
        json!({"credentialsRef": null, "window": null, "maxPullRequests": null, "chunk": null}),
    ]
}

/// Fields that a spec says beside `repository: a/b`, the field that must be named for it, and a
/// part of what must be said.
pub fn bad() -> Vec<(Value, &'static str, &'static str)> {
    let mut all = Vec::new();
    all.extend(repositories());
    all.extend(windows());
    all.extend(chunks_and_pacing());
    all.extend(others());
    all
}

fn repositories() -> Vec<(Value, &'static str, &'static str)> {
    let form = "must be owner/name as on GitHub, such as kubernetes/kubernetes";
    let names = ["a//b", "a/b/c", "https://github.com/a/b", "a/..", "a/.", "a b/c", "a/b\n"];
    let malformed = names.iter().map(|name| (json!({"repository": name}), form));
    let long = [format!("{}/b", "a".repeat(40)), format!("a/{}", "b".repeat(101))];
    let long = long.into_iter().map(|name| (json!({"repository": name}), form));
    let short = ["", "a"].map(|name| (json!({"repository": name}), "should be at least 3 chars"));
    let absent = [(json!({"repository": null}), "Required value")];
    let all = malformed.chain(long).chain(short).chain(absent);
    all.map(|(spec, message)| (spec, "spec.repository", message)).collect()
}

fn windows() -> Vec<(Value, &'static str, &'static str)> {
    let mut all = vec![
        (
            json!({"sinceDays": 30, "since": "2020-01-01T00:00:00Z"}),
            "spec.window.sinceDays",
            "sinceDays must not be set beside since",
        ),
        (json!({"sinceDays": 0}), "spec.window.sinceDays", "greater than or equal to 1"),
        (json!({"sinceDays": 36_501}), "spec.window.sinceDays", "less than or equal to 36500"),
        (
            json!({"since": "2020-01-02T00:00:00Z", "until": "2020-01-02T00:00:00Z"}),
            "spec.window.until",
            "until must be later than since",
        ),
        (
            json!({"since": "2021-01-02T00:00:00Z", "until": "2020-01-02T00:00:00Z"}),
            "spec.window.until",
            "until must be later than since",
        ),
    ];
    // What has another form, and what has the form but is no instant.
    for malformed in [
        "2020-01-02",
        "2020-01-02T00:00:00",
        "2020-01-02T00:00:00+99:99",
        "2020-01-02T00:00:00.0123456789123Z",
        "2020-01-01t00:00:00z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
    ] {
        all.push((json!({"since": malformed}), "spec.window.since", "should match"));
    }
    for impossible in [
        "2020-02-30T00:00:00Z",
        "2020-01-01T24:00:00Z",
        "2020-01-01T12:60:00Z",
        "2016-12-31T23:59:60Z",
    ] {
        all.push((json!({"until": impossible}), "spec.window.until", "must be of type date-time"));
    }
    all.into_iter().map(|(window, f, m)| (json!({"window": window}), f, m)).collect()
}

fn chunks_and_pacing() -> Vec<(Value, &'static str, &'static str)> {
    let between = "size must lie between minSize (1 unless set) and maxSize (50 unless set)";
    let order = "minSize (1 unless set) must not be greater than maxSize (50 unless set)";
    let interval = "must only be set with mode Interval";
    let chunk = [
        (json!({"size": 60}), "spec.chunk.size", between),
        (json!({"size": 5, "minSize": 6}), "spec.chunk.size", between),
        (json!({"minSize": 60}), "spec.chunk.minSize", order),
        (json!({"minSize": 0}), "spec.chunk.minSize", "greater than or equal to 1"),
        (json!({"maxSize": 101}), "spec.chunk.maxSize", "less than or equal to 100"),
    ];
    let pacing = [
        (json!({"maxChunks": 3}), "spec.pacing.maxChunks", interval),
        (json!({"mode": "Budget", "periodSeconds": 60}), "spec.pacing.periodSeconds", interval),
        (
            json!({"mode": "Interval", "periodSeconds": 0}),
            "spec.pacing.periodSeconds",
            "greater than or equal to 1",
        ),
        (json!({"mode": "Poll"}), "spec.pacing.mode", "supported values"),
    ];
    let chunk = chunk.into_iter().map(|(spec, f, m)| (json!({"chunk": spec}), f, m));
    chunk.chain(pacing.into_iter().map(|(spec, f, m)| (json!({"pacing": spec}), f, m))).collect()
}

fn others() -> Vec<(Value, &'static str, &'static str)> {
    vec![
        (json!({"credentialsRef": {}}), "spec.credentialsRef.name", "Required value"),
        (
            json!({"credentialsRef": {"name": "Bad_Name"}}),
            "spec.credentialsRef.name",
            "should match",
        ),
        (json!({"credentialsRef": {"name": ""}}), "spec.credentialsRef.name", "at least 1 chars"),
        (json!({"include": ["Reviews", "Reviews"]}), "spec.include[1]", "Duplicate value"),
        (json!({"include": ["Issues"]}), "spec.include[0]", "supported values"),
        (json!({"priority": "high"}), "spec.priority", "supported values"),
        (json!({"deletionPolicy": "Keep"}), "spec.deletionPolicy", "supported values"),
        (json!({"readinessPolicy": "Never"}), "spec.readinessPolicy", "supported values"),
        (
            json!({"failurePolicy": {"maxConsecutiveErrors": 0}}),
            "spec.failurePolicy.maxConsecutiveErrors",
            "greater than or equal to 1",
        ),
        (json!({"maxPullRequests": 0}), "spec.maxPullRequests", "greater than or equal to 1"),
        (json!({"maxPullRequests": 1.5}), "spec.maxPullRequests", "must be of type integer"),
        (json!({"minRateLimitPoints": -1}), "spec.minRateLimitPoints", "greater than or equal"),
        (json!({"suspend": "yes"}), "spec.suspend", "must be of type boolean"),
        (json!({"dryRun": 1}), "spec.dryRun", "must be of type boolean"),
    ]
}
