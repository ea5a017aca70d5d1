//! Who may run chunks now: so many at a time, namespaces in turn, and within one of them its
//! backfills in the order in which they asked.
//!
//! A look that gets no permit does not wait here, it comes again; whoever has just run joins the
//! end of the queue, so that no backfill keeps the others out, and no namespace by having many.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A place in the queue lapses when nobody came for it: longer than any look of one who waits.
const LAPSES_AFTER: Duration = Duration::from_secs(15);
/// How often what has lapsed is taken away: it means going through everybody.
const SWEPT_EVERY: Duration = Duration::from_secs(1);
/// Runs after which it is forgotten when a namespace that wants nothing had its last.
const FORGETS_AFTER: u64 = 1000;

/// The permits of this operator.
#[derive(Clone, Debug)]
pub struct Permits {
    most: usize,
    desk: Arc<Mutex<Desk>>,
}

#[derive(Debug, Default)]
struct Desk {
    namespaces: HashMap<String, Turns>,
    /// How often a permit was asked for so far.
    asked: u64,
    /// Runs begun so far.
    begun: u64,
    swept: Option<Instant>,
}

/// What a namespace has had, and who of it waits.
#[derive(Debug, Default)]
struct Turns {
    /// Its permits that are out.
    running: usize,
    /// Which of all runs its last one was.
    last: Option<u64>,
    /// Those who wait, by uid.
    waiting: HashMap<String, Waiting>,
    /// Their numbers, in order.
    queue: VecDeque<u64>,
}

#[derive(Debug)]
struct Waiting {
    /// Which of all questions its first one was.
    number: u64,
    asked: Instant,
}

/// The right to run, given back when dropped.
#[derive(Debug)]
pub struct Permit {
    namespace: String,
    desk: Arc<Mutex<Desk>>,
}

impl Permit {
    /// A run begins, or would if the budget had room. Only this is a turn of the namespace, not a
    /// look that has nothing to run.
    pub fn begin(&self) {
        let desk = &mut *lock(&self.desk);
        desk.begun += 1;
        if let Some(turns) = desk.namespaces.get_mut(&self.namespace) {
            turns.last = Some(desk.begun);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(turns) = lock(&self.desk).namespaces.get_mut(&self.namespace) {
            turns.running -= 1;
        }
    }
}

impl Permits {
    /// So many may run at a time.
    pub fn new(most: usize) -> Self {
        Self { most, desk: Arc::default() }
    }

    /// A permit for `uid` of `namespace`, or how many of its namespace are before it; an eighth of
    /// all that are, if that is more.
    pub fn take(&self, namespace: &str, uid: &str) -> Result<Permit, usize> {
        self.take_at(namespace, uid, Instant::now())
    }

    fn take_at(&self, namespace: &str, uid: &str, now: Instant) -> Result<Permit, usize> {
        let desk = &mut *lock(&self.desk);
        desk.sweep(now);
        let running: usize = desk.namespaces.values().map(|turns| turns.running).sum();
        let at = desk.join(namespace, uid, now);
        let before = desk.before(namespace, at);
        if before >= self.most.saturating_sub(running) {
            // Who is far behind asks less often, also at the head of its namespace.
            return Err(at.max(before / 8));
        }
        if let Some(turns) = desk.namespaces.get_mut(namespace) {
            turns.leave(uid);
            turns.running += 1;
        }
        Ok(Permit { namespace: namespace.to_owned(), desk: Arc::clone(&self.desk) })
    }

    /// How many wait for a permit.
    pub fn queued(&self) -> u32 {
        let desk = &mut *lock(&self.desk);
        desk.sweep(Instant::now());
        let waiting: usize = desk.namespaces.values().map(|turns| turns.queue.len()).sum();
        u32::try_from(waiting).unwrap_or(u32::MAX)
    }

    /// `uid` of `namespace` does not want to run after all.
    pub fn forget(&self, namespace: &str, uid: &str) {
        if let Some(turns) = lock(&self.desk).namespaces.get_mut(namespace) {
            turns.leave(uid);
        }
    }
}

impl Desk {
    /// Where `uid` is in the queue of its namespace, at its end if it is new.
    fn join(&mut self, namespace: &str, uid: &str, now: Instant) -> usize {
        self.asked += 1;
        let turns = self.namespaces.entry(namespace.to_owned()).or_default();
        let one = turns.waiting.entry(uid.to_owned()).or_insert_with(|| {
            turns.queue.push_back(self.asked);
            Waiting { number: self.asked, asked: now }
        });
        one.asked = now;
        turns.queue.partition_point(|number| *number < one.number)
    }

    /// How many are before the one who is `at` in the queue of `namespace`: whose namespace would
    /// run fewer with it and those before it, then whose namespace has not run for longer, then
    /// who asked earlier.
    fn before(&self, namespace: &str, at: usize) -> usize {
        let Some(own) = self.namespaces.get(namespace) else { return usize::MAX };
        let mine = (own.last, own.queue.get(at));
        let before = self.namespaces.values().filter_map(|other| {
            // There, those up to this one would run beside fewer, and itself beside as many.
            let same = (own.running + at).checked_sub(other.running)?;
            let number = other.queue.get(same);
            let earlier = number.is_some() && (other.last, number) < mine;
            Some(same.min(other.queue.len()) + usize::from(earlier))
        });
        before.sum()
    }

