//! The fault plan: which requests get which wrong answer, repeatably.
//!
//! This file must not know how an answer looks on the wire.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::synthetic::Prng;

/// A wrong answer.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "the README's table says what each looks like")]
pub enum Wrong {
    BadGatewayJson,
    BadGatewayHtml,
    GatewayTimeoutJson,
    GatewayTimeoutPlain,
    TimeoutUnder200,
    Reset,
    Truncate,
    Slow { seconds: f64 },
    ResourceLimits,
    NullNode,
    RateLimitOld,
    RateLimitNew,
    Secondary { seconds: f64 },
    SecondaryNoRetryAfter,
    Unauthorized,
    NotFound,
    Html,
    Huge { bytes: u64 },
}

/// What `secondary` tells a client to wait if the plan does not say; GitHub often says 60.
const SECONDARY_SECONDS: f64 = 5.0;

/// The names a plan may use.
const NAMES: &[&str] = &[
    "502-json",
    "502-html",
    "504-json",
    "504-plain",
    "200-timeout",
    "reset",
    "truncate",
    "slow:SECONDS",
    "resource-limits",
    "null-node",
    "rate-limit-old",
    "rate-limit-new",
    "secondary[:SECONDS]",
    "secondary-no-retry-after",
    "401",
    "not-found",
    "html",
    "huge:BYTES",
];

impl FromStr for Wrong {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, argument) = text.split_once(':').map_or((text, None), |(a, b)| (a, Some(b)));
        let seconds =
            || argument?.parse::<f64>().ok().filter(|number| (0.0..=3600.0).contains(number));
        let known = match (name, argument) {
            ("slow", Some(_)) => seconds().map(|seconds| Wrong::Slow { seconds }),
            ("secondary", Some(_)) => seconds().map(|seconds| Wrong::Secondary { seconds }),
            ("huge", Some(bytes)) => bytes.parse().ok().map(|bytes| Wrong::Huge { bytes }),
            ("502-json", None) => Some(Wrong::BadGatewayJson),
            ("502-html", None) => Some(Wrong::BadGatewayHtml),
            ("504-json", None) => Some(Wrong::GatewayTimeoutJson),
            ("504-plain", None) => Some(Wrong::GatewayTimeoutPlain),
            ("200-timeout", None) => Some(Wrong::TimeoutUnder200),
            ("reset", None) => Some(Wrong::Reset),
            ("truncate", None) => Some(Wrong::Truncate),
            ("resource-limits", None) => Some(Wrong::ResourceLimits),
            ("null-node", None) => Some(Wrong::NullNode),
            ("rate-limit-old", None) => Some(Wrong::RateLimitOld),
            ("rate-limit-new", None) => Some(Wrong::RateLimitNew),
            ("secondary", None) => Some(Wrong::Secondary { seconds: SECONDARY_SECONDS }),
            ("secondary-no-retry-after", None) => Some(Wrong::SecondaryNoRetryAfter),
            ("401", None) => Some(Wrong::Unauthorized),
            ("not-found", None) => Some(Wrong::NotFound),
            ("html", None) => Some(Wrong::Html),
            _ => None,
        };
        let unknown = || Error::Answer { answer: text.into(), allowed: NAMES.join(", ") };
        known.ok_or_else(unknown)
    }
}

/// When a rule applies; everything given must hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// The operation's name.
    pub operation: Option<String>,
    /// A `pullRequests` page or a `nodes(ids:)` list above this size.
    pub first_over: Option<u64>,
    /// The answer reads more of this pull request than its index fields.
    pub number: Option<u32>,
    /// Drawn after everything else holds.
    pub probability: Option<f64>,
    /// After so many answers the rule is spent.
    pub times: Option<u64>,
    /// So many requests since the plan was set come first.
    pub after_requests: Option<u64>,
    /// The bearer token.
    pub credential: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    #[serde(default, rename = "match")]
    when: Match,
    answer: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PlanText {
    seed: u64,
    rules: Vec<RuleText>,
}

#[derive(Debug)]
struct Rule {
    when: Match,
    answer: Wrong,
    name: String,
    answered: u64,
    draws: Prng,
}

/// A plan in force.
#[derive(Debug, Default)]
pub struct Plan {
    rules: Vec<Rule>,
    requests: u64,
}

/// What a plan looks at.
#[derive(Debug)]
#[expect(missing_docs, reason = "they mirror `Match`")]
pub struct Request<'r> {
    pub operation: &'r str,
    pub largest_page: u64,
    pub heavy: &'r BTreeSet<u32>,
    pub credential: &'r str,
}

/// The answer of a rule.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The answer.
    pub answer: Wrong,
    /// Its name in the plan.
    pub name: String,
    /// The pull request the rule was about, if about one.
    pub number: Option<u32>,
}

impl Plan {
    /// Reads a plan; an unknown answer or match is refused.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let text: PlanText = serde_json::from_str(json)
            .map_err(|source| Error::Line { place: "fault plan".into(), source })?;
        let mut rules = Vec::new();
        for (place, rule) in text.rules.into_iter().enumerate() {
            rules.push(Rule {
                when: rule.when,
                answer: rule.answer.parse()?,
                name: rule.answer,
                answered: 0,
                draws: Prng::new(text.seed, place as u64, 0),
            });
        }
        Ok(Plan { rules, requests: 0 })
    }

    /// The answer of the first rule that applies.
    pub fn hit(&mut self, request: &Request<'_>) -> Option<Hit> {
        let before = self.requests;
        self.requests += 1;
        self.rules.iter_mut().find_map(|rule| rule.hit(request, before))
    }
}

impl Rule {
    fn hit(&mut self, request: &Request<'_>, before: u64) -> Option<Hit> {
        let when = &self.when;
        let holds = when.operation.as_ref().is_none_or(|name| name == request.operation)
            && when.first_over.is_none_or(|size| request.largest_page > size)
            && when.number.is_none_or(|number| request.heavy.contains(&number))
            && when.times.is_none_or(|times| self.answered < times)
            && when.after_requests.is_none_or(|count| before >= count)
            && when.credential.as_ref().is_none_or(|token| token == request.credential);
        if !holds || when.probability.is_some_and(|chance| !self.draws.chance(chance)) {
            return None;
        }
        self.answered += 1;
        Some(Hit { answer: self.answer.clone(), name: self.name.clone(), number: when.number })
    }
}

#[cfg(test)]
mod tests;
