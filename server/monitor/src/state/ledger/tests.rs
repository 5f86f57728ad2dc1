//! The account of one process, heartbeat by heartbeat.

use super::*;
use proptest::prelude::*;

fn at(seconds: f64) -> Timestamp {
    Timestamp(1_800_000_000_000_000).plus_seconds(seconds)
}

/// What a process sent at that time; its logical clock counts milliseconds.
fn sent(seconds: f64) -> Moment {
    Moment {
        clock: Some((seconds * 1e3) as u64 + 1_000_000),
        sent: at(seconds),
    }
}

fn beat(account: &mut Account, seconds: f64, processed: u64) -> Option<Loss> {
    account.beat(processed, sent(seconds), 0, at(seconds))
}

fn beat_after(account: &mut Account, seconds: f64, processed: u64, holes: u64) -> Option<Loss> {
    account.beat(processed, sent(seconds), holes, at(seconds))
}

fn starts(account: &mut Account, seconds: f64, count: u64) {
    for _ in 0..count {
        account.started(sent(seconds));
    }
}

#[test]
fn starts_lost_in_a_hole_are_counted_exactly_after_two_heartbeats() {
    let mut account = Account::default();
    assert_eq!(beat(&mut account, 0.0, 100), None);
    starts(&mut account, 1.0, 5);
    assert_eq!(beat(&mut account, 2.0, 105), None);
    starts(&mut account, 5.0, 1);
    assert_eq!(beat_after(&mut account, 6.0, 713, 1), None);
    starts(&mut account, 7.0, 1);
    let loss = beat_after(&mut account, 8.0, 714, 1).expect("all has come");
    assert_eq!(loss.missed, 607);
    assert_eq!((loss.start, loss.end), (at(2.0), at(6.0)));
    assert_eq!(account.missed(), 607);
    assert_eq!(beat_after(&mut account, 10.0, 714, 1), None);
}

#[test]
fn a_batch_that_trails_its_heartbeat_is_no_loss() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 0);
    assert_eq!(beat_after(&mut account, 2.0, 3, 1), None);
    starts(&mut account, 1.9, 3);
    starts(&mut account, 2.1, 1);
    assert_eq!(beat_after(&mut account, 4.0, 4, 1), None);
    assert_eq!(beat_after(&mut account, 6.0, 4, 1), None);
    assert_eq!(account.missed(), 0);
}

#[test]
fn a_batch_that_trails_is_told_from_what_was_lost_beside_it() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 0);
    assert_eq!(beat_after(&mut account, 2.0, 7, 1), None);
    starts(&mut account, 1.9, 3);
    starts(&mut account, 2.1, 40);
    let loss = beat_after(&mut account, 4.0, 47, 1);
    assert_eq!(loss.map(|loss| loss.missed), Some(4));
}

#[test]
fn events_that_trail_the_first_heartbeat_hide_nothing_later() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 10);
    starts(&mut account, -0.1, 2);
    assert_eq!(beat(&mut account, 2.0, 10), None);
    beat_after(&mut account, 4.0, 14, 1);
    let loss = beat_after(&mut account, 6.0, 14, 1);
    assert_eq!(loss.map(|loss| loss.missed), Some(4));
}

#[test]
fn heartbeats_in_quick_succession_do_not_hurry() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 0);
    for tenth in 0..9 {
        let seconds = 2.0 + f64::from(tenth) * 0.1;
        assert_eq!(beat_after(&mut account, seconds, 3, 1), None);
    }
    starts(&mut account, 1.9, 3);
    assert_eq!(beat_after(&mut account, 3.0, 3, 1), None);
    assert_eq!(account.missed(), 0);
}

#[test]
fn a_workers_clock_may_be_set_back() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 0);
    let mut back = sent(2.0);
    back.sent = at(-3_600.0);
    assert_eq!(account.beat(5, back, 1, at(2.0)), None);
    let mut later = sent(4.0);
    later.sent = at(-3_598.0);
    let loss = account.beat(5, later, 1, at(4.0));
    assert_eq!(loss.map(|loss| loss.missed), Some(5));
}

#[test]
fn what_comes_after_it_was_given_up_is_taken_back() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 0);
    beat_after(&mut account, 2.0, 5, 1);
    assert!(beat_after(&mut account, 4.0, 5, 1).is_some());
    starts(&mut account, 1.0, 2);
    assert_eq!(beat_after(&mut account, 6.0, 5, 1), None, "not at once");
    let found = beat_after(&mut account, 8.0, 5, 1);
    assert_eq!(found.map(|loss| loss.missed), Some(-2));
    assert_eq!(account.missed(), 3);
}

