//! Everything that can go wrong between us and Postgres, one cause per variant.
//! Must not know who called: what a cause means for an object is said by [`Error::reason`] only.

use backfill_api::{Disposition, Reason};
use backfill_engine::model::{ObjectRef, RepositoryName};
use backfill_engine::seen::Fault;
use jiff::Timestamp;

/// What the driver said, kept for logs. Its type stays private to this crate.
type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Why an operation on the store failed. Nothing of a failed operation remains, except after
/// [`Error::OutcomeUnknown`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database URL or an option cannot be used.
    #[error("the database URL cannot be used: {0}")]
    Config(String),
    /// No connection, or it broke before COMMIT was sent.
    #[error("Postgres cannot be reached: {0}")]
    Unavailable(#[source] Source),
    /// The answer to a COMMIT was lost: acquire a new epoch and read the cursor.
    #[error("the connection broke during COMMIT: {0}")]
    OutcomeUnknown(#[source] Source),
    /// Password, role or privileges are not enough (SQLSTATE 28, 3D000, 42501).
    #[error("Postgres refuses access: {0}")]
    AccessDenied(#[source] Source),
    /// A replica, or a primary set read-only (25006).
    #[error("Postgres is read-only")]
    ReadOnly(#[source] Source),
    /// No space left (53100).
    #[error("Postgres has no space left")]
    StorageFull(#[source] Source),
    /// All connection slots are taken (53300).
    #[error("Postgres takes no more connections")]
    TooManyConnections(#[source] Source),
    /// A statement, lock or idle timeout (57014, 55P03, 25P03, 25P04).
    #[error("Postgres gave up waiting: {0}")]
    Timeout(#[source] Source),
    /// Lost against another transaction three times (40001; 23505, when both insert one key: where
    /// a table has two keys, `ON CONFLICT` answers for one of them only).
    #[error("a transaction lost against others")]
    Serialization(#[source] Source),
    /// Chosen as the victim of a deadlock three times (40P01).
    #[error("a transaction was the victim of a deadlock")]
    Deadlock(#[source] Source),
    /// A table, column or function of ours is missing (42P01, 42703, 42883, 3F000).
    #[error("the database lacks a migration ({0}); run `backfill-operator migrate`")]
    NotMigrated(#[source] Source),
    /// A table that we did not make stands where ours belongs.
    #[error(
        "schema {schema} already has a table {table} that this operator did not make; \
         choose another --schema"
    )]
    ForeignTable {
        /// The schema asked for.
        schema: String,
        /// The first such table.
        table: String,
    },
    /// A migration failed, or was changed after it had run.
    #[error("migration {version} failed: {message}")]
    Migration {
        /// Number of the migration; 0 for what runs after all of them.
        version: i64,
        /// What went wrong.
        message: String,
        /// The driver's error, where there is one.
        #[source]
        source: Option<Source>,
    },
    /// Another holder has a newer epoch: everything was rolled back.
    #[error("another instance has taken the lease over")]
    Fenced,
    /// The chunk's row is gone or closed: the database was set back, as by a failover to a standby
    /// that lacked the last commits, or it was put in order. Everything was rolled back.
    #[error("chunk {0} is no longer claimed; the database may have been set back")]
    ClaimLost(i64),
    /// Another holder's lease has not run out.
    #[error("{holder} holds the lease until {until}")]
    LeaseHeld {
        /// Instance id of the holder.
        holder: String,
        /// When the lease runs out, by the database's clock.
        until: Timestamp,
    },
    /// Another unfinished object owns the repository.
    #[error("{}", Fault::claimed(owner).message)]
    Claimed {
        /// The object that owns it.
        owner: ObjectRef,
    },
    /// The name belongs to another repository than the stored one.
    #[error("{name} is stored as another repository than the one that now has the name")]
    RepositoryReplaced {
        /// The name both have had.
        name: RepositoryName,
    },
    /// Postgres refused a value or a constraint was violated (SQLSTATE 21, 22, 23 but 23505).
    #[error("Postgres refused a row: {0}")]
    Refused(#[source] Source),
    /// A row that cannot be, or a row that is missing.
    #[error("the database holds what it cannot: {0}")]
    Inconsistent(String),
    /// Any other SQLSTATE.
    #[error("Postgres answers {code}: {source}")]
    Unexpected {
        /// The SQLSTATE.
        code: String,
        /// What the server said.
        #[source]
        source: Source,
    },
}

const NO_CONNECTION: &str = "no connection within 5 s: it refuses them, has no slot left, or all \
    of ours are busy";

impl Error {
    /// The word it is published under.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Config(_) => Reason::SpecInvalid,
            Self::Unavailable(_)
            | Self::OutcomeUnknown(_)
            | Self::AccessDenied(_)
            | Self::TooManyConnections(_)
            | Self::Timeout(_) => Reason::StoreUnavailable,
            Self::ReadOnly(_) => Reason::StoreReadOnly,
            Self::StorageFull(_) => Reason::StorageFull,
            Self::Serialization(_) | Self::Deadlock(_) | Self::ClaimLost(_) => {
                Reason::StoreConflict
            }
            Self::NotMigrated(_) | Self::ForeignTable { .. } => Reason::StoreNotMigrated,
            Self::Fenced => Reason::Fenced,
            Self::LeaseHeld { .. } => Reason::LeaseHeld,
            Self::Claimed { .. } => Reason::RepositoryClaimed,
            Self::RepositoryReplaced { .. } => Reason::RepositoryReplaced,
            Self::Migration { .. }
            | Self::Refused(_)
            | Self::Inconsistent(_)
            | Self::Unexpected { .. } => Reason::InternalError,
        }
    }

    /// How soon it is worth another look, by the catalogue of reasons. A lease runs out by itself.
    pub fn disposition(&self) -> Disposition {
        self.reason().disposition().unwrap_or(Disposition::Transient)
    }

    /// The instant before which another look is pointless, where the cause names one.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::LeaseHeld { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// True when the same transaction may simply be tried again: it was rolled back because of
    /// another one.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Serialization(_) | Self::Deadlock(_))
    }

    /// True when it waited in vain for a lock (55P03): whoever holds it ends some time.
    pub(crate) fn is_lock_timeout(&self) -> bool {
        let Self::Timeout(source) = self else { return false };
        let driver = source.downcast_ref::<sqlx::Error>();
        let answer = driver.and_then(sqlx::Error::as_database_error);
        answer.and_then(sqlx::error::DatabaseError::code).as_deref() == Some("55P03")
    }

    /// What the driver's error means before COMMIT was sent.
    pub(crate) fn from_driver(error: sqlx::Error) -> Self {
        let code = match &error {
            sqlx::Error::Database(database) => database.code().map(std::borrow::Cow::into_owned),
            sqlx::Error::Configuration(source) => return Self::Config(source.to_string()),
            // The driver asks again by itself where a server refuses or has no room, and tells
            // neither.
            sqlx::Error::PoolTimedOut => return Self::Unavailable(NO_CONNECTION.into()),
            sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. } => return Self::Inconsistent(error.to_string()),
            _ => None,
        };
        match code {
            Some(code) => Self::from_sqlstate(&code, Box::new(error)),
            None => Self::Unavailable(steady(error)),
        }
    }

    /// What the driver's error to a COMMIT means. Only a server that says that it rolled back is
    /// believed; after anything else the outcome is unknown.
    pub(crate) fn from_commit(error: sqlx::Error) -> Self {
        let rolled_back = match &error {
            sqlx::Error::Database(database) => {
                database.code().is_some_and(|code| code.starts_with("40") || code.starts_with("23"))
            }
            _ => false,
        };
        if rolled_back { Self::from_driver(error) } else { Self::OutcomeUnknown(Box::new(error)) }
    }

    /// The table of <https://www.postgresql.org/docs/current/errcodes-appendix.html> as far as it
    /// matters here.
    fn from_sqlstate(code: &str, source: Source) -> Self {
        match code {
            "25006" => Self::ReadOnly(source),
            "53100" => Self::StorageFull(source),
            "53300" => Self::TooManyConnections(source),
            "57014" | "55P03" | "25P03" | "25P04" | "57P05" => Self::Timeout(source),
            // Somebody else wrote a row that was just looked up, or took it away.
            "40001" | "23503" | "23505" => Self::Serialization(source),
            "40P01" => Self::Deadlock(source),
            "42501" | "3D000" => Self::AccessDenied(source),
            "42P01" | "42703" | "42883" | "3F000" => Self::NotMigrated(source),
            _ => match code.get(..2) {
                Some("08" | "53" | "57" | "58") => Self::Unavailable(source),
                Some("28") => Self::AccessDenied(source),
                Some("21" | "22" | "23") => Self::Refused(source),
                _ => Self::Unexpected { code: code.to_owned(), source },
            },
        }
    }
}

/// The driver's error, less the instant that TLS puts into its words about a certificate: a status
/// would change with each attempt.
fn steady(error: sqlx::Error) -> Source {
    match error.to_string().split_once(": verification time") {
        Some((what, _)) => what.into(),
        None => Box::new(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn source() -> Source {
        "what the server said".into()
    }

    #[test]
    fn each_sqlstate_has_its_cause() {
        let table = [
            ("08006", Reason::StoreUnavailable, Disposition::Transient),
            ("57P01", Reason::StoreUnavailable, Disposition::Transient),
            ("57P03", Reason::StoreUnavailable, Disposition::Transient),
            ("58030", Reason::StoreUnavailable, Disposition::Transient),
            ("53200", Reason::StoreUnavailable, Disposition::Transient),
            ("53300", Reason::StoreUnavailable, Disposition::Transient),
            ("28P01", Reason::StoreUnavailable, Disposition::Transient),
            ("3D000", Reason::StoreUnavailable, Disposition::Transient),
            ("42501", Reason::StoreUnavailable, Disposition::Transient),
            ("57014", Reason::StoreUnavailable, Disposition::Transient),
            ("55P03", Reason::StoreUnavailable, Disposition::Transient),
            ("25P03", Reason::StoreUnavailable, Disposition::Transient),
            ("25006", Reason::StoreReadOnly, Disposition::Transient),
            ("53100", Reason::StorageFull, Disposition::Transient),
            ("40001", Reason::StoreConflict, Disposition::Transient),
            ("40P01", Reason::StoreConflict, Disposition::Transient),
            ("42P01", Reason::StoreNotMigrated, Disposition::UserFix),
            ("42703", Reason::StoreNotMigrated, Disposition::UserFix),
            ("42883", Reason::StoreNotMigrated, Disposition::UserFix),
            ("3F000", Reason::StoreNotMigrated, Disposition::UserFix),
            ("21000", Reason::InternalError, Disposition::Bug),
            ("22021", Reason::InternalError, Disposition::Bug),
            ("23505", Reason::StoreConflict, Disposition::Transient),
            ("23503", Reason::StoreConflict, Disposition::Transient),
            ("23514", Reason::InternalError, Disposition::Bug),
            ("42601", Reason::InternalError, Disposition::Bug),
            ("XX000", Reason::InternalError, Disposition::Bug),
        ];
        for (code, reason, disposition) in table {
            let error = Error::from_sqlstate(code, source());
            assert_eq!((error.reason(), error.disposition()), (reason, disposition), "{code}");
        }
    }

    #[test]
    fn only_conflicts_are_tried_again() {
        for (code, again) in [("40001", true), ("40P01", true), ("57014", false), ("08006", false)]
        {
            assert_eq!(Error::from_sqlstate(code, source()).is_conflict(), again, "{code}");
        }
        assert!(!Error::OutcomeUnknown(source()).is_conflict());
    }

    #[test]
    fn a_commit_is_believed_lost_unless_the_server_says_so() {
        let broken = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(Error::from_commit(broken), Error::OutcomeUnknown(_)));
        assert!(matches!(Error::from_commit(sqlx::Error::PoolClosed), Error::OutcomeUnknown(_)));
        let broken = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(Error::from_driver(broken), Error::Unavailable(_)));
    }

    #[test]
    fn a_lease_of_another_is_waited_for() {
        let until = Timestamp::UNIX_EPOCH;
        let held = Error::LeaseHeld { holder: "one".to_owned(), until };
        assert_eq!((held.disposition(), held.until()), (Disposition::Transient, Some(until)));
        assert_eq!(Error::ClaimLost(7).disposition(), Disposition::Transient);
    }
}
