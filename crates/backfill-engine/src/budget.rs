//! What one GitHub identity may still spend, and whose turn it is: product rules 3.3 and 3.4.
//!
//! A [`Budget`] is a value; whoever holds it brings the time. Three things can stand between a
//! backfill and its next chunk: a hold (secondary limit), the points of the window, and the
//! response seconds of the last minute; and what is left of these is shared by weight. Every
//! wait it names is bounded: by an hour and a bit from now, whatever clocks or answers say.
//! It must not know HTTP, the store, or which repository a flow stands for.

mod flows;
mod hold;
mod points;
mod snapshot;
mod spending;
#[cfg(test)]
mod tests;
mod waits;

use std::collections::BTreeMap;

use backfill_api::Priority;
use jiff::{SignedDuration, Timestamp};

use crate::numbers::{float, later, span};
use flows::Flows;
use hold::Hold;
pub use points::RateLimit;
use points::Window;
pub use snapshot::{BudgetSnapshot, Figures};
pub use spending::RESPONSE_SECONDS_PER_MINUTE;
use spending::{ROLLING, Spending, Spent};
pub use waits::{Place, Why};

/// A wait for others is asked about again so soon, in seconds: they may be done by then.
const LONGEST_SHARE_WAIT: f64 = 2.0;
/// Points an hour of an ordinary user or installation, taken until GitHub tells the limit.
const USUAL_LIMIT: i64 = 5_000;
/// How fast the average cost and the average seconds of a query follow the last one.
const FOLLOW: f64 = 0.1;
/// The dearest query that is believed.
const MOST_POINTS: i64 = 1_000_000;
/// The longest answer that is believed.
const MOST_SECONDS: f64 = 900.0;
/// The longest wait ever named.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(66);
/// The shortest, so that nobody spins.
const SHORTEST_WAIT: SignedDuration = SignedDuration::from_millis(100);
/// The room kept for flows that are ahead never takes the whole minute: an idle budget refuses
/// nobody for the sake of others that may never ask.
const MOST_SET_ASIDE: f64 = RESPONSE_SECONDS_PER_MINUTE - flows::USUAL_SECONDS;
/// How long to wait for chunks in flight whose cost is not known yet.
const FLIGHT_SECONDS: (f64, f64) = (0.5, 10.0);

/// The weight of a priority: 4, 2 or 1.
pub fn weight(priority: Priority) -> u32 {
    match priority {
        Priority::High => 4,
        Priority::Normal => 2,
        Priority::Low => 1,
    }
}

/// The budget of one identity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Budget {
    window: Option<Window>,
    hold: Hold,
    spending: Spending,
    flows: Flows,
    average_cost: Option<f64>,
    average_seconds: Option<f64>,
    in_flight: u32,
}

impl Budget {
    /// May `flow` (any stable id) of this weight send a chunk of about `estimated_cost` points
    /// without touching the last `floor` points? `Now` reserves the place for a minute, until
    /// the chunk's queries are charged; `At` is when to ask again.
    pub fn place(
        &mut self,
        flow: &str,
        weight: u32,
        floor: i64,
        estimated_cost: i64,
        now: Timestamp,
    ) -> Place {
        self.spending.forget_before_last_minute(now);
        self.flows.ask(flow, weight, now);
        let standing = self.standing(floor, estimated_cost, now);
        let place = match standing {
            Place::Now => self.turn(flow, floor, estimated_cost, now),
            Place::At { .. } => standing,
        };
        match &place {
            Place::Now => self.flows.grant(flow, estimated_cost.max(1), now),
            Place::At { until, .. } => self.flows.refuse(flow, *until),
        }
        place
    }

    /// May a further query of `cost` points of a chunk in flight be sent now? Those that have
    /// departed and not landed count with the seconds that queries took lately: all that wait
    /// together would else go together.
    pub fn check(&self, cost: i64, floor: i64, now: Timestamp) -> Place {
        let standing = self.standing(floor, cost, now);
        let usual = self.average_seconds.unwrap_or(flows::USUAL_SECONDS);
        let in_flight = f64::from(self.in_flight) * usual;
        let spent = self.spending.seconds(now);
        if standing != Place::Now || spent + in_flight < RESPONSE_SECONDS_PER_MINUTE {
            return standing;
        }
        let until = if spent < RESPONSE_SECONDS_PER_MINUTE {
            Self::after_flight(usual, now)
        } else {
            self.spending.falls_below(RESPONSE_SECONDS_PER_MINUTE, now)
        };
        Self::at(until, Why::ResponseSeconds, now)
    }

