//! The plain loop: recorded requests again, one after the other, answers thrown away.
//! Must not look into either.

use std::time::{Duration, Instant};

use anyhow::bail;
use hyper::body::Bytes;

use crate::StandIn;

/// Asks a fresh stand-in everything that another of the same world was asked.
pub async fn replay(standin: &StandIn, requests: &[Bytes]) -> anyhow::Result<Duration> {
    let http = crate::http();
    let url = format!("{}/graphql", standin.url());
    let began = Instant::now();
    for body in requests {
        let answer = http
            .post(&url)
            .header("authorization", "bearer test-token")
            .header("user-agent", "plain-loop")
            .header("content-type", "application/json")
            .body(body.clone())
            .send()
            .await?;
        let status = answer.status();
        answer.bytes().await?;
        if !status.is_success() {
            bail!("the stand-in answers {status} to a recorded request");
        }
    }
    Ok(began.elapsed())
}
