//! Which wait people are shown as what, and whether it holds on to a share or a place.

use super::*;

fn pause_of(seen: &Seen) -> Pause {
    let Step::Wait { pause, .. } = decide(seen) else { panic!("{seen:?}") };
    pause
}

fn paced(until: i64, change: impl FnOnce(&mut Seen)) -> Pause {
    pause_of(&with(|seen| {
        seen.paced_until = Some(at(until));
        change(seen);
    }))
}

#[test]
fn a_short_pause_inside_a_walk_is_part_of_walking() {
    assert_eq!(paced(59, |_| ()), Pause::Breath);
    assert!(matches!(paced(60, |_| ()), Pause::Turn { .. }));
    let edited = |seen: &mut Seen| row(seen).status = StateStatus::Failed;
    assert!(matches!(paced(59, edited), Pause::Turn { .. }), "the row must know");
    let share = |seen: &mut Seen| {
        seen.place = Place::At { until: at(9), why: Why::Share };
    };
    assert_eq!(pause_of(&with(share)), Pause::Breath);
    let before_the_walk = with(|seen| {
        share(seen);
        seen.state = Ok(None);
    });
    assert!(matches!(pause_of(&before_the_walk), Pause::Turn { .. }));
    let dry_run = with(|seen| {
        share(seen);
        seen.object.dry_run = true;
    });
    assert!(matches!(pause_of(&dry_run), Pause::Turn { .. }), "a dry run does not walk");
    let held = |seen: &mut Seen| {
        seen.place = Place::At { until: at(9), why: Why::Hold };
    };
    assert!(matches!(pause_of(&with(held)), Pause::Turn { .. }), "GitHub's wish is told");
}

#[test]
fn a_queue_excuses_a_lack_of_progress_until_the_failure_persists() {
    for (failed, excused) in [(1, true), (2, true), (3, false), (9, false)] {
        let seen = with(|seen| {
            seen.permit = Err(0);
            let row = row(seen);
            (row.failed_attempts, row.next_attempt_at) = (failed, Some(at(-1)));
            let reason = Reason::GitHubUnavailable;
            row.last_error = Some(ErrorRecord { reason, message: "said".into(), at: NOW });
        });
        let Pause::Standing { is_excused, .. } = pause_of(&seen) else { panic!("{seen:?}") };
        assert_eq!(is_excused, excused, "{failed} failures");
    }
}

#[test]
fn a_trouble_that_is_met_is_told_apart_from_one_that_was_met_before() {
    let down = fault(Reason::StoreUnavailable);
    let met = with(|seen| seen.state = Err(down.clone()));
    assert_eq!(pause_of(&met), Pause::Trouble(down));
    let away = fault(Reason::KubernetesUnavailable);
    let met = with(|seen| seen.credentials = Err(away.clone()));
    assert_eq!(pause_of(&met), Pause::Trouble(away.clone()));
    let before = with(|seen| seen.unrecorded = Some((away.clone(), at(5))));
    assert_eq!(pause_of(&before), Pause::BackingOff(away));
}

#[test]
fn who_waits_for_its_turn_keeps_its_share_and_only_who_is_queued_a_place() {
    let limited = with(|seen| {
        seen.place = Place::At { until: at(60), why: Why::Hold };
    });
    for (seen, shares, queues) in [
        (walking(), true, false),
        (limited, true, false),
        (with(|seen| seen.paced_until = Some(at(9))), true, false),
        (with(|seen| seen.permit = Err(0)), true, true),
        (with(|seen| seen.credentials = Err(fault(Reason::KubernetesUnavailable))), false, false),
        (with(|seen| seen.unrecorded = Some((fault(Reason::StorageFull), at(5)))), false, false),
        (with(|seen| seen.object.suspended = true), false, false),
        (with(|seen| row(seen).status = StateStatus::Completed), false, false),
    ] {
        let step = decide(&seen);
        assert_eq!((step.keeps_its_share(), step.is_queued()), (shares, queues), "{step:?}");
    }
}
