//! What goes out and what waits, by a clock that stands still.

#![allow(clippy::unwrap_used)]
use super::*;

impl Governor {
    fn preflight(&self, points: i64, floor: i64) -> Result<Option<Timestamp>, Error> {
        self.waits(&self.budget(), points, floor)
    }
}

fn clock() -> Timestamp {
    Timestamp::from_second(1_795_168_800).unwrap()
}

fn told(remaining: i64) -> RateLimit {
    let reset_at = Timestamp::from_second(clock().as_second() + 600).ok();
    RateLimit { limit: 5_000, remaining, reset_at }
}

#[test]
fn a_spent_minute_is_waited_for_and_not_refused() {
    let governor = Governor::new(clock);
    assert_eq!(governor.preflight(1, 0).unwrap(), None);
    governor.charge("a", 1, 46.0);
    let until = governor.preflight(1, 0).unwrap().expect("46 seconds of 45 are spent");
    assert!(until > clock() && until.duration_since(clock()).as_secs() <= 60);
}

#[test]
fn the_floor_is_for_chunks_that_start_and_the_rest_for_those_under_way() {
    let governor = Governor::new(clock);
    governor.observe(told(400));
    let refused = governor.preflight(2, 500).unwrap_err();
    assert!(matches!(refused, Error::BelowFloor { remaining: 400, floor: 500, .. }));
    assert_eq!(governor.preflight(2, 0).unwrap(), None);
    governor.observe(told(0));
    let refused = governor.preflight(1, 0).unwrap_err();
    assert!(matches!(refused, Error::PrimaryLimit { .. }), "{refused:?}");
    let refused = governor.preflight(1, 5_000).unwrap_err();
    assert!(matches!(refused, Error::BudgetTooSmall { limit: 5_000, floor: 5_000 }));
}

#[test]
fn exhaustion_is_believed_even_where_points_seem_left() {
    let governor = Governor::new(clock);
    governor.observe(told(3_000));
    let until = governor.exhausted(None).until().unwrap();
    assert_eq!(until.as_second(), clock().as_second() + 601);
    assert!(matches!(governor.preflight(1, 0), Err(Error::PrimaryLimit { .. })));
    let unknown = Governor::new(clock);
    let until = unknown.exhausted(None).until().unwrap();
    assert_eq!(until.as_second(), clock().as_second() + 60);
    assert!(unknown.preflight(1, 0).is_err());
}

#[test]
fn after_exhaustion_nothing_goes_before_the_later_of_reset_and_retry_after() {
    for (reset, retry_after, expected) in [(10, 60, 60), (600, 60, 601)] {
        let governor = Governor::new(clock);
        let reset_at = Timestamp::from_second(clock().as_second() + reset).ok();
        governor.observe(RateLimit { limit: 5_000, remaining: 0, reset_at });
        let error = governor.exhausted(Some(SignedDuration::from_secs(retry_after)));
        assert!(matches!(error, Error::PrimaryLimit { .. }), "{error:?}");
        assert_eq!(error.until().unwrap().as_second() - clock().as_second(), expected);
        let refused = governor.preflight(1, 0).unwrap_err().until().unwrap();
        assert_eq!(refused.as_second() - clock().as_second(), 60);
    }
}

#[test]
fn what_outlives_the_process_holds_again_after_it() {
    let governor = Governor::new(clock);
    governor.observe(told(7));
    governor.slow_down(Some(SignedDuration::from_secs(90)));
    let next = Governor::new(clock);
    next.restore(&governor.snapshot());
    assert_eq!(next.limits().map(|limits| limits.remaining), Some(7));
    let held = next.preflight(1, 0).unwrap_err().until().unwrap();
    assert_eq!(held.as_second(), clock().as_second() + 90);
}

#[test]
fn what_was_sent_is_charged_even_if_nobody_waits_for_the_answer() {
    let governor = Governor::new(clock);
    let depart = || match governor.depart("a", 3, 0).unwrap() {
        Departure::Off(flight) => flight,
        Departure::Wait(_) => unreachable!("nothing is spent"),
    };
    depart().never_arrived();
    assert!(governor.figures().average_cost_per_query < 2.0, "nothing was charged");
    drop(depart());
    assert!(governor.figures().average_cost_per_query > 2.0);
}

#[test]
fn as_many_are_under_way_as_the_minute_has_room_for() {
    let governor = Governor::new(clock);
    let depart = || match governor.depart("a", 1, 0).unwrap() {
        Departure::Off(flight) => Some(flight),
        Departure::Wait(_) => None,
    };
    let flights: Vec<_> = (0..100).map_while(|_| depart()).collect();
    assert_eq!(flights.len(), 15, "of three seconds each, as long as none was measured");
    flights.into_iter().for_each(Flight::never_arrived);
    assert!(depart().is_some(), "they have landed");
}

#[test]
fn a_query_that_never_began_goes_again_in_its_own_place() {
    let governor = Governor::new(clock);
    governor.charge("a", 1, 43.0);
    // One of 43 seconds is thought to take as long again.
    let Ok(Departure::Off(flight)) = governor.depart("a", 1, 0) else { unreachable!("43 of 45") };
    assert!(matches!(governor.preflight(1, 0), Ok(Some(_))), "another has no room");
    assert!(flight.may_go_again(0));
    governor.observe(told(0));
    assert!(!flight.may_go_again(0), "no points are left");
    flight.never_arrived();
}
