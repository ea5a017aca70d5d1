//! What is taken from an object, and what not.

#![allow(clippy::unwrap_used)]

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta;
use serde_json::{Value, json};

use super::*;

/// An object of the third generation, with this spec, these annotations and this status.
fn object(spec: &Value, annotations: &Value, status: &Value) -> RepositoryBackfill {
    let mut whole = json!({"repository": "acme/api"});
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let object = json!({
        "apiVersion": "backfill.contributor.info/v1alpha1", "kind": "RepositoryBackfill",
        "metadata": {"namespace": "team", "name": "api", "uid": "u", "generation": 3,
                     "annotations": annotations},
        "spec": whole, "status": status,
    });
    serde_json::from_value(object).unwrap()
}

fn condition(type_: &str, reason: &str, generation: i64) -> Value {
    json!({
        "type": type_, "status": "True", "reason": reason, "message": "said",
        "observedGeneration": generation, "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

#[test]
fn a_proof_counts_by_its_fingerprint_or_by_the_words_of_this_generation() {
    let (wanted, other) = (Some("f"), Some("g"));
    let by_print = json!({"walk": 4, "walkFingerprint": "f"});
    let by_words = |generation, stage: Value| {
        let succeeded = condition("Succeeded", "Verified", generation);
        json!({"conditions": [succeeded], "stage": stage})
    };
    for (status, wanted, walk) in [
        (by_print.clone(), wanted, Some(4)),
        (by_print.clone(), other, None),
        (by_print.clone(), None, None),
        (by_words(3, Value::Null), None, Some(0)),
        (by_words(2, Value::Null), None, None),
        (by_words(3, json!("Walk")), None, None),
    ] {
        let found = proved(&object(&json!({}), &json!({}), &status), wanted, Timestamp::MIN);
        assert_eq!(found.map(|proved| proved.walk), walk, "{status} {wanted:?}");
    }
    let asked = object(&json!({}), &json!({RESTART_REQUESTED_AT: "now"}), &by_print);
    assert_eq!(proved(&asked, wanted, Timestamp::MIN), None, "a restart was asked for since");
}

#[test]
fn what_is_said_without_a_row_counts_until_somebody_asks() {
    let status = |reason: &str, generation: i64, handled: Option<&str>| {
        json!({"conditions": [condition("Ready", reason, generation)],
               "observedGeneration": generation, "lastHandledRequestedAt": handled})
    };
    let asked = json!({REQUESTED_AT: "monday"});
    for (annotations, status, expected) in [
        (json!({}), status("Planned", 3, None), Some(Reason::Planned)),
        (json!({}), status("RepositoryEmpty", 3, None), Some(Reason::RepositoryEmpty)),
        (json!({}), status("Verified", 3, None), None),
        (json!({}), status("Planned", 2, None), None),
        (asked.clone(), status("Planned", 3, None), None),
        (asked, status("Planned", 3, Some("monday")), Some(Reason::Planned)),
    ] {
        let found = said(&object(&json!({}), &annotations, &status)).map(|(reason, _)| reason);
        assert_eq!(found, expected, "{annotations} {status}");
    }
}

#[test]
fn a_proof_is_told_by_what_it_came_to() {
    let proved = Proved { walk: 1, stored: 9, set_aside: 0, inside: 7, is_whole: true };
    let words = |proved: Proved| proved.words();
    assert_eq!(
        words(proved.clone()),
        (Reason::Verified, "9 stored, as many as GitHub counts".to_owned())
    );
    assert_eq!(
        words(Proved { is_whole: false, ..proved.clone() }),
        (Reason::WindowVerified, "all 7 that were asked for are stored".to_owned())
    );
    let set_aside = Proved { set_aside: 2, is_whole: false, ..proved };
    assert_eq!(words(set_aside).0, Reason::VerifiedWithQuarantine);
}

#[test]
fn rows_are_anothers_too_where_it_has_proved_them_and_stays() {
    let (spec, node) = (json!({"maxPullRequests": 5}), NodeId::from("R_1"));
    let print = fingerprint(&node, &object(&spec, &json!({}), &Value::Null).spec);
    let mut other = object(&spec, &json!({}), &json!({"walkFingerprint": print}));
    assert!(stands_on(&other, &node));
    assert!(!stands_on(&other, &NodeId::from("R_2")));
    other.spec.max_pull_requests = Some(6);
    assert!(!stands_on(&other, &node), "it asks for another walk by now");
    other.spec.max_pull_requests = Some(5);
    other.metadata.deletion_timestamp = Some(meta::v1::Time(Timestamp::UNIX_EPOCH));
    assert!(!stands_on(&other, &node), "it goes as well");
}

#[test]
fn rows_go_with_an_object_only_where_the_operator_allows_it() {
    let asked = object(&json!({"deletionPolicy": "Delete"}), &json!({}), &Value::Null);
    for (allowed, reason) in [(true, None), (false, Some(Reason::RowDeletionNotAllowed))] {
        let seen = ObjectSeen::of(&asked, None, allowed, Timestamp::UNIX_EPOCH);
        assert_eq!(seen.takes_rows_along(), allowed);
        assert_eq!(seen.refusal.map(|fault| fault.reason), reason);
        assert!(seen.deletes_rows);
    }
}

#[test]
fn an_heir_is_looked_for_only_where_rows_would_go() {
    let looked_for = |policy: &str, finalizers: &[&str], deleting: bool, allowed: bool| {
        let mut asked = object(&json!({"deletionPolicy": policy}), &json!({}), &Value::Null);
        asked.metadata.finalizers = Some(finalizers.iter().map(|it| (*it).to_owned()).collect());
        asked.metadata.deletion_timestamp =
            deleting.then_some(meta::v1::Time(Timestamp::UNIX_EPOCH));
        ObjectSeen::of(&asked, None, allowed, Timestamp::UNIX_EPOCH).asks_for_heir()
    };
    assert!(looked_for("Delete", &[ROWS_FINALIZER], true, true));
    assert!(!looked_for("Retain", &[ROWS_FINALIZER], true, true), "they stay");
    assert!(!looked_for("Delete", &["another"], true, true), "nothing waits for them");
    assert!(!looked_for("Delete", &[ROWS_FINALIZER], false, true), "it stays");
    assert!(!looked_for("Delete", &[ROWS_FINALIZER], true, false), "the operator does not");
}

#[test]
fn a_window_ends_after_its_beginning_the_one_that_stays_or_else_the_new_one() {
    let day = |days: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
    for (since, until, stays, refused) in [
        (Some(30), Some(20), None, true),
        (Some(30), Some(30), None, true),
        (Some(30), Some(31), None, false),
        (Some(30), Some(20), Some(10), false),
        (Some(30), Some(20), Some(20), true),
        (None, Some(20), None, false),
        (Some(30), None, None, false),
    ] {
        let (since, until) = (since.map(day), until.map(day));
        let asked = WalkBounds { since, until, ..WalkBounds::default() };
        let found = contradiction(&asked, stays.map(day));
        assert_eq!(found.is_some(), refused, "{since:?} {until:?} {stays:?}");
    }
}