    /// Takes away what has lapsed, and the namespaces of which nothing is to be known any more.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now - swept < SWEPT_EVERY) {
            return;
        }
        self.swept = Some(now);
        let is_recent = |last: u64| last + FORGETS_AFTER > self.begun;
        self.namespaces.retain(|_, turns| {
            turns.waiting.retain(|_, one| now - one.asked < LAPSES_AFTER);
            if turns.waiting.len() < turns.queue.len() {
                let left: HashSet<u64> = turns.waiting.values().map(|one| one.number).collect();
                turns.queue.retain(|number| left.contains(number));
            }
            turns.running > 0 || !turns.queue.is_empty() || turns.last.is_some_and(is_recent)
        });
    }
}

impl Turns {
    fn leave(&mut self, uid: &str) {
        if let Some(one) = self.waiting.remove(uid) {
            self.queue.retain(|number| *number != one.number);
        }
    }
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    // Counts and queues change together inside one critical section each.
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_run_and_the_others_follow_in_order() {
        let permits = Permits::new(2);
        let (a, b) = (permits.take("team", "a"), permits.take("team", "b"));
        assert!(a.is_ok() && b.is_ok());
        assert_eq!(permits.take("team", "c").err(), Some(0));
        assert_eq!(permits.take("team", "d").err(), Some(1));
        assert_eq!((permits.take("team", "c").err(), permits.queued()), (Some(0), 2));
        drop(a);
        assert!(
            permits.take("team", "a").is_err(),
            "whoever has just run comes after those who wait"
        );
        assert!(permits.take("team", "d").is_err(), "c was first");
        let c = permits.take("team", "c");
        assert!(c.is_ok());
        drop((b, c));
        assert!(permits.take("team", "a").is_ok(), "two are free and a is the second in the queue");
    }

    #[test]
    fn who_does_not_want_to_run_holds_nobody_up() {
        let permits = Permits::new(1);
        let a = permits.take("team", "a");
        assert!(permits.take("team", "b").is_err() && permits.take("team", "c").is_err());
        permits.forget("team", "b");
        drop(a);
        assert!(permits.take("team", "c").is_ok());
    }

    /// Turns of each namespace, which has so many objects that always want to run, until `turns`
    /// are over. All ask again and again, the first namespace first, and `most` run at a time.
    fn shared(most: usize, objects: &[usize], turns: usize) -> Vec<f64> {
        let permits = Permits::new(most);
        let mut running = VecDeque::new();
        let mut had = vec![0.0; objects.len()];
        for _ in 0..turns {
            for (namespace, count) in objects.iter().enumerate() {
                for object in 0..*count {
                    let uid = format!("{namespace}/{object}");
                    if running.iter().any(|(known, _)| *known == uid) {
                        continue;
                    }
                    if let Ok(permit) = permits.take(&namespace.to_string(), &uid) {
                        permit.begin();
                        had[namespace] += 1.0;
                        running.push_back((uid, permit));
                    }
                }
            }
            running.pop_front();
        }
        had
    }

    /// 1 where all have the same; as little as 1 of their number where one has everything.
    fn jain(shares: &[f64]) -> f64 {
        let count = f64::from(u32::try_from(shares.len()).unwrap());
        let squares: f64 = shares.iter().map(|share| share * share).sum();
        shares.iter().sum::<f64>().powi(2) / (count * squares)
    }

    #[test]
    fn who_has_many_objects_has_no_more_turns() {
        for (most, objects) in [
            (1, vec![50, 1, 1, 1]),
            (2, vec![50, 2, 1, 1]),
            (4, vec![50, 4, 2, 4]),
            (8, vec![50, 8, 8]),
            (8, vec![10; 12]),
        ] {
            let had = shared(most, &objects, 120);
            assert!(jain(&had) > 0.9, "{most} at a time of {objects:?}: {had:?}");
        }
        // Whoever cannot use a share leaves it to who can.
        let had = shared(8, &[50, 1], 120);
        assert!(had[0] > 90.0 && had[1] > 10.0, "{had:?}");
    }

    #[test]
    fn a_namespace_that_comes_late_is_before_the_many_of_another() {
        let permits = Permits::new(1);
        let first = permits.take("many", "0").unwrap();
        first.begin();
        for object in 1..=100 {
            assert_eq!(permits.take("many", &object.to_string()).err(), Some(object - 1));
        }
        assert_eq!(permits.take("few", "late").err(), Some(0));
        drop(first);
        assert!(permits.take("many", "1").is_err(), "it is the other's turn");
        assert!(permits.take("few", "late").is_ok());
    }

