//! Every state, every step from one state to another, and what waiting clients make of it.
#![allow(clippy::unwrap_used)]

use backfill_api::conditions::{MAX_MESSAGE, READY, RECONCILING, STALLED, SUCCEEDED};
use backfill_api::{
    ReadinessPolicy, Reason, RepositoryBackfillStatus, State, Summary, conditions, violations,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

const EARLY: Timestamp = Timestamp::constant(1_700_000_000, 0);
const LATE: Timestamp = Timestamp::constant(1_700_000_600, 0);

fn summary(state: State) -> Summary {
    let fits = |reason: &&Reason| reason.state() == state;
    let reason = Reason::ALL.iter().find(fits).copied().unwrap_or(Reason::Walking);
    Summary { state, reason, message: "as it is".to_owned() }
}

fn status(generation: i64, conditions: Vec<Condition>) -> RepositoryBackfillStatus {
    RepositoryBackfillStatus {
        observed_generation: Some(generation),
        conditions,
        ..RepositoryBackfillStatus::default()
    }
}

fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

fn shape(conditions: &[Condition]) -> Vec<String> {
    conditions.iter().map(|c| format!("{}={}", c.type_, c.status)).collect()
}

/// The order of checks of kstatus (cli-utils, `generic.go`) for a kind without rules of its own.
fn kstatus(status: &RepositoryBackfillStatus, generation: i64) -> &'static str {
    if status.observed_generation.is_some_and(|seen| seen != generation) {
        return "InProgress";
    }
    for condition in status.conditions.iter().filter(|condition| condition.status == "True") {
        match condition.type_.as_str() {
            RECONCILING => return "InProgress",
            STALLED => return "Failed",
            _ => {}
        }
    }
    match find(&status.conditions, READY) {
        Some(ready) if ready.status != "True" => "InProgress",
        _ => "Current",
    }
}

#[test]
fn each_state_is_published_as_documented() {
    let table = [
        (State::Running, vec!["Ready=Unknown", "Reconciling=True"], "InProgress"),
        (State::Started, vec!["Ready=True"], "Current"),
        (State::Retrying, vec!["Ready=False", "Reconciling=True"], "InProgress"),
        (State::Stalled, vec!["Ready=False", "Stalled=True"], "Failed"),
        (State::Complete, vec!["Ready=True", "Succeeded=True"], "Current"),
        (State::Planned, vec!["Ready=True"], "Current"),
        (State::Suspended, vec!["Ready=True"], "Current"),
    ];
    assert_eq!(table.len(), State::ALL.len());
    for (state, expected, verdict) in table {
        let written = conditions(&summary(state), &[], 3, EARLY);
        assert_eq!(shape(&written), expected, "{state:?}");
        assert_eq!(kstatus(&status(3, written.clone()), 3), verdict, "{state:?}");
        assert_eq!(kstatus(&status(3, written), 4), "InProgress", "{state:?} after an edit");
    }
    let fresh = RepositoryBackfillStatus { observed_generation: Some(-1), ..Default::default() };
    assert_eq!(kstatus(&fresh, 1), "InProgress", "created, and not looked at yet");
}

/// Three steps in a row through all states, with and without an edit before each of them.
#[test]
fn no_path_through_the_states_breaks_an_invariant() {
    let mut paths = 0;
    for first in State::ALL {
        for (second, edited) in both(State::ALL) {
            for (third, edited_again) in both(State::ALL) {
                let mut generation = 1;
                let mut written = conditions(&summary(first), &[], generation, EARLY);
                for (state, edit) in [(second, edited), (third, edited_again)] {
                    generation += i64::from(edit);
                    let next = conditions(&summary(state), &written, generation, LATE);
                    check_step(&written, &next, generation);
                    written = next;
                }
                paths += 1;
            }
        }
    }
    assert_eq!(paths, 7 * 14 * 14);
}

fn both(states: [State; 7]) -> impl Iterator<Item = (State, bool)> {
    states.into_iter().flat_map(|state| [(state, false), (state, true)])
}

fn check_step(before: &[Condition], after: &[Condition], generation: i64) {
    let path = format!("{:?} to {:?}", shape(before), shape(after));
    assert_eq!(violations(&status(generation, after.to_vec()), generation), [""; 0], "{path}");
    for condition in after {
        assert_eq!(condition.observed_generation, Some(generation), "{path}");
        let same = find(before, &condition.type_).filter(|old| old.status == condition.status);
        let expected = same.map_or(&Time(LATE), |old| &old.last_transition_time);
        assert_eq!(&condition.last_transition_time, expected, "{path}: {}", condition.type_);
    }
}

