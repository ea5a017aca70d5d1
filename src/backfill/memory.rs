//! What this process remembers between two looks: nothing that a restart must not forget.
//!
//! The last status written, so that an equal one is not written again, and troubles that no row in
//! the database keeps: there is none yet, or it is that of a proved walk.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use backfill_api::{RepositoryBackfill, RepositoryBackfillStatus};
use backfill_engine::seen::Fault;
use jiff::Timestamp;
use kube::ResourceExt;

/// An instance that works shows its progress more often than this.
const OTHERS_SILENCE: Duration = Duration::from_mins(2);

/// One object's trouble that no row keeps.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Which wish of the user it belongs to: a new generation or request forgets it.
    pub wish: (i64, Option<String>),
    /// What it is.
    pub fault: Fault,
    /// How often in a row.
    pub attempts: i64,
    /// When to look again.
    pub until: Timestamp,
}

/// What was last written of an object, and when.
#[derive(Clone, Debug)]
pub struct Written {
    /// The status.
    pub status: RepositoryBackfillStatus,
    /// When it was written.
    pub at: Instant,
    /// By us.
    pub ours: bool,
}

/// The memory, by uid.
#[derive(Debug, Default)]
pub struct Memory {
    troubles: Mutex<HashMap<String, Trouble>>,
    written: Mutex<HashMap<String, Written>>,
    shown: Mutex<HashMap<String, (String, Instant)>>,
    untaken: Mutex<HashMap<String, Instant>>,
    deletions: Mutex<HashMap<String, Instant>>,
    unreadable: AtomicBool,
}

impl Memory {
    /// The watch has brought an object that this version cannot read.
    pub fn note_unreadable(&self) {
        self.unreadable.store(true, Ordering::Release);
    }

    /// Some object was unreadable since the start: what it stands on is not known.
    pub fn has_unreadable(&self) -> bool {
        self.unreadable.load(Ordering::Acquire)
    }

    /// The trouble of `uid`, if it belongs to this wish.
    pub fn trouble(&self, uid: &str, wish: &(i64, Option<String>)) -> Option<Trouble> {
        lock(&self.troubles).get(uid).filter(|trouble| trouble.wish == *wish).cloned()
    }

    /// Keeps a trouble.
    pub fn keep_trouble(&self, uid: &str, trouble: Trouble) {
        lock(&self.troubles).insert(uid.to_owned(), trouble);
    }

    /// The trouble has passed.
    pub fn forget_trouble(&self, uid: &str) {
        lock(&self.troubles).remove(uid);
    }

    /// What was last written of `uid`.
    pub fn written(&self, uid: &str) -> Option<Written> {
        lock(&self.written).get(uid).cloned()
    }

    /// Notes what has just been written.
    pub fn note_written(&self, uid: &str, status: RepositoryBackfillStatus) {
        self.note(uid, status, true);
        lock(&self.untaken).remove(uid);
    }

    /// Notes what the API server has, whoever wrote it.
    pub fn note_seen(&self, uid: &str, status: RepositoryBackfillStatus) {
        self.note(uid, status, false);
    }

    fn note(&self, uid: &str, status: RepositoryBackfillStatus, ours: bool) {
        lock(&self.written).insert(uid.to_owned(), Written { status, at: Instant::now(), ours });
    }

    /// Whether a status may be written although the row cannot be read, which would tell whether
    /// another instance is at it: nobody has said anything, we were the last, or whoever was has
    /// not said anything else for long.
    pub fn may_speak_of(&self, object: &RepositoryBackfill) -> bool {
        let Some(status) = object.status.as_ref().filter(|it| !it.conditions.is_empty()) else {
            return true;
        };
        let uid = object.uid().unwrap_or_default();
        self.wrote(&uid, status) || self.shown_for(&uid, status) > OTHERS_SILENCE
    }

    /// Whether this is what we wrote of `uid`, and the last that we know of.
    fn wrote(&self, uid: &str, status: &RepositoryBackfillStatus) -> bool {
        let last = self.written(uid).filter(|written| written.ours);
        last.is_some_and(|written| text(&written.status) == text(status))
    }

    /// For how long `uid` has shown this status, beginning now if it showed another.
    fn shown_for(&self, uid: &str, status: &RepositoryBackfillStatus) -> Duration {
        let (text, now) = (text(status), Instant::now());
        let mut shown = lock(&self.shown);
        let since = shown.entry(uid.to_owned()).or_insert_with(|| (text.clone(), now));
        if since.0 != text {
            *since = (text, now);
        }
        since.1.elapsed()
    }

    /// A write failed: what was last written of `uid` is not known any more.
    pub fn forget_written(&self, uid: &str) {
        lock(&self.written).remove(uid);
        lock(&self.untaken).insert(uid.to_owned(), Instant::now());
    }

    /// The last write of `uid` failed, not longer ago than this.
    pub fn failed_within(&self, uid: &str, span: Duration) -> bool {
        lock(&self.untaken).get(uid).is_some_and(|at| at.elapsed() < span)
    }

    /// For how long the removal of an object's rows has failed without a break, beginning now if
    /// it did not. No step of the clock makes it longer.
    pub fn deletion_failing_for(&self, uid: &str) -> Duration {
        lock(&self.deletions).entry(uid.to_owned()).or_insert_with(Instant::now).elapsed()
    }

    /// The removal of an object's rows goes on.
    pub fn deletion_goes_on(&self, uid: &str) {
        lock(&self.deletions).remove(uid);
    }

    /// Forgets every object that is not among `living`.
    pub fn retain(&self, living: &HashSet<String>) {
        lock(&self.troubles).retain(|uid, _| living.contains(uid));
        lock(&self.written).retain(|uid, _| living.contains(uid));
        lock(&self.shown).retain(|uid, _| living.contains(uid));
        lock(&self.untaken).retain(|uid, _| living.contains(uid));
        lock(&self.deletions).retain(|uid, _| living.contains(uid));
    }
}

/// As the API server has it, where instants have whole seconds.
pub fn text(status: &RepositoryBackfillStatus) -> String {
    serde_json::to_string(status).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every critical section is one call on the map, so a poisoned lock holds a whole map.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
