//! Large worlds from a seed are quick to start and small in memory. The one test of its process,
//! so that what others allocate is not counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::{Duration, Instant};

use github_standin::world::World;

/// 100,000 pull requests start in seconds and keep only their index.
#[test]
fn a_hundred_thousand_start_quickly_and_stay_small() {
    let before = resident_kib();
    let start = Instant::now();
    let mut world = World::default();
    world.add_synthetic("big/one=100000:1".parse().unwrap());
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
    let grown = resident_kib().saturating_sub(before);
    assert!(grown < 60_000, "{grown} KiB for the index");
    let (_, repository) = world.repository("big/one", true).unwrap();
    assert_eq!(repository.index.count(&[]), 100_000);
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