    #[test]
    fn a_look_that_runs_nothing_is_no_turn_of_its_namespace() {
        let permits = Permits::new(1);
        let first = permits.take("other", "x").unwrap();
        first.begin();
        for (namespace, uid) in [("team", "a"), ("team", "b"), ("other", "y")] {
            assert!(permits.take(namespace, uid).is_err());
        }
        drop(first);
        let a = permits.take("team", "a").unwrap();
        drop(a);
        assert!(permits.take("other", "y").is_err(), "the team has not run yet");
        let b = permits.take("team", "b").unwrap();
        b.begin();
        assert!(permits.take("team", "a").is_err() && permits.take("other", "y").is_err());
        drop(b);
        assert!(permits.take("team", "a").is_err(), "b was a turn of the team");
        assert!(permits.take("other", "y").is_ok());
    }

    #[test]
    fn who_waits_behind_two_of_another_namespace_has_one_of_two_places() {
        let permits = Permits::new(2);
        let full = (permits.take("full", "a"), permits.take("full", "b"));
        for (namespace, uid) in [("many", "a"), ("many", "b"), ("few", "a")] {
            assert!(permits.take(namespace, uid).is_err());
        }
        drop(full);
        assert!(permits.take("many", "b").is_err(), "with the first of them it would be two");
        let few = permits.take("few", "a");
        let many = permits.take("many", "a");
        assert!(few.is_ok() && many.is_ok() && permits.take("many", "b").is_err());
    }

    #[test]
    fn the_next_ask_soon_and_those_far_behind_less_often() {
        let permits = Permits::new(1);
        let old = permits.take("old", "a").unwrap();
        old.begin();
        for namespace in 0..400 {
            let ahead = permits.take(&namespace.to_string(), "a").err();
            assert_eq!(ahead, Some(namespace / 8), "{namespace}");
        }
        assert_eq!(permits.take("0", "b").err(), Some(50), "all heads are before it");
        assert_eq!(permits.take("old", "b").err(), Some(50));
    }

    #[test]
    fn whom_nobody_comes_for_holds_nobody_up_and_is_not_kept() {
        let (permits, began) = (Permits::new(1), Instant::now());
        let at = |millis| began + Duration::from_millis(millis);
        let held = permits.take_at("held", "a", began).unwrap();
        held.begin();
        for uid in ["a", "b"] {
            assert!(permits.take_at("team", uid, began).is_err());
        }
        assert!(permits.take_at("gone", "a", began).is_err());
        assert!(permits.take_at("team", "b", at(14_000)).is_err());
        drop(held);
        assert!(permits.take_at("team", "b", at(14_500)).is_err(), "a may still come");
        let b = permits.take_at("team", "b", at(16_000)).unwrap();
        b.begin();
        let desk = lock(&permits.desk);
        let mut known: Vec<_> = desk.namespaces.keys().map(String::as_str).collect();
        known.sort_unstable();
        assert_eq!(known, ["held", "team"]);
    }

    #[test]
    fn of_namespaces_that_come_and_go_only_the_latest_are_remembered() {
        let (permits, began) = (Permits::new(1), Instant::now());
        for run in 1..=3000 {
            let now = began + SWEPT_EVERY * run;
            permits.take_at(&format!("n-{run}"), "a", now).unwrap().begin();
        }
        let known = lock(&permits.desk).namespaces.len();
        assert!(known <= usize::try_from(FORGETS_AFTER).unwrap() + 1, "{known} namespaces");
        assert!(lock(&permits.desk).namespaces.contains_key("n-2500"), "its turn is remembered");
    }

    /// How many are before each, when all are put in order one by one.
    fn in_order(desk: &Desk) -> HashMap<(String, usize), usize> {
        let mut all = Vec::new();
        for (namespace, turns) in &desk.namespaces {
            for (at, number) in turns.queue.iter().enumerate() {
                all.push(((turns.running + at, turns.last, *number), (namespace.clone(), at)));
            }
        }
        all.sort();
        all.into_iter().enumerate().map(|(before, (_, one))| (one, before)).collect()
    }

    #[test]
    fn who_is_before_whom_is_as_if_all_were_put_in_order() {
        for seed in 1..50_u64 {
            let permits = Permits::new(usize::try_from(seed % 5 + 1).unwrap());
            let (mut running, mut state) = (VecDeque::new(), seed);
            for _ in 0..80 {
                // Knuth's multiplier: any mixture will do.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(seed);
                let picks = |at: u32, most: u64| (state >> at) % most;
                let (namespace, uid) = (picks(33, 5).to_string(), picks(41, 6).to_string());
                if let Ok(permit) = permits.take(&namespace, &uid) {
                    if picks(49, 3) > 0 {
                        permit.begin();
                    }
                    running.push_back(permit);
                }
                if picks(53, 3) == 0 {
                    running.pop_front();
                }
                let desk = lock(&permits.desk);
                for ((namespace, at), before) in in_order(&desk) {
                    assert_eq!(desk.before(&namespace, at), before, "{at} of {namespace}");
                }
            }
        }
    }
}