#[test]
fn a_thread_that_overtakes_another_shifts_nothing() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 0);
    // Accepted while the heartbeat was written, which does not count it.
    starts(&mut account, 1.999, 1);
    beat(&mut account, 2.0, 0);
    for second in 2..10 {
        let now = f64::from(second) * 2.0;
        assert_eq!(beat_after(&mut account, now, 1, 1), None);
    }
    assert_eq!(account.missed(), 0);
}

#[test]
fn without_a_hole_a_difference_needs_two_replies_to_stats() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 0);
    assert_eq!(account.totals(&[], |_| true, 0, at(0.5)), None);
    for second in 1..20 {
        assert_eq!(beat(&mut account, f64::from(second) * 2.0, 4), None);
    }
    assert!(account.wants_totals(at(40.0)));
    assert!(!account.wants_totals(at(40.5)), "not at once again");
    assert_eq!(account.totals(&[(7, 4)], |_| true, 0, at(41.0)), None);
    let loss = account.totals(&[(7, 4)], |_| true, 0, at(43.0));
    assert_eq!(loss.map(|loss| loss.missed), Some(4));
}

#[test]
fn a_hole_proves_nothing_about_what_was_missing_before() {
    let mut account = Account::default();
    for second in 0..5 {
        beat(
            &mut account,
            f64::from(second) * 2.0,
            u64::from(second > 0) * 4,
        );
    }
    assert!(account.wants_totals(at(8.0)));
    beat_after(&mut account, 10.0, 11, 1);
    let loss = beat_after(&mut account, 12.0, 11, 1);
    assert_eq!(loss.map(|loss| loss.missed), Some(7));
    assert!(account.wants_totals(at(20.0)), "four are still in doubt");
}

#[test]
fn types_that_send_no_events_are_named_and_are_no_loss() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 0);
    account.totals(&[], |_| true, 0, at(0.5));
    starts(&mut account, 1.0, 1);
    let is_heard = |name| name == 1;
    let mut processed = 1;
    for second in 1..30 {
        processed += 1;
        let now = f64::from(second) * 2.0;
        assert_eq!(beat(&mut account, now, processed), None);
        let totals = [(1, 1), (2, processed - 1)];
        assert_eq!(account.totals(&totals, is_heard, 0, at(now + 0.1)), None);
    }
    assert_eq!(account.silent_types(), [2]);
    assert_eq!(account.missed(), 0);
}

#[test]
fn a_reply_that_comes_while_events_are_cut_off_hides_no_loss() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 0);
    starts(&mut account, 1.0, 2);
    beat(&mut account, 2.0, 2);
    // 21 more run unheard, and `stats` tells them before the cut is noticed.
    let totals = [(1, 22), (2, 1)];
    assert_eq!(account.totals(&totals, |name| name == 1, 0, at(9.0)), None);
    beat_after(&mut account, 14.0, 23, 1);
    let loss = beat_after(&mut account, 16.0, 23, 1);
    assert_eq!(loss.map(|loss| loss.missed), Some(21));
}

#[test]
fn a_type_that_ran_in_a_hole_alone_is_not_taken_for_a_silent_one() {
    let mut account = Account::default();
    let is_heard = |name| name == 1;
    beat(&mut account, 0.0, 0);
    account.totals(&[], is_heard, 0, at(0.5));
    starts(&mut account, 1.0, 2);
    beat(&mut account, 2.0, 2);
    account.totals(&[(1, 22), (2, 1)], is_heard, 1, at(9.0));
    beat_after(&mut account, 14.0, 23, 1);
    let loss = beat_after(&mut account, 16.0, 23, 1);
    assert_eq!(loss.map(|loss| loss.missed), Some(21));
    assert!(account.silent_types().is_empty());
}

#[test]
fn a_type_that_is_known_as_silent_is_no_loss_in_a_hole() {
    let mut account = Account::default();
    let is_heard = |name| name == 1;
    beat(&mut account, 0.0, 0);
    account.totals(&[], is_heard, 0, at(0.5));
    for second in 1..10 {
        beat(&mut account, f64::from(second) * 2.0, 5);
    }
    account.totals(&[(2, 5)], is_heard, 0, at(19.0));
    account.totals(&[(2, 9)], is_heard, 1, at(23.0));
    for second in 12..20 {
        assert_eq!(
            beat_after(&mut account, f64::from(second) * 2.0, 9, 1),
            None
        );
    }
    assert_eq!((account.missed(), account.silent_types()), (0, &[2][..]));
}

#[test]
fn what_ran_unheard_before_the_first_reply_is_no_loss() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 0);
    starts(&mut account, 1.0, 2);
    account.totals(&[(1, 2), (2, 5)], |name| name == 1, 0, at(1.5));
    starts(&mut account, 1.7, 1);
    for second in 1..10 {
        assert_eq!(beat(&mut account, f64::from(second) * 2.0, 8), None);
    }
    assert_eq!(account.missed(), 0);
    assert!(
        !account.wants_totals(at(30.0)),
        "everything is accounted for"
    );
}

