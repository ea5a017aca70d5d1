//! Who may run chunks now: so many at a time, namespaces in turn, and within one of them its
//! backfills in the order in which they asked.
//!
//! A look that gets no permit does not wait here, it comes again; whoever has just run joins the
//! end of the queue, so that no backfill keeps the others out, and no namespace by having many.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A place in the queue lapses when nobody came for it: longer than any look of one who waits.
const LAPSES_AFTER: Duration = Duration::from_secs(15);
/// Permits after which it is forgotten when a namespace that does not run had its last.
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
    /// Permits given so far.
    given: u64,
    queue: VecDeque<Waiting>,
}

/// What a namespace has had.
#[derive(Clone, Copy, Debug, Default)]
struct Turns {
    running: usize,
    /// Which of all permits its last one was.
    last: u64,
}

#[derive(Debug)]
struct Waiting {
    namespace: String,
    uid: String,
    asked: Instant,
}

/// The right to run, given back when dropped.
#[derive(Debug)]
pub struct Permit {
    namespace: String,
    desk: Arc<Mutex<Desk>>,
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

    /// A permit for `uid` of `namespace`, or how many are before it.
    pub fn take(&self, namespace: &str, uid: &str) -> Result<Permit, usize> {
        let mut desk = lock(&self.desk);
        let now = Instant::now();
        desk.queue.retain(|one| one.uid == uid || now - one.asked < LAPSES_AFTER);
        if let Some(waiting) = desk.queue.iter_mut().find(|one| one.uid == uid) {
            waiting.asked = now;
        } else {
            let (namespace, uid) = (namespace.to_owned(), uid.to_owned());
            desk.queue.push_back(Waiting { namespace, uid, asked: now });
        }
        let running: usize = desk.namespaces.values().map(|turns| turns.running).sum();
        let before = desk.before(uid);
        if before >= self.most.saturating_sub(running) {
            return Err(before);
        }
        desk.queue.retain(|one| one.uid != uid);
        desk.give(namespace);
        Ok(Permit { namespace: namespace.to_owned(), desk: Arc::clone(&self.desk) })
    }

    /// How many wait for a permit.
    pub fn queued(&self) -> u32 {
        let (desk, now) = (lock(&self.desk), Instant::now());
        let waiting = desk.queue.iter().filter(|one| now - one.asked < LAPSES_AFTER);
        u32::try_from(waiting.count()).unwrap_or(u32::MAX)
    }

    /// `uid` does not want to run after all.
    pub fn forget(&self, uid: &str) {
        lock(&self.desk).queue.retain(|one| one.uid != uid);
    }
}

impl Desk {
    /// How many are before `uid`: whose namespace would run fewer with it, then whose namespace
    /// has not run for longer, then who asked earlier.
    fn before(&self, uid: &str) -> usize {
        let mut own: HashMap<&str, Turns> = HashMap::new();
        let mut keys = Vec::with_capacity(self.queue.len());
        let mut mine = None;
        for (at, one) in self.queue.iter().enumerate() {
            let known = || self.namespaces.get(&one.namespace).copied().unwrap_or_default();
            let turns = own.entry(&one.namespace).or_insert_with(known);
            let key = (turns.running, turns.last, at);
            // The next of this namespace comes as if this one ran already.
            turns.running += 1;
            if one.uid == uid {
                mine = Some(key);
            }
            keys.push(key);
        }
        mine.map_or(keys.len(), |mine| keys.iter().filter(|key| **key < mine).count())
    }

    fn give(&mut self, namespace: &str) {
        self.given += 1;
        let given = self.given;
        self.namespaces.retain(|_, it| it.running > 0 || it.last + FORGETS_AFTER > given);
        let turns = self.namespaces.entry(namespace.to_owned()).or_default();
        turns.running += 1;
        turns.last = given;
    }
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    // Counts and queue change together inside one critical section each.
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
        permits.forget("b");
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
        for object in 1..=100 {
            assert_eq!(permits.take("many", &object.to_string()).err(), Some(object - 1));
        }
        assert_eq!(permits.take("few", "late").err(), Some(0));
        drop(first);
        assert!(permits.take("many", "1").is_err(), "it is the other's turn");
        assert!(permits.take("few", "late").is_ok());
    }
}
