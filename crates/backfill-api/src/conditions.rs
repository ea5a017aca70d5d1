//! From one published state to the object's conditions, and the rules every status keeps.
//!
//! The contract is that of kstatus, Flux and `kubectl wait`. This file must not know how a state is
//! decided.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::reason::Reason;
use crate::repository_backfill::{ReadinessPolicy, RepositoryBackfillStatus};

/// The summary: True once what was asked for is reached.
pub const READY: &str = "Ready";
/// Present only while True: the operator is on its way.
pub const RECONCILING: &str = "Reconciling";
/// Present only while True: only a person can mend it.
pub const STALLED: &str = "Stalled";
/// Present only while True: this generation of the spec was completed.
pub const SUCCEEDED: &str = "Succeeded";

/// Characters of a published message; longer ones are cut.
pub const MAX_MESSAGE: usize = 1024;

/// Bound of a generation in the schema: the largest integer that every JSON reader keeps exact.
pub(crate) const MAX_GENERATION: i64 = (1 << 53) - 1;

/// The states an object can be shown in; nothing else is ever published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Moves, or waits for a limit or its turn.
    Running,
    /// As `Running`, under `readinessPolicy: Started` once it has moved.
    Started,
    /// In trouble that mends itself.
    Retrying,
    /// Only a person can mend it.
    Stalled,
    /// The history is complete.
    Complete,
    /// The dry run is done.
    Planned,
    /// Nothing happens on request.
    Suspended,
}

impl State {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Started,
        Self::Retrying,
        Self::Stalled,
        Self::Complete,
        Self::Planned,
        Self::Suspended,
    ];

    /// What it means, for the published catalogue.
    pub fn description(self) -> &'static str {
        match self {
            Self::Running => "is on its way, or waits for a limit or its turn",
            Self::Started => "is on its way, under `readinessPolicy: Started`",
            Self::Retrying => "is in trouble that may pass by itself",
            Self::Stalled => "is in trouble that only a person can mend",
            Self::Complete => "is complete",
            Self::Planned => "is priced (`dryRun`)",
            Self::Suspended => "is suspended",
        }
    }

    /// The status of condition Ready.
    pub fn ready(self) -> &'static str {
        match self {
            Self::Running => "Unknown",
            Self::Retrying | Self::Stalled => "False",
            Self::Started | Self::Complete | Self::Planned | Self::Suspended => "True",
        }
    }

    /// Nothing is left to do until somebody asks for something else.
    pub fn is_at_rest(self) -> bool {
        matches!(self, Self::Complete | Self::Planned | Self::Suspended)
    }

    /// The condition that stands beside Ready.
    pub fn companion(self) -> Option<&'static str> {
        match self {
            Self::Running | Self::Retrying => Some(RECONCILING),
            Self::Stalled => Some(STALLED),
            Self::Complete => Some(SUCCEEDED),
            Self::Started | Self::Planned | Self::Suspended => None,
        }
    }
}

/// What is to be said of an object, before it is put into conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The state it is in.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// What a person at three in the morning needs to know; one line, no row counts.
    pub message: String,
}

impl Summary {
    /// A summary in the reason's own state.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { state: reason.state(), reason, message: message.into() }
    }

    /// Applies `readinessPolicy`: a running object that `has_moved` counts as ready under Started.
    #[must_use]
    pub fn under(mut self, policy: ReadinessPolicy, has_moved: bool) -> Self {
        if self.state == State::Running && policy == ReadinessPolicy::Started && has_moved {
            self.state = State::Started;
        }
        self
    }
}

/// The conditions that say `summary` of `generation`.
///
/// `lastTransitionTime` is taken from `previous` while a status stays the same, else it is `now`.
/// Succeeded stays once reached while the same generation holds, whatever happens after it.
pub fn conditions(
    summary: &Summary,
    previous: &[Condition],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    let before = |type_: &str| previous.iter().find(|condition| condition.type_ == type_);
    let write = |type_: &str, status: &str| Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: summary.reason.to_string(),
        message: summary.message.chars().take(MAX_MESSAGE).collect(),
        observed_generation: Some(generation),
        last_transition_time: before(type_)
            .filter(|condition| condition.status == status)
            .map_or(Time(now), |condition| condition.last_transition_time.clone()),
    };

    let mut written = vec![write(READY, summary.state.ready())];
    written.extend(summary.state.companion().map(|type_| write(type_, "True")));
    if summary.state != State::Complete {
        let kept = before(SUCCEEDED).filter(|condition| {
            condition.status == "True" && condition.observed_generation == Some(generation)
        });
        written.extend(kept.cloned());
    }
    written
}

