//! Registers the trimmed schema that the query structs are checked against.
//!
//! `schemas/github.graphql` holds only what we ask for, in GitHub's names and nullability. The
//! contract test holds every query against the schema that GitHub publishes.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=schemas/github.graphql");
    cynic_codegen::register_schema("github")
        .from_sdl_file("schemas/github.graphql")?
        .as_default()?;
    Ok(())
}
