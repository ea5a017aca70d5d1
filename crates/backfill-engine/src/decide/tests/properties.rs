//! What holds for every view of the world.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

fn any_seen() -> impl Strategy<Value = Seen> {
    // Each obstacle is rare enough that now and then none stands in the way.
    let flags = proptest::collection::vec(proptest::bool::weighted(0.25), 17);
    // Hours ahead is what the clock leaves behind when it goes back.
    let next = prop_oneof![-10..10_i64, -10_000..10_000_i64];
    let drawn = (flags, 0..8_i64, 0..4_u8, next, 0..3_u8, 0.0..=1.0);
    drawn.prop_map(|(flags, errors, status, next, owner, fraction)| {
        with(|seen| {
            seen.fraction = fraction;
            seen.heir = flags[14].then(|| object("heir"));
            seen.has_unreadable = flags[15];
            seen.object.deleting = flags[0] && flags[1];
            seen.object.has_finalizer = flags[2];
            seen.object.deletes_rows = flags[3];
            seen.object.suspended = flags[4] && flags[5];
            seen.object.dry_run = flags[6];
            seen.permit = if flags[7] { Err(3) } else { Ok(()) };
            if flags[8] {
                seen.place = Place::At { until: at(60), why: Why::Hold };
            }
            if flags[12] {
                let missing = fault(Reason::CredentialsNotFound);
                seen.credentials = Err(missing);
            }
            let down = fault(Reason::GitHubUnavailable);
            seen.unrecorded = flags[13].then_some((down, at(next)));
            seen.paced_until = Some(at(next.min(36) * 100));
            let row = row(seen);
            row.stage = if flags[9] { Stage::Walk } else { Stage::Verify };
            row.consecutive_errors = errors;
            row.failed_attempts = errors;
            row.next_attempt_at = Some(at(next));
            row.last_error = flags[10].then(|| ErrorRecord {
                reason: Reason::GitHubUnavailable,
                message: String::new(),
                at: NOW,
            });
            row.status = match status {
                0 => StateStatus::Active,
                1 => StateStatus::Paused,
                2 => StateStatus::Failed,
                _ => StateStatus::Completed,
            };
            row.owner = Some(object(if owner == 0 { "other" } else { "me" }));
            if owner == 0 && flags[11] {
                seen.claimed_by = Some(object("other"));
            }
            if flags[16] {
                seen.state = Err(fault(Reason::StoreUnavailable));
            }
        })
    })
}

proptest! {
    #[test]
    fn every_wait_lies_ahead_and_is_bounded(seen in any_seen()) {
        if let Step::Wait { until, .. }
        | Step::Reject { until, .. }
        | Step::Suspend { until }
        | Step::Complete { until, .. } = decide(&seen)
        {
            prop_assert!(until > seen.now);
            prop_assert!(until <= seen.now + SignedDuration::from_hours(1) + crate::retry::SKEW);
        }
    }

    #[test]
    fn nothing_is_fetched_unless_nothing_stands_against_it(seen in any_seen()) {
        let step = decide(&seen);
        if matches!(step, Step::Resolve | Step::RunChunks | Step::Verify) {
            prop_assert!(!seen.object.deleting && !seen.object.suspended);
            prop_assert!(seen.credentials.is_ok());
            let is_claimed = seen.claimed_by.is_some() && !seen.object.dry_run;
            prop_assert!(seen.place == Place::Now && !is_claimed);
            let pends = seen.unrecorded.as_ref().filter(|(_, at)| *at > seen.now);
            prop_assert!(pends.is_none_or(|(_, until)| *until > at(3_600)));
        }
        if matches!(step, Step::RunChunks | Step::Verify) {
            prop_assert!(seen.permit.is_ok() && !seen.object.dry_run);
            prop_assert!(step == Step::Verify || seen.paced_until <= Some(seen.now));
            let row = seen.own_walk().unwrap();
            prop_assert!(row.status != StateStatus::Completed);
            prop_assert!(row.consecutive_errors < seen.object.max_consecutive_errors);
        }
    }

    #[test]
    fn rows_go_only_where_it_is_known_that_nobody_stands_on_them(mut seen in any_seen()) {
        let object = &mut seen.object;
        (object.deleting, object.has_finalizer, object.deletes_rows) = (true, true, true);
        let step = decide(&seen);
        if step == Step::Finalize(Rows::Go) {
            prop_assert!(seen.state.is_ok() && !seen.has_unreadable);
            prop_assert!(seen.heir.is_none() || seen.own_state().is_none());
        } else {
            prop_assert!(matches!(step, Step::Finalize(_)));
        }
    }

    #[test]
    fn no_step_that_changes_nothing_repeats_for_ever(seen in any_seen()) {
        // A step that does not wait must change what the next look sees; a finalizer does.
        if let Step::SetFinalizer(wanted) = decide(&seen) {
            let mut after = seen;
            after.object.has_finalizer = wanted;
            prop_assert!(!matches!(decide(&after), Step::SetFinalizer(_)));
        }
    }
}
