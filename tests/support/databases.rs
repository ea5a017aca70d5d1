//! Databases with the operator's schema, as copies of one: migrating takes longer than a copy.
//! Must not know what is in it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use testbed::operator::OPERATOR;
use testbed::{Cluster, clone};
use tokio::process::Command;
use tokio::sync::Mutex;

/// The migrated database of each server, by the server's data directory.
static MIGRATED: Mutex<BTreeMap<PathBuf, String>> = Mutex::const_new(BTreeMap::new());

/// Makes a database of its own for a test and returns its URL.
pub async fn migrated(cluster: &Cluster) -> String {
    let mut known = MIGRATED.lock().await;
    let template = match known.entry(cluster.postgres().directory.clone()) {
        Entry::Occupied(made) => made.get().clone(),
        Entry::Vacant(missing) => missing.insert(make(cluster).await).clone(),
    };
    drop(known);
    cluster.copy_database(&template).await.unwrap()
}

/// The name of a database that is migrated and nobody is connected to.
async fn make(cluster: &Cluster) -> String {
    let url = cluster.create_database().await.unwrap();
    let mut operator = Command::new(clone::binary(OPERATOR).unwrap());
    let output = operator.arg("migrate").env("DATABASE_URL", &url).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    url.rsplit('/').next().unwrap().to_owned()
}
