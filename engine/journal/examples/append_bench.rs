//! Records per second and fdatasync latency of group commit.
//!
//! `cargo run --release -p tandem-journal --example append_bench -- [dir] [records] [payload bytes]`
//! Closed loop: one thread, write + sync per batch; then a replay of everything.

use std::time::{Duration, Instant};

use tandem_journal::{Config, Identity, Journal, LogDir, Start};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn argument(index: usize, default: &str) -> String {
    std::env::args().nth(index).unwrap_or_else(|| default.to_owned())
}

fn percentile_us(sorted: &[Duration], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1e6
}

fn config() -> Config {
    Config::new(Identity { cluster_id: [7; 16], shard: 0 })
}

fn run(dir: &std::path::Path, records: u64, payload_bytes: usize, batch_len: u64) -> Outcome {
    let (mut journal, _) = Journal::open(LogDir::open(dir, config())?, Start::Genesis, |_| Ok(()))?;
    let payload = vec![0x5A_u8; payload_bytes];
    let batch: Vec<(u64, &[u8])> = (0..batch_len).map(|_| (0, payload.as_slice())).collect();
    let (mut writes, mut syncs) = (Duration::ZERO, Vec::new());
    let started = Instant::now();
    for _ in 0..records / batch_len {
        let before = Instant::now();
        journal.write(&batch)?;
        let written = Instant::now();
        journal.sync()?;
        writes += written - before;
        syncs.push(written.elapsed());
    }
    let elapsed = started.elapsed();
    let count = syncs.len() as u64 * batch_len;
    syncs.sort_unstable();
    println!(
        "batch {batch_len:5}: {:9.0} records/s ({:6.1} MB/s); encode+write alone {:9.0} records/s; fdatasync us p50 {:.0} p99 {:.0} max {:.0}",
        count as f64 / elapsed.as_secs_f64(),
        count as f64 * (payload_bytes + 65) as f64 / elapsed.as_secs_f64() / 1e6,
        count as f64 / writes.as_secs_f64(),
        percentile_us(&syncs, 50),
        percentile_us(&syncs, 99),
        percentile_us(&syncs, 100),
    );
    drop(journal);
    let started = Instant::now();
    let (journal, report) = Journal::open(LogDir::open(dir, config())?, Start::Genesis, |_| Ok(()))?;
    assert_eq!((report.replayed, journal.last_seq()), (count, count));
    println!("             replay {:9.0} records/s", count as f64 / started.elapsed().as_secs_f64());
    Ok(())
}

fn main() -> Outcome {
    let dir = std::path::PathBuf::from(argument(1, "/tmp/tandem-append-bench"));
    let (records, payload_bytes): (u64, usize) = (argument(2, "2000000").parse()?, argument(3, "64").parse()?);
    println!("{records} records of {payload_bytes} payload bytes in {}", dir.display());
    for batch_len in [1, 16, 256, 1000, 4000] {
        let _ = std::fs::remove_dir_all(&dir);
        run(&dir, if batch_len < 256 { records.min(batch_len * 2000) } else { records }, payload_bytes, batch_len)?;
    }
    Ok(std::fs::remove_dir_all(&dir)?)
}
