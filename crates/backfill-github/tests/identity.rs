//! Whose a token is, as answers tell it, and what tokens share.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod canned;

use backfill_github::Error;
use canned::{GOOD, answer, github, resolve, server};
use secrecy::SecretString;

#[tokio::test]
async fn installations_of_one_app_do_not_share_a_budget() {
    let of_app = GOOD.replace(r#""login":"mona""#, r#""login":"backfill[bot]""#);
    let (github, _seen) = github(vec![answer("200 OK", "", of_app); 4]).await;
    let client = |token: &str| github.client(SecretString::from(token.to_owned()));
    let (one, other) = (client("ghs_1").kept_in("team/one"), client("ghs_2").kept_in("team/other"));
    let (rotated, nowhere) = (client("ghs_3").kept_in("team/one"), client("ghs_4"));
    for client in [&one, &other, &rotated, &nowhere] {
        resolve(client).await.unwrap();
    }
    assert_eq!(one.identity(), "app:7:team/one");
    assert_eq!(other.identity(), "app:7:team/other");
    assert_eq!(rotated.identity(), one.identity(), "a new token of the same installation");
    assert!(nowhere.identity().starts_with("token:"), "{}", nowhere.identity());
}

#[tokio::test]
async fn two_tokens_of_one_account_share_a_governor() {
    let dear = GOOD.replace("4999", "17");
    let (github, _seen) =
        github(vec![answer("200 OK", "", GOOD), answer("200 OK", "", &dear)]).await;
    let one = github.client(SecretString::from("one"));
    let other = github.client(SecretString::from("other"));
    resolve(&one).await.unwrap();
    assert_ne!(one.identity(), other.identity());
    resolve(&other).await.unwrap();
    assert_eq!(one.identity(), other.identity());
    // What the second token's own governor had learned was not lost.
    assert_eq!(one.governor().limits().unwrap().remaining, 17);
    assert!(std::sync::Arc::ptr_eq(&one.governor(), &other.governor()));
}

#[tokio::test]
async fn what_a_stranger_may_spend_is_not_what_the_token_may() {
    let limits = "x-ratelimit-limit: 60\r\nx-ratelimit-remaining: 0\r\n\
                  x-ratelimit-reset: 1795172400\r\n";
    let refused = answer("401 Unauthorized", limits, r#"{"message":"Bad credentials"}"#);
    let (client, seen) = server(vec![refused.clone(), refused]).await;
    for _ in 0..2 {
        let error = resolve(&client).await.unwrap_err();
        assert!(matches!(error, Error::BadCredentials), "{error:?}");
    }
    assert_eq!(client.governor().limits(), None);
    assert_eq!(seen.await.unwrap().len(), 2);
}

#[tokio::test]
async fn whose_a_token_is_stays_open_until_an_answer_tells() {
    let (_, rest) = GOOD.split_once(r#""viewer""#).unwrap();
    let (_, repository) = rest.split_once(r#""repository""#).unwrap();
    let unnamed = format!(
        r#"{{"data":{{"rateLimit":null,"viewer":{{"databaseId":null,"login":"x"}},"repository"{repository}"#
    );
    let partial = r#"{"data":{"viewer":{"databaseId":7,"login":"mona"},"repository":null},
        "errors":[{"type":"NOT_FOUND","path":["repository"],"message":"Could not resolve"}]}"#;
    let limits = "x-ratelimit-limit: 5000\r\nx-ratelimit-remaining: 9\r\n";
    let (client, _seen) =
        server(vec![answer("200 OK", limits, unnamed), answer("200 OK", limits, partial)]).await;
    resolve(&client).await.unwrap();
    assert!(client.is_stranger(), "{}", client.identity());
    let error = resolve(&client).await.unwrap_err();
    assert!(matches!(error, Error::RepositoryNotFound), "{error:?}");
    assert_eq!((client.identity().as_str(), client.is_stranger()), ("viewer:7", false));
    assert_eq!(client.governor().limits().unwrap().remaining, 9);
}

#[tokio::test]
async fn a_new_token_of_a_secret_starts_with_the_hold_of_the_last() {
    let limited = r#"{"message":"You have exceeded a secondary rate limit. Please wait."}"#;
    let answers =
        vec![answer("200 OK", "", GOOD), answer("403 Forbidden", "retry-after: 600\r\n", limited)];
    let (github, seen) = github(answers).await;
    let client = |token: &str, secret| github.client(SecretString::from(token)).kept_in(secret);
    let first = client("ghp_1", "team/one");
    resolve(&first).await.unwrap();
    let until = resolve(&first).await.unwrap_err().until();
    let second = client("ghp_2", "team/one");
    let error = resolve(&second).await.unwrap_err();
    assert!(matches!(error, Error::SecondaryLimit { .. }), "{error:?}");
    assert_eq!(error.until(), until);
    assert_eq!(second.governor().limits(), None, "its points may be others");
    assert!(client("ghp_3", "team/other").governor().snapshot().hold_until.is_none());
    assert_eq!(seen.await.unwrap().len(), 2);
}
