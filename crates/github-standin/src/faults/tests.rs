//! The plan, rule by rule.
#![allow(clippy::unwrap_used)]

use super::*;

fn request<'r>(operation: &'r str, heavy: &'r BTreeSet<u32>) -> Request<'r> {
    Request { operation, largest_page: 25, heavy, credential: "t" }
}

#[test]
fn every_name_that_is_offered_is_understood() {
    for name in NAMES {
        let given = name.replace("[:SECONDS]", ":3").replace("SECONDS", "0.5");
        let given = given.replace("BYTES", "10");
        assert!(given.parse::<Wrong>().is_ok(), "{given}");
        if let Some(bare) = name.strip_suffix("[:SECONDS]") {
            assert!(bare.parse::<Wrong>().is_ok(), "{bare}");
        }
    }
    for refused in ["slow:-1", "slow:4000", "huge:-1", "secondary:x", "502", ""] {
        assert!(refused.parse::<Wrong>().is_err(), "{refused}");
    }
}

#[test]
fn a_spent_rule_lets_the_next_one_answer() {
    let plan = r#"{"rules": [{"match": {"times": 1}, "answer": "html"}, {"answer": "401"}]}"#;
    let mut plan = Plan::parse(plan).unwrap();
    let none = BTreeSet::new();
    let mut next = || plan.hit(&request("Q", &none)).unwrap().answer;
    assert_eq!([next(), next(), next()], [Wrong::Html, Wrong::Unauthorized, Wrong::Unauthorized]);
}

#[test]
fn a_draw_is_made_only_where_everything_else_holds() {
    let plan = r#"{"seed": 3, "rules": [
        {"match": {"operation": "Q", "probability": 0.5}, "answer": "html"}]}"#;
    let none = BTreeSet::new();
    let draws = |others: usize| -> Vec<bool> {
        let mut plan = Plan::parse(plan).unwrap();
        (0..50)
            .map(|_| {
                for _ in 0..others {
                    assert!(plan.hit(&request("Other", &none)).is_none());
                }
                plan.hit(&request("Q", &none)).is_some()
            })
            .collect()
    };
    assert_eq!(draws(0), draws(3));
    let hits = draws(0).into_iter().filter(|hit| *hit).count();
    assert!((15..=35).contains(&hits), "{hits}");
}

#[test]
fn the_number_that_matched_comes_back() {
    let plan = r#"{"rules": [{"match": {"number": 7}, "answer": "null-node"}]}"#;
    let mut plan = Plan::parse(plan).unwrap();
    assert!(plan.hit(&request("Q", &BTreeSet::from([6, 8]))).is_none());
    assert_eq!(plan.hit(&request("Q", &BTreeSet::from([6, 7]))).unwrap().number, Some(7));
}