#[test]
fn succeeded_outlives_what_follows_but_not_an_edit() {
    let done = conditions(&Summary::new(Reason::Verified, "all there"), &[], 1, EARLY);
    let outage = Summary::new(Reason::StoreUnavailable, "no answer");
    let later = conditions(&outage, &done, 1, LATE);
    assert_eq!(shape(&later), ["Ready=False", "Reconciling=True", "Succeeded=True"]);
    assert_eq!(find(&later, SUCCEEDED), find(&done, SUCCEEDED));
    let edited = conditions(&outage, &later, 2, LATE);
    assert_eq!(shape(&edited), ["Ready=False", "Reconciling=True"]);
}

#[test]
fn started_counts_as_ready_only_once_it_moves_and_only_without_trouble() {
    use ReadinessPolicy::{Complete, Started};
    let state = |reason, policy, moved| Summary::new(reason, "").under(policy, moved).state;
    assert_eq!(state(Reason::Walking, Started, true), State::Started);
    assert_eq!(state(Reason::RateLimited, Started, true), State::Started);
    assert_eq!(state(Reason::Walking, Started, false), State::Running);
    assert_eq!(state(Reason::Walking, Complete, true), State::Running);
    assert_eq!(state(Reason::GitHubUnavailable, Started, true), State::Retrying);
    assert_eq!(state(Reason::CircuitOpen, Started, true), State::Stalled);
    assert_eq!(state(Reason::Verified, Started, true), State::Complete);
}

#[test]
fn a_long_message_is_cut_at_a_character() {
    let long = Summary::new(Reason::Walking, "é".repeat(MAX_MESSAGE + 1));
    let written = conditions(&long, &[], 1, EARLY);
    assert_eq!(written[0].message, "é".repeat(MAX_MESSAGE));
}

/// One good status, broken in one place at a time; each break must be named.
#[test]
fn each_broken_rule_is_named() {
    type Break = fn(&mut RepositoryBackfillStatus);
    let running = || status(2, conditions(&summary(State::Running), &[], 2, EARLY));
    let done = || status(2, conditions(&summary(State::Complete), &[], 2, EARLY));
    let table: [(&str, RepositoryBackfillStatus, Break); 18] = [
        ("observedGeneration must be set", running(), |s| s.observed_generation = None),
        ("observedGeneration must be set", running(), |s| s.observed_generation = Some(-1)),
        ("must not exceed the generation", running(), |s| s.observed_generation = Some(3)),
        ("Ready must be present", running(), |s| s.conditions.retain(|c| c.type_ != READY)),
        ("Ready must appear once", running(), |s| s.conditions.push(s.conditions[0].clone())),
        ("carry its observedGeneration", running(), |s| s.conditions[0].observed_generation = None),
        ("newer than the status", running(), |s| s.conditions[1].observed_generation = Some(3)),
        ("reason of the catalogue", running(), |s| s.conditions[0].reason = "Busy".to_owned()),
        ("reason of the catalogue", running(), |s| s.conditions[0].reason.clear()),
        ("at most 1024", running(), |s| s.conditions[0].message = "x".repeat(1025)),
        ("published as \"False\"", running(), |s| s.conditions[1].status = "False".to_owned()),
        ("published as \"Yes\"", running(), |s| s.conditions[0].status = "Yes".to_owned()),
        ("published as \"True\"", running(), |s| s.conditions[1].type_ = "Progress".to_owned()),
        ("must not stand together", running(), |s| {
            let mut other = s.conditions[1].clone();
            other.type_ = STALLED.to_owned();
            s.conditions.push(other);
        }),
        ("Ready must not be True beside", running(), |s| {
            s.conditions[0].status = "True".to_owned();
        }),
        ("while one lags", done(), |s| s.conditions[1].observed_generation = Some(1)),
        ("must stand with Reconciling", running(), |s| s.conditions.truncate(1)),
        ("Reconciling or Stalled", done(), |s| s.conditions[0].status = "False".to_owned()),
    ];
    for (rule, mut status, break_it) in table {
        assert_eq!(violations(&status, 2), [""; 0], "good before it is broken: {rule}");
        break_it(&mut status);
        let found = violations(&status, 2);
        assert!(found.iter().any(|line| line.contains(rule)), "{rule} is not among {found:?}");
    }
    let root_lags = violations(&done(), 3);
    assert_eq!(root_lags, ["Ready must not be True while one lags"]);
}
