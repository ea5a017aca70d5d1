//! An image as one archive: an OCI layout that is a Docker archive too, so that every engine
//! loads it. The same files give the same bytes. Must not know what the files are.
//!
//! Formats: <https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md>;
//! `manifest.json` is what `docker save` writes beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

use anyhow::Context;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::contents::File;

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An image of one layer.
#[derive(Debug)]
pub struct Image {
    /// Its name with a tag, `backfill-operator:0.1.0`.
    pub name: String,
    /// When it says it was made, in seconds since 1970.
    pub created_seconds: i64,
    /// `org.opencontainers.image.…` and others.
    pub labels: BTreeMap<String, String>,
    /// User and group, as numbers.
    pub user: String,
    /// What is started.
    pub entrypoint: Vec<String>,
    /// Its variables, `NAME=value`.
    pub env: Vec<String>,
    /// Everything in it.
    pub files: Vec<File>,
}

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// `sha256:…` of the manifest: the name by which a registry has it.
    pub digest: String,
    /// Bytes of the layer, as it is transferred.
    pub layer_bytes: usize,
}

/// Something with a digest.
struct Blob {
    media_type: &'static str,
    bytes: Vec<u8>,
}

impl Blob {
    fn json(media_type: &'static str, value: Value) -> Self {
        Self { media_type, bytes: text(value) }
    }

    fn digest(&self) -> String {
        digest(&self.bytes)
    }

    fn path(&self) -> String {
        format!("blobs/{}", self.digest().replace(':', "/"))
    }

    fn descriptor(&self) -> Value {
        let (digest, size) = (self.digest(), self.bytes.len());
        json!({ "mediaType": self.media_type, "digest": digest, "size": size })
    }
}

/// Writes the image to the file `out`.
pub fn write(image: &Image, out: &Path) -> anyhow::Result<Written> {
    let tar = layer(&image.files)?;
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    gzip.write_all(&tar)?;
    let layer = Blob { media_type: LAYER, bytes: gzip.finish()? };
    let config = Blob::json(CONFIG, config(image, &digest(&tar))?);
    let manifest = Blob::json(
        MANIFEST,
        json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config.descriptor(),
            "layers": [layer.descriptor()], "annotations": image.labels,
        }),
    );
    let mut listed = manifest.descriptor();
    let tag = image.name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
    listed["annotations"] = json!({
        "org.opencontainers.image.ref.name": tag,
        "io.containerd.image.name": qualified(&image.name),
    });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [listed] });
    let docker = json!([{
        "Config": config.path(), "RepoTags": [image.name], "Layers": [layer.path()],
    }]);
    let inside = [
        ("oci-layout".to_owned(), text(json!({ "imageLayoutVersion": "1.0.0" }))),
        ("index.json".to_owned(), text(index)),
        ("manifest.json".to_owned(), text(docker)),
        (manifest.path(), manifest.bytes.clone()),
        (config.path(), config.bytes.clone()),
        (layer.path(), layer.bytes.clone()),
    ];
    let inside = inside.map(|(path, bytes)| File { path, mode: 0o644, bytes });
    std::fs::write(out, self::layer(&inside)?)
        .with_context(|| format!("writing {}", out.display()))?;
    Ok(Written { digest: manifest.digest(), layer_bytes: layer.bytes.len() })
}

fn config(image: &Image, layer: &str) -> anyhow::Result<Value> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let created = jiff::Timestamp::from_second(image.created_seconds)?.to_string();
    Ok(json!({
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": image.user,
            "Entrypoint": image.entrypoint,
            "Env": image.env,
            "WorkingDir": "/",
            "Labels": image.labels,
        },
        "rootfs": { "type": "layers", "diff_ids": [layer] },
        "history": [{ "created": created, "created_by": "make image" }],
    }))
}

/// Equal values as equal bytes, whether or not some dependency made objects keep their order.
fn text(mut value: Value) -> Vec<u8> {
    value.sort_all_objects();
    value.to_string().into_bytes()
}

/// The name as containerd keeps it, with the registry that others leave out.
fn qualified(name: &str) -> String {
    match name.split_once('/') {
        None => format!("docker.io/library/{name}"),
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
    }
}

/// The files as a tar of root's, of no time, in the order of their paths after the directories.
fn layer(files: &[File]) -> anyhow::Result<Vec<u8>> {
    let parents = files.iter().flat_map(|file| {
        let slashes = file.path.match_indices('/');
        slashes.map(|(at, _)| &file.path[..=at])
    });
    let mut tar = tar::Builder::new(Vec::new());
    for directory in parents.collect::<BTreeSet<_>>() {
        let header = header(tar::EntryType::Directory, directory, 0o755, 0)?;
        tar.append(&header, std::io::empty())?;
    }
    for file in files {
        let bytes = u64::try_from(file.bytes.len())?;
        let header = header(tar::EntryType::Regular, &file.path, file.mode, bytes)?;
        tar.append(&header, file.bytes.as_slice())?;
    }
    Ok(tar.into_inner()?)
}

fn header(kind: tar::EntryType, path: &str, mode: u32, bytes: u64) -> anyhow::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_path(path)?;
    header.set_mode(mode);
    header.set_size(bytes);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    Ok(header)
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_without_a_registry_is_dockers() {
        for (name, expected) in [
            ("a:1", "docker.io/library/a:1"),
            ("team/a:1", "docker.io/team/a:1"),
            ("registry.example.com/a:1", "registry.example.com/a:1"),
            ("localhost/a:1", "localhost/a:1"),
            ("host:5000/a:1", "host:5000/a:1"),
        ] {
            assert_eq!(qualified(name), expected);
        }
    }
}
