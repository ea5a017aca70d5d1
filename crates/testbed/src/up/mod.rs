//! `make up`, `make operator`, `make down`: the testbed that a person uses, one per clone,
//! found through `.testbed/`. Must not decide how its parts are run.

mod env_file;
mod session;
mod start;

pub use session::{Session, release_binary};
pub use start::{UpArgs, build_release, up};

/// `make operator`: starts the operator again, as the same instance.
pub async fn operator() -> anyhow::Result<()> {
    let session = Session::attach().await?;
    build_release()?;
    session.start_operator().await?;
    session.write_env().await?;
    session.print_next().await
}

/// `make down`: ends everything and removes it. Nothing running is fine.
pub async fn down() -> anyhow::Result<()> {
    let _claim = session::claim()?;
    if let Ok(session) = Session::attach().await {
        session.into_cluster().end().await?;
    }
    session::unlink()?;
    eprintln!("the testbed is down");
    Ok(())
}

/// Removes what points to a testbed that has ended; one that runs is left alone.
pub async fn forget_ended() -> anyhow::Result<()> {
    if Session::attach().await.is_err() {
        let _claim = session::claim()?;
        session::unlink()?;
    }
    Ok(())
}

/// `testbed restart NAME`: ends a part with a signal and starts it again.
pub async fn restart(name: &str, signal: Option<&str>) -> anyhow::Result<()> {
    let session = Session::attach().await?;
    session.cluster().restart(name, signal).await?;
    eprintln!("{name} is back");
    Ok(())
}
