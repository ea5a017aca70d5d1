//! Who may run chunks now: so many at a time, in the order in which they asked.
//!
//! A look that gets no permit does not wait here, it comes again; whoever has just run joins the
//! end of the queue, so that no backfill keeps the others out.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A place in the queue lapses when nobody came for it: longer than any look of one who waits.
const LAPSES_AFTER: Duration = Duration::from_secs(15);

/// The permits of this operator.
#[derive(Clone, Debug)]
pub struct Permits {
    most: usize,
    desk: Arc<Mutex<Desk>>,
}

#[derive(Debug, Default)]
struct Desk {
    running: usize,
    queue: VecDeque<(String, Instant)>,
}

/// The right to run, given back when dropped.
#[derive(Debug)]
pub struct Permit(Arc<Mutex<Desk>>);

impl Drop for Permit {
    fn drop(&mut self) {
        lock(&self.0).running -= 1;
    }
}

impl Permits {
    /// So many may run at a time.
    pub fn new(most: usize) -> Self {
        Self { most, desk: Arc::default() }
    }

    /// A permit for `uid`, or how many are before it in the queue.
    pub fn take(&self, uid: &str) -> Result<Permit, usize> {
        let mut desk = lock(&self.desk);
        let now = Instant::now();
        desk.queue.retain(|(other, asked)| other == uid || now - *asked < LAPSES_AFTER);
        let free = self.most.saturating_sub(desk.running);
        let place = desk.queue.iter().position(|(other, _)| other == uid);
        if place.unwrap_or(desk.queue.len()) < free {
            desk.running += 1;
            desk.queue.retain(|(other, _)| other != uid);
            return Ok(Permit(Arc::clone(&self.desk)));
        }
        match place {
            Some(place) => desk.queue[place].1 = now,
            None => desk.queue.push_back((uid.to_owned(), now)),
        }
        Err(place.unwrap_or(desk.queue.len() - 1))
    }

    /// How many wait for a permit.
    pub fn queued(&self) -> u32 {
        let (desk, now) = (lock(&self.desk), Instant::now());
        let waiting = desk.queue.iter().filter(|(_, asked)| now - *asked < LAPSES_AFTER);
        u32::try_from(waiting.count()).unwrap_or(u32::MAX)
    }

    /// `uid` does not want to run after all.
    pub fn forget(&self, uid: &str) {
        lock(&self.desk).queue.retain(|(other, _)| other != uid);
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
        let (a, b) = (permits.take("a"), permits.take("b"));
        assert!(a.is_ok() && b.is_ok());
        assert_eq!(permits.take("c").err(), Some(0));
        assert_eq!(permits.take("d").err(), Some(1));
        assert_eq!((permits.take("c").err(), permits.queued()), (Some(0), 2));
        drop(a);
        assert!(permits.take("a").is_err(), "whoever has just run comes after those who wait");
        assert!(permits.take("d").is_err(), "c was first");
        let c = permits.take("c");
        assert!(c.is_ok());
        drop((b, c));
        assert!(permits.take("a").is_ok(), "two are free and a is the second in the queue");
    }

    #[test]
    fn who_does_not_want_to_run_holds_nobody_up() {
        let permits = Permits::new(1);
        let a = permits.take("a");
        assert!(permits.take("b").is_err() && permits.take("c").is_err());
        permits.forget("b");
        drop(a);
        assert!(permits.take("c").is_ok());
    }
}
