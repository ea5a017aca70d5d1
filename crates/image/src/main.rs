//! Lays out the files of the operator's image below a directory: `cargo run -p image -- DIR`.
//! The Dockerfile calls it, so that an image has the same files with an engine and without.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    let dir = std::env::args_os().nth(1).context("no directory given")?;
    let root = std::env::current_dir()?;
    for file in image::operator_files(&image::build_binary(&root)?)? {
        let path = Path::new(&dir).join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap_or(&root))?;
        std::fs::write(&path, &file.bytes)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(file.mode))?;
    }
    Ok(())
}
