//! What a look can come to: one step, and of a wait what it waits for.
//!
//! It must not know what calls for a step.

use backfill_api::Reason;
use jiff::Timestamp;

use crate::model::ObjectRef;
use crate::seen::Fault;

/// What to do next. Exactly one per look.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The object goes and leaves nothing to undo.
    Forget,
    /// The object goes, and its rows with it unless something stands on them.
    Finalize(Rows),
    /// Put our finalizer on (`true`) or take it off.
    SetFinalizer(bool),
    /// Nothing at all happens while it is suspended.
    Suspend {
        /// When to look again.
        until: Timestamp,
    },
    /// Only a person can mend it; it is looked at again at `until`.
    Reject {
        /// What is wrong.
        fault: Fault,
        /// When to look again.
        until: Timestamp,
    },
    /// Not yet.
    Wait {
        /// When the reason to wait ends.
        until: Timestamp,
        /// What is waited for.
        pause: Pause,
    },
    /// Forget errors and retry what is quarantined, because somebody asked.
    Forgive,
    /// Ask GitHub what the repository is, and start a walk of it.
    Resolve,
    /// Fetch and store chunks.
    RunChunks,
    /// Prove the walk complete from its ledger.
    Verify,
    /// Done, and still so.
    Complete {
        /// The word shown.
        reason: Reason,
        /// What it came to, for people.
        message: String,
        /// When to look again: the database may have been set back by then.
        until: Timestamp,
    },
}

/// What becomes of the rows of an object that goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Rows {
    /// They go.
    Go,
    /// They stay: they are what this other object has proved, too.
    PassTo(ObjectRef),
    /// They go once it can be told whether anything stands on them.
    Wait(Fault),
}

/// What a [`Step::Wait`] waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Pause {
    /// A limit, a turn or a pause of the backfill's own: nothing is wrong.
    Turn {
        /// The word shown.
        reason: Reason,
        /// What is waited for, for people.
        message: String,
    },
    /// The same, so short that people still see it walk.
    Breath,
    /// A turn as well, of one that failed when it last had its turn: that stays to be said.
    Standing {
        /// What it failed with.
        fault: Fault,
        /// It is the operator's next free place that is waited for.
        is_queued: bool,
        /// That is why it makes no progress; else the failure is.
        is_excused: bool,
    },
    /// A trouble that this look has met and that may pass by itself.
    Trouble(Fault),
    /// A trouble that was met before; its next attempt is still to come.
    BackingOff(Fault),
    /// Nothing that would change what the object already says.
    Unchanged,
}

impl Step {
    /// Its word in metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Forget => "forget",
            Self::Finalize(_) => "finalize",
            Self::SetFinalizer(_) => "set_finalizer",
            Self::Suspend { .. } => "suspend",
            Self::Reject { .. } => "reject",
            Self::Wait { .. } => "wait",
            Self::Forgive => "forgive",
            Self::Resolve => "resolve",
            Self::RunChunks => "run_chunks",
            Self::Verify => "verify",
            Self::Complete { .. } => "complete",
        }
    }

    /// It takes up the place in the credential's budget that the look has asked for, or waits for
    /// its turn; after any other step others can have that place.
    pub fn keeps_its_share(&self) -> bool {
        match self {
            Self::Resolve | Self::RunChunks | Self::Verify => true,
            Self::Wait { pause, .. } => {
                matches!(pause, Pause::Turn { .. } | Pause::Breath | Pause::Standing { .. })
            }
            _ => false,
        }
    }

    /// It waits for one of the operator's places; after any other step it stands in no queue.
    pub fn is_queued(&self) -> bool {
        let Self::Wait { pause, .. } = self else { return false };
        matches!(
            pause,
            Pause::Turn { reason: Reason::Queued, .. } | Pause::Standing { is_queued: true, .. }
        )
    }
}
