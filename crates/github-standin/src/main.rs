//! The stand-in GitHub as a program. It prints its address when it is ready.

mod args;

use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let bound = args::Args::parse().bind().await?;
    println!("github-standin listening on http://{}", bound.address());
    bound.run().await?;
    Ok(())
}
