//! What of a watched object is kept in memory: who it is, its spec, its status and its requests.
//!
//! Whoever may write an object may put a megabyte of labels and annotations on it, and may write
//! many; none of that is read here. It must not know what the rest is used for.

use backfill_api::RepositoryBackfill;
use backfill_api::annotations::keep_requests;
use kube::ResourceExt;

/// Drops from `object` what is never read.
pub fn keep(object: &mut RepositoryBackfill) {
    object.metadata.managed_fields = None;
    object.metadata.labels = None;
    object.metadata.owner_references = None;
    keep_requests(object.annotations_mut());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use backfill_api::annotations::{MAX_ECHO, REQUESTED_AT, RESTART_REQUESTED_AT, request};

    #[test]
    fn of_an_objects_metadata_only_what_is_read_is_kept() {
        let long = "x".repeat(250_000);
        let given = serde_json::json!({
            "apiVersion": "backfill.contributor.info/v1alpha1", "kind": "RepositoryBackfill",
            "metadata": {
                "name": "api", "namespace": "team", "uid": "u", "generation": 3,
                "resourceVersion": "7", "finalizers": [backfill_api::ROWS_FINALIZER],
                "labels": {"app": "x"},
                "ownerReferences": [{"apiVersion": "v1", "kind": "X", "name": "x", "uid": "x"}],
                "managedFields": [{"manager": "a-user"}],
                "annotations": {"of/others": long, REQUESTED_AT: long, RESTART_REQUESTED_AT: "2"},
            },
            "spec": {"repository": "acme/api"},
        });
        let given: RepositoryBackfill = serde_json::from_value(given).unwrap();
        let mut kept = given.clone();
        keep(&mut kept);
        for key in [REQUESTED_AT, RESTART_REQUESTED_AT] {
            let said =
                |object: &RepositoryBackfill| request(object.metadata.annotations.as_ref(), key);
            assert_eq!(said(&kept), said(&given), "{key} says the same");
        }
        let size = serde_json::to_string(&kept).unwrap().len();
        assert!(size < 4 * MAX_ECHO, "{size} bytes are kept");
        assert_eq!(kept.finalizers(), given.finalizers());
        assert_eq!((kept.uid(), kept.name_any()), (given.uid(), given.name_any()));
        assert_eq!(kept.resource_version(), given.resource_version());
        assert_eq!(kept.spec, given.spec);
    }
}
