//! Removes the rows that an object brought in, children first, a batch per transaction. Never
//! contributors: they are shared. Must not know why the object goes.

use uuid::Uuid;

use crate::connect::Store;
use crate::error::Error;
use crate::transaction::{Tx, retrying};

// An object's own are the repositories that it brought in, unless another captures them by now.
macro_rules! of_owned {
    ($($piece:literal),+) => {
        concat!(
            "-- delete_rows\n\
             WITH owned AS ( \
                 SELECT r.id FROM repositories r WHERE r.created_by_object = $1 \
                   AND NOT EXISTS (SELECT 1 FROM progressive_backfill_state s \
                       WHERE s.repository_id = r.id AND s.object_uid <> $1::text)) ",
            $($piece),+
        )
    };
}

macro_rules! by_repository {
    ($table:literal) => {
        of_owned!(
            "DELETE FROM ",
            $table,
            " WHERE ctid = ANY(ARRAY(SELECT t.ctid FROM ",
            $table,
            " t JOIN owned ON t.repository_id = owned.id LIMIT $2))"
        )
    };
}

macro_rules! by_pull_request {
    ($table:literal) => {
        of_owned!(
            "DELETE FROM ",
            $table,
            " WHERE ctid = ANY(ARRAY(SELECT t.ctid FROM ",
            $table,
            " t JOIN pull_requests p ON p.id = t.pull_request_id \
             JOIN owned ON p.repository_id = owned.id LIMIT $2))"
        )
    };
}

/// Children before parents, the repository last: until it is gone the rest can be found again.
const STATEMENTS: [&str; 15] = [
    by_repository!("comments"),
    by_repository!("reviews"),
    by_pull_request!("pull_request_commits"),
    by_pull_request!("pull_request_files"),
    by_repository!("pull_requests"),
    by_repository!("issues"),
    by_repository!("discussions"),
    by_repository!("quarantined_pull_requests"),
    by_repository!("backfill_chunks"),
    by_repository!("progressive_backfill_state"),
    by_repository!("error_reports"),
    by_repository!("progressive_capture_jobs"),
    by_repository!("workspace_repositories"),
    by_repository!("repository_names"),
    of_owned!(
        "DELETE FROM repositories WHERE id = ANY(ARRAY(SELECT owned.id FROM owned LIMIT $2))"
    ),
];

impl Store {
    /// Removes up to `batch` rows (at least 1) of the repositories that this object brought in.
    /// True while there may be more. A run that is still under way is fenced first.
    pub async fn delete_rows(&self, uid: &str, batch: i64) -> Result<bool, Error> {
        // Only uuids are kept as the object that brought a repository in.
        let Ok(uid) = Uuid::parse_str(uid) else { return Ok(false) };
        retrying(|| async move {
            let mut tx = self.begin_by_key().await?;
            fence(&mut tx, uid).await?;
            let mut left = batch.max(1);
            for statement in STATEMENTS {
                let query = Tx::query(statement).bind(uid).bind(left);
                left -= tx.execute(query).await?;
                if left <= 0 {
                    break;
                }
            }
            tx.commit().await?;
            Ok(left <= 0)
        })
        .await
    }
}

impl Store {
    /// Leaves the rows that this object brought in to another one that has captured them, too: from
    /// now on that one brought them in, and their backfill has no owner.
    pub async fn hand_over(&self, uid: &str, heir: &str) -> Result<(), Error> {
        // Only uuids are kept as the object that brought a repository in.
        let (Ok(uid), Ok(heir)) = (Uuid::parse_str(uid), Uuid::parse_str(heir)) else {
            return Ok(());
        };
        retrying(|| async move {
            let mut tx = self.begin().await?;
            fence(&mut tx, uid).await?;
            let query = Tx::query(
                "-- disown_state\n\
                 UPDATE progressive_backfill_state \
                 SET object_uid = NULL, object_namespace = NULL, object_name = NULL \
                 WHERE object_uid = $1::text",
            )
            .bind(uid);
            tx.execute(query).await?;
            let query = Tx::query(
                "-- hand_over_repository\n\
                 UPDATE repositories SET created_by_object = $2 WHERE created_by_object = $1",
            )
            .bind(uid)
            .bind(heir);
            tx.execute(query).await?;
            tx.commit().await
        })
        .await
    }
}

async fn fence(tx: &mut Tx, uid: Uuid) -> Result<(), Error> {
    let query = Tx::query(
        "-- fence_deleted\n\
         UPDATE progressive_backfill_state s \
         SET lease_epoch = s.lease_epoch + 1, lease_holder = NULL, lease_expires_at = NULL \
         FROM repositories r \
         WHERE r.id = s.repository_id AND r.created_by_object = $1 \
           AND s.object_uid = $1::text",
    )
    .bind(uid);
    tx.execute(query).await?;
    Ok(())
}