#[test]
fn a_new_process_under_the_old_number_is_told_by_its_count() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 5);
    starts(&mut account, 0.5, 1);
    let is_new = |processed, seconds| account.is_new_process(processed, at(seconds), true, 0);
    assert!(is_new(0, 1.0));
    assert!(is_new(5, 1.0), "six were started");
    assert!(!is_new(6, 1.0), "it reconnected");
    assert!(!is_new(0, -1.0), "it is a late one");
    account.restart();
    assert_eq!(beat(&mut account, 1.0, 0), None);
    assert_eq!(beat(&mut account, 3.0, 0), None);
}

#[test]
fn two_processes_with_one_name_and_number_have_no_losses() {
    let mut account = Account::default();
    for second in 0..20 {
        let processed = if second % 2 == 0 { 100 } else { 5 };
        let seconds = f64::from(second);
        assert!(!account.is_new_process(processed, at(seconds), false, 0));
        starts(&mut account, seconds, 1);
        assert_eq!(beat(&mut account, seconds, processed), None);
    }
    assert_eq!(account.missed(), 0);
}

#[test]
fn a_process_whose_clock_begins_anew_is_not_ignored() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 5);
    let young = |seconds: f64| Moment {
        clock: Some((seconds * 10.0) as u64),
        sent: at(seconds),
    };
    for (seconds, processed, holes) in [(2.0, 6, 0), (4.0, 6, 0), (6.0, 9, 1)] {
        assert_eq!(
            account.beat(processed, young(seconds), holes, at(seconds)),
            None
        );
    }
    let loss = account.beat(9, young(8.0), 1, at(8.0));
    assert_eq!(loss.map(|loss| loss.missed), Some(3));
}

#[test]
fn a_worker_that_falls_silent_after_a_hole_is_settled() {
    let mut account = Account::default();
    beat(&mut account, 0.0, 0);
    beat_after(&mut account, 2.0, 3, 1);
    assert_eq!(account.tick(1, at(4.0)), None);
    assert_eq!(account.tick(1, at(11.0)).map(|loss| loss.missed), Some(3));
}

proptest! {
    /// Each task's start arrives between its own heartbeat and the next
    /// one, in any order; holes come at any time. Nothing is missing, so
    /// in the end nothing is reported.
    #[test]
    fn no_loss_is_reported_when_every_start_arrives(
        beats in prop::collection::vec((0u64..30, 0u64..30, any::<bool>(), any::<bool>()), 1..60),
        first in 0u64..1_000,
    ) {
        let mut account = Account::default();
        beat(&mut account, 0.0, first);
        let (mut processed, mut trailing, mut now, mut holes) = (first, 0u64, 0.0, 0);
        for (accepted, late, has_hole, has_stats) in beats {
            holes += u64::from(has_hole);
            let late = late.min(accepted);
            processed += accepted;
            starts(&mut account, now - 0.5, trailing);
            starts(&mut account, now + 1.0, accepted - late);
            trailing = late;
            now += 2.0;
            beat_after(&mut account, now, processed, holes);
            if has_stats {
                account.totals(&[(1, processed)], |_| true, holes, at(now + 0.1));
            }
        }
        starts(&mut account, now - 0.5, trailing);
        for _ in 0..4 {
            now += 2.0;
            beat_after(&mut account, now, processed, holes);
        }
        prop_assert_eq!(account.missed(), 0);
    }

    /// What was lost in holes is found to the last one, however the rest comes.
    #[test]
    fn what_is_lost_in_a_hole_is_counted_exactly(
        beats in prop::collection::vec((0u64..50, 0u64..10_000, 0u64..20, any::<bool>()), 1..40),
    ) {
        let mut account = Account::default();
        beat(&mut account, 0.0, 0);
        let (mut processed, mut trailing, mut now, mut holes, mut truth) = (0, 0u64, 0.0, 0, 0);
        for (accepted, lost, late, has_hole) in beats {
            let lost = if has_hole { lost } else { 0 };
            holes += u64::from(has_hole);
            truth += lost;
            processed += lost + accepted;
            starts(&mut account, now - 0.5, trailing);
            trailing = late.min(accepted);
            starts(&mut account, now + 1.0, accepted - trailing);
            now += 2.0;
            beat_after(&mut account, now, processed, holes);
        }
        starts(&mut account, now - 0.5, trailing);
        beat_after(&mut account, now + 2.0, processed, holes);
        beat_after(&mut account, now + 4.0, processed, holes);
        prop_assert_eq!(account.missed(), truth);
    }
}
