//! The table `repositories` and the names each has had. Must not know backfills.

use backfill_engine::model::Repository;
use uuid::Uuid;

use crate::connect::Store;
use crate::error::Error;
use crate::rows::get;
use crate::transaction::Tx;

impl Store {
    /// Stores a repository without a backfill: an empty one leaves no state row.
    pub async fn record_repository(
        &self,
        repository: &Repository,
        host: &str,
        uid: &str,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        upsert(&mut tx, repository, host, uid).await?;
        tx.commit().await
    }
}

/// Stores the repository under its present name and returns its row's id. Refuses a name that
/// another stored repository has. `uid` is kept as the object that brought it in, at first sight
/// only; a text that is no uuid (a run without a cluster) brings in nothing.
pub(crate) async fn upsert(
    tx: &mut Tx,
    repository: &Repository,
    host: &str,
    uid: &str,
) -> Result<Uuid, Error> {
    refuse_replaced(tx, repository, host, uid).await?;
    let query = Tx::query(UPSERT)
        .bind(host)
        .bind(repository.github_id)
        .bind(repository.node_id.as_str())
        .bind(repository.name.owner())
        .bind(repository.name.name())
        .bind(repository.name.as_str())
        .bind(&repository.default_branch)
        .bind(repository.is_private)
        .bind(repository.is_archived)
        .bind(repository.pull_request_count)
        .bind(Uuid::parse_str(uid).ok());
    let written = tx.fetch_optional(query).await?;
    let row = match written {
        Some(row) => row,
        None => tx.fetch_one(Tx::query(FIND).bind(host).bind(repository.github_id)).await?,
    };
    let id = get(&row, "id")?;
    record_name(tx, id, repository).await?;
    Ok(id)
}

// An equal row is left alone, so that stored_at tells when it changed.
const UPSERT: &str = "-- upsert_repository\n\
    INSERT INTO repositories AS r (host, github_id, node_id, owner, name, full_name, \
        default_branch, is_private, is_archived, pull_request_count, created_by_object, \
        last_updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::bigint, $11, now()) \
    ON CONFLICT (host, github_id) DO UPDATE SET \
        node_id = excluded.node_id, owner = excluded.owner, name = excluded.name, \
        full_name = excluded.full_name, default_branch = excluded.default_branch, \
        is_private = excluded.is_private, is_archived = excluded.is_archived, \
        pull_request_count = excluded.pull_request_count, last_updated_at = now(), \
        stored_at = now(), deleted_at = NULL \
    WHERE r.deleted_at IS NOT NULL OR \
        (r.node_id, r.full_name, r.default_branch, r.is_private, r.is_archived, \
            r.pull_request_count) IS DISTINCT FROM \
        (excluded.node_id, excluded.full_name, excluded.default_branch, excluded.is_private, \
            excluded.is_archived, excluded.pull_request_count) \
    RETURNING id";

const FIND: &str = "-- find_repository\n\
    SELECT id FROM repositories WHERE host = $1 AND github_id = $2";

/// Locks the rows concerned, in the order of their ids. Refuses a name that another stored
/// repository has, and for an object that captures one repository, any other: its name was freed
/// by a rename and taken again.
async fn refuse_replaced(
    tx: &mut Tx,
    repository: &Repository,
    host: &str,
    uid: &str,
) -> Result<(), Error> {
    let query = Tx::query(
        "-- lock_repositories\n\
         SELECT r.github_id FROM repositories r \
         WHERE r.host = $1 AND (r.github_id = $2 OR lower(r.full_name) = lower($3) \
             OR r.id IN (SELECT s.repository_id FROM progressive_backfill_state s \
                 WHERE s.object_uid = $4)) \
         ORDER BY r.id FOR UPDATE",
    )
    .bind(host)
    .bind(repository.github_id)
    .bind(repository.name.as_str())
    .bind(uid);
    for row in tx.fetch_all(query).await? {
        if get::<i64>(&row, "github_id")? != repository.github_id {
            return Err(Error::RepositoryReplaced { name: repository.name.clone() });
        }
    }
    Ok(())
}

/// Keeps the names: the former ones end, the present one is open.
async fn record_name(tx: &mut Tx, id: Uuid, repository: &Repository) -> Result<(), Error> {
    let query = Tx::query(
        "-- end_repository_names\n\
         UPDATE repository_names SET seen_until = now() \
         WHERE repository_id = $1 AND full_name <> $2 AND seen_until IS NULL",
    )
    .bind(id)
    .bind(repository.name.as_str());
    tx.execute(query).await?;
    let query = Tx::query(
        "-- open_repository_name\n\
         INSERT INTO repository_names AS n (repository_id, full_name) VALUES ($1, $2) \
         ON CONFLICT (repository_id, full_name) DO UPDATE SET seen_until = NULL \
         WHERE n.seen_until IS NOT NULL",
    )
    .bind(id)
    .bind(repository.name.as_str());
    tx.execute(query).await?;
    Ok(())
}
