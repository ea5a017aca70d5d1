//! Who is next: weighted fair queueing over the backfills of one identity.
//!
//! Each flow carries a tag, its virtual time: the work it has had, divided by its weight. The
//! lowest tag is next. A flow that does not ask, waits elsewhere or stalls drops out by itself,
//! and starts at the present virtual time when it comes back, so that nobody saves up a share.
//! It must not know limits; it orders, and says how much room those before a flow will want.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::spending::RESPONSE_SECONDS_PER_MINUTE;
use crate::numbers::{float, later};

/// Response seconds of a chunk before any was measured: about 2.5 s for a page of 25
/// pull requests by measurements against live GitHub, and a short follow-up.
pub(super) const USUAL_SECONDS: f64 = 3.0;
/// How fast the usual seconds of a chunk follow the last one.
const FOLLOW: f64 = 0.3;
/// A granted flow is expected back within this; so long its place is also reserved.
const GRANTED_FOR: SignedDuration = SignedDuration::from_secs(60);
/// A flow between two queries, or whose instant has come, is expected back within this.
const EXPECTED_WITHIN: SignedDuration = SignedDuration::from_secs(15);
/// A flow unheard of for so long is forgotten.
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// How far, in virtual time, a flow may fall behind the others and still have it made good: two
/// minutes of the whole allowance at weight 1.
const MOST_LAG: f64 = 2.0 * RESPONSE_SECONDS_PER_MINUTE;
#[derive(Clone, Debug, PartialEq)]
struct Granted {
    at: Timestamp,
    points: i64,
    seconds: f64,
    spent_points: i64,
    spent_seconds: f64,
}

#[derive(Clone, Debug, PartialEq)]
struct Flow {
    weight: f64,
    tag: f64,
    active_until: Timestamp,
    usual_seconds: f64,
    granted: Option<Granted>,
}

impl Flow {
    fn is_active(&self, now: Timestamp) -> bool {
        now <= self.active_until
    }

    /// Seconds and points that the chunk in flight will probably still take. A place that was given
    /// far in the future was given before the clock went back, and holds nobody up.
    fn reserved(&self, now: Timestamp) -> (f64, i64) {
        let is_current = |granted: &Granted| {
            now < later(granted.at, GRANTED_FOR) && granted.at <= later(now, EXPECTED_WITHIN)
        };
        match self.granted.as_ref().filter(|granted| is_current(granted)) {
            Some(granted) => (
                (granted.seconds - granted.spent_seconds).max(0.0),
                (granted.points - granted.spent_points).max(0),
            ),
            None => (0.0, 0),
        }
    }

    /// The tag once the chunk in flight is charged.
    fn tag_after_flight(&self, now: Timestamp, seconds_per_point: f64) -> f64 {
        let (seconds, points) = self.reserved(now);
        self.tag + work(points, seconds, seconds_per_point) / self.weight
    }
}

/// Work in response seconds: points count by the share of their hour's allowance, so that the
/// scarcer of the two is what flows are compared by.
pub(super) fn work(points: i64, seconds: f64, seconds_per_point: f64) -> f64 {
    seconds.max(float(points) * seconds_per_point)
}

/// What those want whose turn comes before a flow's own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Ahead {
    /// Response seconds to leave for one chunk of each.
    pub(super) seconds: f64,
    /// Work until the last of them has caught up; 0 when nobody is before the flow.
    pub(super) debt: f64,
}

/// All flows of one identity.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Flows {
    flows: BTreeMap<String, Flow>,
    virtual_time: f64,
}

impl Flows {
    /// A flow asks for a place: it joins, comes back, or is there already.
    pub(super) fn ask(&mut self, id: &str, weight: u32, now: Timestamp) {
        self.flows.retain(|_, flow| now < later(flow.active_until, FORGOTTEN_AFTER));
        self.advance(now);
        let foremost = self.active(now).map(|(_, flow)| flow.tag).fold(f64::MIN, f64::max);
        let start = self.virtual_time;
        let flow = self.flows.entry(id.to_owned()).or_insert(Flow {
            weight: 1.0,
            tag: start,
            active_until: Timestamp::MIN,
            usual_seconds: USUAL_SECONDS,
            granted: None,
        });
        flow.weight = f64::from(weight.max(1));
        if let Some(last) = flow.granted.take().filter(|last| last.spent_seconds > 0.0) {
            flow.usual_seconds += FOLLOW * (last.spent_seconds - flow.usual_seconds);
        }
        if !flow.is_active(now) {
            flow.tag = flow.tag.max(start);
        }
        flow.tag = flow.tag.max(foremost - MOST_LAG);
        flow.active_until = later(now, EXPECTED_WITHIN);
    }