    /// A query goes out.
    pub fn depart(&mut self) {
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// It was answered, or nobody waits for its answer any more.
    pub fn land(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A query was answered, well or badly, after `response_seconds` (15 minutes at most are
    /// counted: no chunk lives longer), and cost `cost` points.
    pub fn charge(&mut self, flow: &str, cost: i64, response_seconds: f64, now: Timestamp) {
        let cost = cost.clamp(0, MOST_POINTS);
        let seconds = if response_seconds.is_nan() { 0.0 } else { response_seconds };
        let seconds = seconds.clamp(0.0, MOST_SECONDS);
        self.spending.forget_before_last_minute(now);
        self.spending.add(Spent { at: now, seconds, points: cost });
        self.flows.charge(flow, cost, seconds, self.seconds_per_point(), now);
        self.hold.good_answer(now);
        let follow = |average: &mut Option<f64>, last: f64| {
            let before = average.unwrap_or(last);
            *average = Some(before + FOLLOW * (last - before));
        };
        follow(&mut self.average_cost, float(cost));
        follow(&mut self.average_seconds, seconds);
    }

    /// What an answer told of the primary limit.
    pub fn observe(&mut self, told: RateLimit, now: Timestamp) {
        self.window = Window::observe(self.window, told, now);
    }

    /// GitHub refused a query because the primary limit is used up. While it tells otherwise (or
    /// nothing), all that helps is to wait: a minute, then longer each time.
    pub fn exhausted(&mut self, now: Timestamp) {
        let told_so = self.open_window(now).is_some_and(|window| window.told().remaining == 0);
        if !told_so {
            self.hold.strike(None, now);
        }
    }

    /// GitHub refused a query by a secondary limit: `retry_after` if it was sent (at most an
    /// hour), else 60 s, doubling to 15 min; good answers bring it down again.
    pub fn secondary_limited(&mut self, retry_after: Option<SignedDuration>, now: Timestamp) {
        self.hold.strike(retry_after, now);
    }

    /// Nothing is sent before `until`, at most an hour from now.
    pub fn hold(&mut self, until: Timestamp, now: Timestamp) {
        self.hold.extend(until, now);
    }

    /// `flow` has ended, stalled or waits for something else: its share goes to the others.
    pub fn leave(&mut self, flow: &str, now: Timestamp) {
        self.flows.leave(flow, now);
    }

    /// The floor leaves nothing of the limit: no chunk could be sent. Once the window is over
    /// nobody knows: the next answer may tell another limit.
    pub fn too_small(&self, floor: i64, now: Timestamp) -> bool {
        self.open_window(now).is_some_and(|window| floor >= window.told().limit)
    }

    /// It was too small in the last window, and nobody has asked since.
    pub fn was_too_small(&self, floor: i64, now: Timestamp) -> bool {
        let is_over = |window: &Window| !window.is_open(now);
        self.window.filter(is_over).is_some_and(|window| floor >= window.told().limit)
    }

    /// The fair share of each flow that has lately asked. They sum to one.
    pub fn shares(&self, now: Timestamp) -> BTreeMap<String, f64> {
        self.flows.shares(now)
    }

    fn open_window(&self, now: Timestamp) -> Option<Window> {
        self.window.filter(|window| window.is_open(now))
    }

    /// The response seconds that are the same share of an hour's allowance as one point.
    fn seconds_per_point(&self) -> f64 {
        let limit = self.window.map_or(USUAL_LIMIT, |window| window.told().limit);
        RESPONSE_SECONDS_PER_MINUTE * 60.0 / float(limit.max(1))
    }

    /// What holds for every flow alike: the hold and the points.
    fn standing(&self, floor: i64, cost: i64, now: Timestamp) -> Place {
        if let Some(until) = self.hold.active(now) {
            return Self::at(until, Why::Hold, now);
        }
        match self.open_window(now) {
            Some(window) if window.told().remaining < Self::wanted(floor, cost, window) => {
                let RateLimit { remaining, limit, .. } = window.told();
                let until = window.resumes_at();
                Self::at(until, Why::RateLimit { remaining, limit, floor }, now)
            }
            _ => Place::Now,
        }
    }

    /// Points that must be left for a query to be sent. A fresh window always lets one through.
    fn wanted(floor: i64, cost: i64, window: Window) -> i64 {
        floor.max(0).saturating_add(cost.max(1)).min(window.told().limit)
    }

    /// What is shared: the points that chunks in flight leave, and the response seconds.
    fn turn(&self, flow: &str, floor: i64, cost: i64, now: Timestamp) -> Place {
        let (reserved_seconds, reserved_points) = self.flows.reserved_for_others(flow, now);
        let ahead = self.flows.ahead(flow, self.seconds_per_point(), now);
        let usual = self.flows.usual_seconds(flow);
        let after_flight = Self::after_flight(usual, now);
        if let Some(window) = self.open_window(now) {
            let left = window.told().remaining.saturating_sub(reserved_points);
            if left < Self::wanted(floor, cost, window) {
                return Self::at(after_flight, Why::Share, now);
            }
            if ahead.debt > 0.0 && self.is_scarce(left.saturating_sub(floor), window, now) {
                let until = self.caught_up(ahead.debt, now);
                return Self::at(until, Why::Share, now);
            }
        }
        let spent = self.spending.seconds(now);
        // Those before it must still find their room once this one's own chunk is through.
        let set_aside = if ahead.seconds > 0.0 { ahead.seconds + usual } else { 0.0 };
        let set_aside = set_aside.min(MOST_SET_ASIDE);
        let most = RESPONSE_SECONDS_PER_MINUTE - reserved_seconds - set_aside;
        if spent < most {
            return Place::Now;
        }
        let until = if most > 0.0 {
            self.spending.falls_below(most, now)
        } else {
            let over = reserved_seconds + ahead.seconds - RESPONSE_SECONDS_PER_MINUTE;
            let minutes = (over / RESPONSE_SECONDS_PER_MINUTE).min(1.0);
            later(now, span(minutes * ROLLING.as_secs_f64())).max(after_flight)
        };
        let full = spent + reserved_seconds >= RESPONSE_SECONDS_PER_MINUTE;
        let why = if full { Why::ResponseSeconds } else { Why::Share };
        Self::at(until, why, now)
    }

    /// At the pace of the last minute `points` will not last until the window ends.
    fn is_scarce(&self, points: i64, window: Window, now: Timestamp) -> bool {
        let minutes = window.ends_at().duration_since(now).as_secs_f64() / ROLLING.as_secs_f64();
        float(self.spending.points(now)) * minutes > float(points.max(0))
    }

    /// When the flows before one have had `debt` of work at the pace of the last minute.
    fn caught_up(&self, debt: f64, now: Timestamp) -> Timestamp {
        let (points, seconds) = (self.spending.points(now), self.spending.seconds(now));
        let pace = flows::work(points, seconds, self.seconds_per_point()) / ROLLING.as_secs_f64();
        later(now, span((debt / pace).min(LONGEST_SHARE_WAIT)))
    }

    /// When what is in flight should have landed, if it takes `usual` seconds.
    fn after_flight(usual: f64, now: Timestamp) -> Timestamp {
        later(now, span(usual.clamp(FLIGHT_SECONDS.0, FLIGHT_SECONDS.1)))
    }

    fn at(until: Timestamp, why: Why, now: Timestamp) -> Place {
        let until = until.clamp(later(now, SHORTEST_WAIT), later(now, LONGEST_WAIT));
        Place::At { until, why }
    }

    /// The primary limit as far as it is known now; full again once the window has ended.
    pub fn rate_limit(&self, now: Timestamp) -> Option<RateLimit> {
        let told = self.window?.told();
        let ended = RateLimit { limit: told.limit, remaining: told.limit, reset_at: None };
        Some(self.open_window(now).map_or(ended, |window| window.told()))
    }
}
