//! Every wait is bounded and ends, whatever happens in whatever order.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Event {
    Place(u8, i64, i64),
    Check(i64, i64),
    Charge(u8, i64, f64),
    Observe(i64, i64, Option<i64>),
    Exhausted,
    Secondary(Option<i64>),
    Leave(u8),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0u8..6, -10i64..9_000, -10i64..9_000).prop_map(|(who, floor, cost)| {
            Event::Place(who, floor, cost)
        }),
        2 => (-10i64..9_000, -10i64..9_000).prop_map(|(cost, floor)| Event::Check(cost, floor)),
        4 => (0u8..6, -10i64..200, any::<f64>()).prop_map(|(who, cost, seconds)| {
            Event::Charge(who, cost, seconds)
        }),
        3 => (-10i64..9_000, any::<i64>(), proptest::option::of(-100_000i64..100_000_000))
            .prop_map(|(limit, left, reset)| Event::Observe(limit, left, reset)),
        1 => Just(Event::Exhausted),
        1 => proptest::option::of(-100i64..1_000_000_000).prop_map(Event::Secondary),
        1 => (0u8..6).prop_map(Event::Leave),
    ]
}

proptest! {
    /// Whatever answers, floors and clocks say, every wait is ahead, is bounded, and ends: who
    /// asks again when told, with nothing happening in between, is let through in the end.
    #[test]
    fn every_wait_is_bounded_and_ends(
        events in proptest::collection::vec((any_event(), -30i64..120), 1..120),
    ) {
        let mut budget = Budget::default();
        let mut now = at(0);
        let bounded = |place: Place, now: Timestamp| match place {
            Place::Now => true,
            Place::At { until, .. } => {
                until > now && until <= later(now, SignedDuration::from_mins(66))
            }
        };
        for (event, step) in events {
            now = later(now, SignedDuration::from_secs(step));
            match event {
                Event::Place(who, floor, cost) => {
                    let place = budget.place(&who.to_string(), 2, floor, cost, now);
                    prop_assert!(bounded(place, now), "{:?}", place);
                }
                Event::Check(cost, floor) => {
                    prop_assert!(bounded(budget.check(cost, floor, now), now));
                }
                Event::Charge(who, cost, seconds) => {
                    budget.charge(&who.to_string(), cost, seconds, now);
                }
                Event::Observe(limit, remaining, reset) => {
                    let reset_at = reset.map(at);
                    budget.observe(RateLimit { limit, remaining, reset_at }, now);
                }
                Event::Exhausted => budget.exhausted(now),
                Event::Secondary(after) => {
                    budget.secondary_limited(after.map(SignedDuration::from_secs), now);
                }
                Event::Leave(who) => budget.leave(&who.to_string(), now),
            }
            let sum: f64 = budget.shares(now).values().sum();
            prop_assert!(budget.shares(now).is_empty() || (sum - 1.0).abs() < 1e-9);
        }
        let mut looks = 0;
        while let Place::At { until, .. } = budget.place("last", 1, 500, 10, now) {
            now = until;
            looks += 1;
            prop_assert!(looks < 400, "it sticks");
        }
    }
}

#[test]
fn a_clock_that_went_back_leaves_no_place_reserved() {
    let mut budget = Budget::default();
    assert_eq!(budget.place("before", 1, 0, 100, at(3_600)), Place::Now);
    budget.observe(RateLimit { limit: 100, remaining: 100, reset_at: Some(at(3_600)) }, at(0));
    assert_eq!(budget.place("after", 1, 0, 100, at(0)), Place::Now);
}
