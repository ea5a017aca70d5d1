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

/// What is remembered of one object.
#[derive(Debug, Default)]
struct Remembered {
    trouble: Option<Trouble>,
    written: Option<Written>,
    /// The status that it has shown, as text, since this instant.
    shown: Option<(String, Instant)>,
    /// When its last status was not taken; none once a later one was.
    untaken: Option<Instant>,
    /// Since when the removal of its rows has failed without a break.
    removal_failing: Option<Instant>,
}

/// The memory.
#[derive(Debug, Default)]
pub struct Memory {
    by_uid: Mutex<HashMap<String, Remembered>>,
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
        self.of(uid, |it| it.trouble.clone().filter(|trouble| trouble.wish == *wish))
    }

    /// Keeps a trouble.
    pub fn keep_trouble(&self, uid: &str, trouble: Trouble) {
        self.of(uid, |it| it.trouble = Some(trouble));
    }

    /// The trouble has passed.
    pub fn forget_trouble(&self, uid: &str) {
        self.of(uid, |it| it.trouble = None);
    }

    /// What was last written of `uid`.
    pub fn written(&self, uid: &str) -> Option<Written> {
        self.of(uid, |it| it.written.clone())
    }

    /// Notes what has just been written.
    pub fn note_written(&self, uid: &str, status: RepositoryBackfillStatus) {
        let written = Written { status, at: Instant::now(), ours: true };
        self.of(uid, |it| (it.written, it.untaken) = (Some(written), None));
    }

    /// Notes what the API server has, whoever wrote it.
    pub fn note_seen(&self, uid: &str, status: RepositoryBackfillStatus) {
        let written = Written { status, at: Instant::now(), ours: false };
        self.of(uid, |it| it.written = Some(written));
    }

    /// Whether a status may be written although the row cannot be read, which would tell whether
    /// another instance is at it: nobody has said anything, we were the last, or whoever was has
    /// not said anything else for long.
    pub fn may_speak_of(&self, object: &RepositoryBackfill) -> bool {
        let Some(status) = object.status.as_ref().filter(|it| !it.conditions.is_empty()) else {
            return true;
        };
        let (status, now) = (text(status), Instant::now());
        self.of(&object.uid().unwrap_or_default(), |it| {
            let last = it.written.as_ref().filter(|written| written.ours);
            if last.is_some_and(|written| text(&written.status) == status) {
                return true;
            }
            let shown = it.shown.take().filter(|(before, _)| *before == status);
            let (_, since) = it.shown.insert(shown.unwrap_or((status, now)));
            since.elapsed() > OTHERS_SILENCE
        })
    }

    /// A write failed: what was last written of `uid` is not known any more.
    pub fn forget_written(&self, uid: &str) {
        self.of(uid, |it| (it.written, it.untaken) = (None, Some(Instant::now())));
    }

    /// The last write of `uid` failed, not longer ago than this.
    pub fn failed_within(&self, uid: &str, span: Duration) -> bool {
        self.of(uid, |it| it.untaken.is_some_and(|at| at.elapsed() < span))
    }

    /// For how long the removal of an object's rows has failed without a break, beginning now if
    /// it did not. No step of the clock makes it longer.
    pub fn removal_failing_for(&self, uid: &str) -> Duration {
        self.of(uid, |it| it.removal_failing.get_or_insert_with(Instant::now).elapsed())
    }

    /// The removal of an object's rows goes on.
    pub fn removal_goes_on(&self, uid: &str) {
        self.of(uid, |it| it.removal_failing = None);
    }

    /// Forgets every object that is not among `living`.
    pub fn retain(&self, living: &HashSet<String>) {
        self.lock().retain(|uid, _| living.contains(uid));
    }

    /// Reads or changes what is remembered of `uid`.
    fn of<T>(&self, uid: &str, answer: impl FnOnce(&mut Remembered) -> T) -> T {
        answer(self.lock().entry(uid.to_owned()).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        // Every critical section sets whole fields, so a poisoned lock holds a whole map.
        self.by_uid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As the API server has it, where instants have whole seconds.
pub fn text(status: &RepositoryBackfillStatus) -> String {
    serde_json::to_string(status).unwrap_or_default()
}