    /// The flow may send its chunk.
    pub(super) fn grant(&mut self, id: &str, points: i64, now: Timestamp) {
        if let Some(flow) = self.flows.get_mut(id) {
            flow.active_until = later(now, GRANTED_FOR);
            flow.granted = Some(Granted {
                at: now,
                points,
                seconds: flow.usual_seconds,
                spent_points: 0,
                spent_seconds: 0.0,
            });
        }
    }

    /// The flow was told to come back then.
    pub(super) fn refuse(&mut self, id: &str, until: Timestamp) {
        if let Some(flow) = self.flows.get_mut(id) {
            flow.active_until = later(until, EXPECTED_WITHIN);
        }
    }

    /// The flow will not ask again soon; its share goes to the others at once.
    pub(super) fn leave(&mut self, id: &str, now: Timestamp) {
        self.advance(now);
        if let Some(flow) = self.flows.get_mut(id) {
            flow.active_until = later(now, SignedDuration::from_nanos(-1)).min(flow.active_until);
            flow.granted = None;
        }
    }

    /// A query of the flow was answered.
    pub(super) fn charge(
        &mut self,
        id: &str,
        points: i64,
        seconds: f64,
        seconds_per_point: f64,
        now: Timestamp,
    ) {
        if let Some(flow) = self.flows.get_mut(id) {
            flow.tag += work(points, seconds, seconds_per_point) / flow.weight;
            flow.active_until = later(now, EXPECTED_WITHIN);
            if let Some(granted) = &mut flow.granted {
                granted.spent_points += points;
                granted.spent_seconds += seconds;
            }
        }
        self.advance(now);
    }

    /// Seconds and points reserved for chunks in flight of flows other than `id`.
    pub(super) fn reserved_for_others(&self, id: &str, now: Timestamp) -> (f64, i64) {
        let others = self.flows.iter().filter(|(other, _)| other.as_str() != id);
        others
            .map(|(_, flow)| flow.reserved(now))
            .fold((0.0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// What the active flows with a lower tag than `id` want.
    pub(super) fn ahead(&self, id: &str, seconds_per_point: f64, now: Timestamp) -> Ahead {
        let Some(own) = self.flows.get(id) else { return Ahead::default() };
        let mut ahead = Ahead::default();
        for (other, flow) in self.active(now) {
            let tag = flow.tag_after_flight(now, seconds_per_point);
            if other != id && tag < own.tag {
                ahead.seconds += flow.usual_seconds;
                ahead.debt += (own.tag - tag) * flow.weight;
            }
        }
        ahead
    }

    /// Response seconds that a chunk of the flow usually takes.
    pub(super) fn usual_seconds(&self, id: &str) -> f64 {
        self.flows.get(id).map_or(USUAL_SECONDS, |flow| flow.usual_seconds)
    }

    /// Each active flow's fair share of the whole; they sum to one.
    pub(super) fn shares(&self, now: Timestamp) -> BTreeMap<String, f64> {
        let total: f64 = self.active(now).map(|(_, flow)| flow.weight).sum();
        self.active(now).map(|(id, flow)| (id.to_owned(), flow.weight / total)).collect()
    }

    fn active(&self, now: Timestamp) -> impl Iterator<Item = (&str, &Flow)> {
        let all = self.flows.iter().map(|(id, flow)| (id.as_str(), flow));
        all.filter(move |(_, flow)| flow.is_active(now))
    }

    /// Virtual time is the lowest tag of those active, and never goes back.
    fn advance(&mut self, now: Timestamp) {
        let lowest = self.active(now).map(|(_, flow)| flow.tag).reduce(f64::min);
        self.virtual_time = self.virtual_time.max(lowest.unwrap_or(self.virtual_time));
    }
}
