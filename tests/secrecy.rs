//! A token is read, used and forgotten: it comes out nowhere, whatever goes wrong.

use serde_json::json;

use crate::support::secrecy::outputs;
use crate::support::{Setup, Trial, World, plan};

#[tokio::test]
async fn the_token_is_in_no_output_even_when_everything_is_logged_and_goes_wrong() {
    let rules = json!([
        {"match": {"operation": "ListPullRequests", "times": 1}, "answer": "502-html"},
        {"match": {"operation": "ListPullRequests", "times": 1}, "answer": "reset"},
        {"match": {"operation": "CompletePullRequests", "times": 1}, "answer": "secondary:1"},
    ]);
    let setup = Setup { env: vec![("RUST_LOG", "trace")], ..World::of("acme/api", 12).into() };
    let trial = Trial::start(setup.faults(rules)).await;
    trial.apply("api", json!({"repository": "acme/api"})).await;
    trial.apply("absent", json!({"repository": "acme/absent"})).await;
    trial.stalled("absent", "RepositoryNotFound").await;
    trial.succeeded("api").await;
    // A token that no HTTP header can hold, and one that GitHub refuses.
    let broken = format!("{} two", trial.token);
    trial.cluster.create_credentials(&trial.namespace, "broken", &broken).await.unwrap();
    let reference = json!({"name": "broken"});
    let spec = json!({"repository": "acme/other", "credentialsRef": reference});
    trial.apply("broken", spec).await;
    trial.stalled("broken", "CredentialsMalformed").await;
    let refused = json!([{"match": {"credential": trial.token}, "answer": "401"}]);
    trial.standin.set_faults(&plan(refused)).await.unwrap();
    trial.annotate("api", "restart-requested-at", "now").await;
    trial.stalled("api", "CredentialsInvalid").await;

    for (place, text) in outputs(&trial).await {
        for form in forms(&trial.token) {
            assert!(!text.contains(&form), "the token is in the {place}, as {form}");
        }
        // A place that says nothing proves nothing.
        let silent = ["stand-in's output", "quarantine rows"];
        assert!(silent.contains(&place) || text.len() > 100, "{place}: {text}");
    }
    assert!(trial.operator.log().contains("\"TRACE\""), "everything was logged");
    trial.finish().await;
}

/// The token as it stands in a Secret, and its parts, which would betray it as well.
fn forms(token: &str) -> Vec<String> {
    let secret = k8s_openapi::ByteString(token.as_bytes().to_vec());
    let encoded = serde_json::to_value(secret).unwrap().as_str().unwrap().to_owned();
    let half = token.len() / 2;
    let lossless = encoded.trim_end_matches('=').to_owned();
    vec![token.to_owned(), token[half..].to_owned(), lossless]
}