/// Which rules a status that we wrote for an object of `generation` breaks; empty when none.
///
/// These are the invariants of Flux's condition checker (FAIL0001 to FAIL0011), stricter where a
/// waiting client would otherwise hang: Ready=False needs Reconciling or Stalled beside it.
pub fn violations(status: &RepositoryBackfillStatus, generation: i64) -> Vec<String> {
    let mut broken = Vec::new();
    let mut must = |holds: bool, rule: &str| {
        if !holds {
            broken.push(rule.to_owned());
        }
    };

    let observed = status.observed_generation;
    must(observed.is_some_and(|seen| seen >= 0), "observedGeneration must be set");
    must(observed <= Some(generation), "observedGeneration must not exceed the generation");

    let mut status_of = BTreeMap::new();
    for condition in &status.conditions {
        let type_ = condition.type_.as_str();
        let twice = status_of.insert(type_, condition.status.as_str()).is_some();
        must(!twice, &format!("{type_} must appear once"));
        let seen = condition.observed_generation;
        must(seen.is_some(), &format!("{type_} must carry its observedGeneration"));
        must(seen <= observed, &format!("{type_} must not be newer than the status"));
        must(
            condition.reason.parse::<Reason>().is_ok(),
            &format!("{type_} must have a reason of the catalogue, not {:?}", condition.reason),
        );
        must(
            condition.message.chars().count() <= MAX_MESSAGE,
            &format!("{type_} must have a message of at most {MAX_MESSAGE} characters"),
        );
        let allowed = match type_ {
            READY => matches!(condition.status.as_str(), "True" | "False" | "Unknown"),
            RECONCILING | STALLED | SUCCEEDED => condition.status == "True",
            _ => false,
        };
        must(allowed, &format!("{type_} must not be published as {:?}", condition.status));
    }

    let ready = status_of.get(READY).copied();
    let reconciling = status_of.get(RECONCILING) == Some(&"True");
    let stalled = status_of.get(STALLED) == Some(&"True");
    must(ready.is_some(), "Ready must be present");
    must(!(reconciling && stalled), "Reconciling and Stalled must not stand together");
    if ready == Some("True") {
        must(!reconciling && !stalled, "Ready must not be True beside Reconciling or Stalled");
        let lags = status.conditions.iter().any(|c| c.observed_generation != Some(generation));
        must(!lags && observed == Some(generation), "Ready must not be True while one lags");
    }
    must(ready != Some("Unknown") || reconciling, "Ready=Unknown must stand with Reconciling");
    must(
        ready != Some("False") || reconciling || stalled,
        "Ready=False must stand with Reconciling or Stalled",
    );
    broken
}

/// A qualified name, as `metav1.Condition` has it.
const TYPE_PATTERN: &str = concat!(
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?",
    r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
);

/// The schema of `metav1.Condition` with the bounds Kubernetes gives it, as a list keyed by type.
pub(crate) fn schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 8,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One aspect of the object's state.",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "type": "string",
                    "description": "Ready, Reconciling, Stalled or Succeeded.",
                    "maxLength": 316,
                    "pattern": TYPE_PATTERN
                },
                "status": {
                    "type": "string",
                    "description": "Whether it holds.",
                    "enum": ["True", "False", "Unknown"]
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "description": "The generation of the spec the condition speaks of.",
                    "minimum": 0,
                    "maximum": MAX_GENERATION
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When the status last changed."
                },
                "reason": {
                    "type": "string",
                    "description": "One word of the catalogue of reasons.",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
                },
                "message": {
                    "type": "string",
                    "description": "What it means for this object, and what mends it.",
                    "maxLength": 32768
                }
            }
        }
    })
}
