//! A disk in memory that loses power, tears writes, runs full and fails on demand.
//!
//! Shape: every file has what reads see and what is durable, with the writes between them kept apart; names
//! likewise. A crash picks for every 512-byte sector which of the pending writes reached it, in order.
//! Only calls that change something are counted as operations.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::format::SECTOR;
use crate::storage::{LockGuard, LockOutcome, Storage, StorageFile};

/// The calls that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A file was created.
    Create,
    /// Space was reserved.
    Allocate,
    /// Bytes were written.
    Write,
    /// A file was synced.
    Sync,
    /// A file was renamed.
    Rename,
    /// A file was removed.
    Remove,
    /// The directory was synced.
    SyncDir,
}

/// What becomes of everything unsynced when the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    /// Nothing of it survives.
    Nothing,
    /// All of it survives.
    Everything,
    /// Names and lengths survive, contents do not: zeros.
    Zeros,
    /// All writes but the last; of the last, the first half of its bytes.
    HalfOfLast,
    /// All writes but the last; of the last, a prefix of this many bytes.
    PrefixOfLast(usize),
    /// Each sector of each file has seen a random number of its writes.
    Sectors(u64),
    /// Everything but the first sector of the pending range of each file.
    AllButFirstSector,
    /// Everything but the last sector of the pending range of each file.
    AllButLastSector,
}

#[derive(Debug, Clone)]
enum Pending {
    Bytes { offset: usize, bytes: Vec<u8> },
    Size(usize),
}

#[derive(Debug, Clone, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

#[derive(Debug, Clone)]
enum NameOp {
    Link { name: String, inode: usize },
    Rename { from: String, to: String },
    Unlink { name: String },
}

#[derive(Debug, Clone)]
struct Fault {
    op: Op,
    /// How many calls of that kind still succeed.
    after: u64,
    error: io::ErrorKind,
    is_sticky: bool,
    /// Only calls on this file; none: on any.
    inode: Option<usize>,
}

impl Fault {
    fn is_for(&self, op: Op, inode: Option<usize>) -> bool {
        self.op == op && (self.inode.is_none() || self.inode == inode)
    }
}

#[derive(Debug, Clone, Default)]
struct Disk {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<NameOp>,
    ops: u64,
    crash_after: Option<u64>,
    capacity_bytes: Option<u64>,
    faults: Vec<Fault>,
    is_locked: bool,
    /// Guards of an earlier life do not unlock a later one.
    life: u64,
}

/// The disk; clones share it.
#[derive(Debug, Clone, Default)]
pub struct FaultStorage {
    disk: Arc<Mutex<Disk>>,
}

struct FaultFile {
    disk: Arc<Mutex<Disk>>,
    inode: usize,
    life: u64,
}

struct FaultLock {
    disk: Arc<Mutex<Disk>>,
    life: u64,
}

impl LockGuard for FaultLock {}

impl Drop for FaultLock {
    fn drop(&mut self) {
        let mut disk = hold(&self.disk);
        if disk.life == self.life {
            disk.is_locked = false;
        }
    }
}

/// A small deterministic random source (splitmix64).
#[derive(Debug, Clone, Copy)]
pub struct Dice(pub u64);

impl Dice {
    /// The next 64 bits.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

fn hold(disk: &Arc<Mutex<Disk>>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if content.len() < offset + bytes.len() {
        content.resize(offset + bytes.len(), 0);
    }
    content[offset..offset + bytes.len()].copy_from_slice(bytes);
}

impl Inode {
    fn apply(content: &mut Vec<u8>, pending: &Pending) {
        match pending {
            Pending::Bytes { offset, bytes } => put(content, *offset, bytes),
            Pending::Size(size) => content.resize((*size).max(content.len()), 0),
        }
    }

    fn add(&mut self, pending: Pending) {
        Self::apply(&mut self.seen, &pending);
        self.pending.push(pending);
    }

    fn after_crash(&self, tear: Tear, dice: &mut Dice) -> Vec<u8> {
        let mut content = self.durable.clone();
        match tear {
            Tear::Nothing => {}
            Tear::Everything => content.clone_from(&self.seen),
            Tear::Zeros => content.resize(self.seen.len().max(content.len()), 0),
            Tear::HalfOfLast => self.all_but_last(&mut content, |length| length / 2),
            Tear::PrefixOfLast(prefix) => self.all_but_last(&mut content, |length| prefix.min(length)),
            Tear::Sectors(_) => self.by_sector(&mut content, |_, _, versions| dice.below(versions as u64 + 1) as usize),
            Tear::AllButFirstSector => {
                self.by_sector(&mut content, |sector, (first, _), all| if sector == first { 0 } else { all })
            }
            Tear::AllButLastSector => {
                self.by_sector(&mut content, |sector, (_, last), all| if sector == last { 0 } else { all })
            }
        }
        content
    }

    fn all_but_last(&self, content: &mut Vec<u8>, keep: impl Fn(usize) -> usize) {
        let Some((last, earlier)) = self.pending.split_last() else {
            return;
        };
        earlier.iter().for_each(|pending| Self::apply(content, pending));
        match last {
            Pending::Bytes { offset, bytes } => put(content, *offset, &bytes[..keep(bytes.len())]),
            size @ Pending::Size(_) => Self::apply(content, size),
        }
    }

    /// `choose(sector, (first, last pending sector), writes to it)`: how many of the writes reached the sector.
    fn by_sector(&self, content: &mut Vec<u8>, mut choose: impl FnMut(usize, (usize, usize), usize) -> usize) {
        let ranges: Vec<(usize, &[u8])> = self
            .pending
            .iter()
            .filter_map(|pending| match pending {
                Pending::Bytes { offset, bytes } if !bytes.is_empty() => Some((*offset, bytes.as_slice())),
                _ => None,
            })
            .collect();
        content.resize(self.seen.len().max(content.len()), 0);
        let first = ranges.iter().map(|(offset, _)| offset / SECTOR).min().unwrap_or(0);
        let last = ranges.iter().map(|(offset, bytes)| (offset + bytes.len() - 1) / SECTOR).max().unwrap_or(0);
        for sector in first..=last {
            let (start, end) = (sector * SECTOR, (sector + 1) * SECTOR);
            let touching: Vec<_> =
                ranges.iter().filter(|(offset, bytes)| *offset < end && offset + bytes.len() > start).collect();
            let count = choose(sector, (first, last), touching.len()).min(touching.len());
            for (offset, bytes) in &touching[..count] {
                let (from, to) = (start.max(*offset), end.min(offset + bytes.len()));
                put(content, from, &bytes[from - offset..to - offset]);
            }
        }
    }
}

impl Disk {
    fn power_is_off() -> io::Error {
        io::Error::other("the simulated power is off")
    }

    fn is_dead(&self) -> bool {
        self.crash_after.is_some_and(|limit| self.ops >= limit)
    }

    /// Counts the call; fails when the power is off or a fault is due.
    fn begin(&mut self, op: Op, life: u64) -> io::Result<()> {
        self.begin_on(op, life, None)
    }

    /// The same for a call on a file.
    fn begin_on(&mut self, op: Op, life: u64, inode: Option<usize>) -> io::Result<()> {
        if self.is_dead() || life != self.life {
            return Err(Self::power_is_off());
        }
        self.ops += 1;
        let Some(index) = self.faults.iter().position(|fault| fault.is_for(op, inode)) else {
            return Ok(());
        };
        if self.faults[index].after > 0 {
            self.faults[index].after -= 1;
            return Ok(());
        }
        let error = self.faults[index].error;
        if !self.faults[index].is_sticky {
            self.faults.remove(index);
        }
        Err(error.into())
    }

    fn used_bytes(&self) -> u64 {
        self.names.values().map(|inode| self.inodes[*inode].seen.len() as u64).sum()
    }

    fn check_room(&self, inode: usize, size: usize) -> io::Result<()> {
        let growth = size.saturating_sub(self.inodes[inode].seen.len()) as u64;
        match self.capacity_bytes {
            Some(capacity) if growth > 0 && self.used_bytes() + growth > capacity => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    fn link(&mut self, name: &str) -> usize {
        let inode = self.inodes.len();
        self.inodes.push(Inode::default());
        self.names.insert(name.to_owned(), inode);
        self.pending_names.push(NameOp::Link { name: name.to_owned(), inode });
        inode
    }

    fn rename_in(names: &mut BTreeMap<String, usize>, from: &str, to: &str) {
        if let Some(inode) = names.remove(from) {
            names.insert(to.to_owned(), inode);
        }
    }

    fn apply_name(names: &mut BTreeMap<String, usize>, op: &NameOp) {
        match op {
            NameOp::Link { name, inode } => {
                names.insert(name.clone(), *inode);
            }
            NameOp::Rename { from, to } => Self::rename_in(names, from, to),
            NameOp::Unlink { name } => {
                names.remove(name);
            }
        }
    }
}

impl FaultStorage {
    /// An empty disk without limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many operations there were.
    pub fn ops(&self) -> u64 {
        hold(&self.disk).ops
    }

    /// The power goes after this many operations from now; every later call fails.
    pub fn crash_after(&self, ops: u64) {
        let mut disk = hold(&self.disk);
        disk.crash_after = Some(disk.ops + ops);
    }

    /// Sets the size of the disk; None has no limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        hold(&self.disk).capacity_bytes = bytes;
    }

    /// Bytes in files.
    pub fn used_bytes(&self) -> u64 {
        hold(&self.disk).used_bytes()
    }

    /// Lets the call of this kind fail after `after` more successes, once or (sticky) from then on.
    ///
    /// A failing write leaves half of its bytes, with `QuotaExceeded` none of them. A failing sync drops what was pending but leaves it readable,
    /// as Linux does.
    pub fn fail(&self, op: Op, after: u64, error: io::ErrorKind, is_sticky: bool) {
        hold(&self.disk).faults.push(Fault { op, after, error, is_sticky, inode: None });
    }

    /// Lets the next sync of this file fail, once, whatever other threads do with other files.
    pub fn fail_sync_of(&self, name: &str, error: io::ErrorKind) {
        let mut disk = hold(&self.disk);
        // A file that is not there is none of any, so that the fault never fires and the test says so.
        let inode = Some(disk.names.get(name).copied().unwrap_or(usize::MAX));
        disk.faults.push(Fault { op: Op::Sync, after: 0, error, is_sticky: false, inode });
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        hold(&self.disk).faults.clear();
    }

    /// The disk as the next start finds it after a power failure; the old one is left as it was.
    pub fn after_power_loss(&self, tear: Tear) -> Self {
        let disk = hold(&self.disk);
        let mut dice = Dice(if let Tear::Sectors(seed) = tear { seed } else { 0 });
        let kept_names = match tear {
            Tear::Nothing => 0,
            Tear::Sectors(_) => dice.below(disk.pending_names.len() as u64 + 1) as usize,
            Tear::HalfOfLast => disk.pending_names.len().div_ceil(2),
            _ => disk.pending_names.len(),
        };
        let mut names = disk.durable_names.clone();
        disk.pending_names[..kept_names].iter().for_each(|op| Disk::apply_name(&mut names, op));
        let inodes: Vec<Inode> = disk
            .inodes
            .iter()
            .map(|inode| {
                let content = inode.after_crash(tear, &mut dice);
                Inode { seen: content.clone(), durable: content, pending: Vec::new() }
            })
            .collect();
        let capacity_bytes = disk.capacity_bytes;
        let fresh = Disk { inodes, durable_names: names.clone(), names, capacity_bytes, ..Disk::default() };
        Self { disk: Arc::new(Mutex::new(fresh)) }
    }

    /// The process dies, the machine goes on: unsynced writes stay readable and pending, locks are gone.
    pub fn after_process_death(&self) -> Self {
        let mut fresh = hold(&self.disk).clone();
        fresh.life += 1;
        fresh.is_locked = false;
        fresh.crash_after = None;
        fresh.faults.clear();
        Self { disk: Arc::new(Mutex::new(fresh)) }
    }

    /// An independent copy with everything durable.
    pub fn fork(&self) -> Self {
        self.after_power_loss(Tear::Everything)
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<String> {
        hold(&self.disk).names.keys().cloned().collect()
    }

    /// The contents of a file; None when there is none.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let disk = hold(&self.disk);
        disk.names.get(name).map(|inode| disk.inodes[*inode].seen.clone())
    }

    /// Replaces a file's contents behind the journal's back, durably; None removes it.
    pub fn tamper(&self, name: &str, content: Option<Vec<u8>>) {
        let mut disk = hold(&self.disk);
        disk.names.remove(name);
        disk.durable_names.remove(name);
        if let Some(content) = content {
            let inode = disk.inodes.len();
            disk.inodes.push(Inode { seen: content.clone(), durable: content, pending: Vec::new() });
            disk.names.insert(name.to_owned(), inode);
            disk.durable_names.insert(name.to_owned(), inode);
        }
    }

    /// Flips one bit of a file behind the journal's back.
    pub fn flip_bit(&self, name: &str, bit: usize) {
        let mut disk = hold(&self.disk);
        if let Some(inode) = disk.names.get(name).copied() {
            let inode = &mut disk.inodes[inode];
            inode.seen[bit / 8] ^= 1 << (bit % 8);
            inode.durable[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

impl Storage for FaultStorage {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn lock(&self) -> io::Result<LockOutcome> {
        let mut disk = hold(&self.disk);
        if disk.is_locked {
            return Ok(LockOutcome::Held { pid: Some(std::process::id()) });
        }
        disk.is_locked = true;
        Ok(LockOutcome::Taken(Box::new(FaultLock { disk: Arc::clone(&self.disk), life: disk.life })))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let disk = hold(&self.disk);
        if disk.is_dead() { Err(Disk::power_is_off()) } else { Ok(disk.names.keys().cloned().collect()) }
    }

    fn open(&self, name: &str, _is_writable: bool) -> io::Result<Box<dyn StorageFile>> {
        let disk = hold(&self.disk);
        if disk.is_dead() {
            return Err(Disk::power_is_off());
        }
        let inode = *disk.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(FaultFile { disk: Arc::clone(&self.disk), inode, life: disk.life }))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let mut disk = hold(&self.disk);
        let life = disk.life;
        disk.begin(Op::Create, life)?;
        let inode = disk.link(name);
        Ok(Box::new(FaultFile { disk: Arc::clone(&self.disk), inode, life }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = hold(&self.disk);
        let life = disk.life;
        disk.begin(Op::Rename, life)?;
        if !disk.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Disk::rename_in(&mut disk.names, from, to);
        disk.pending_names.push(NameOp::Rename { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut disk = hold(&self.disk);
        let life = disk.life;
        disk.begin(Op::Remove, life)?;
        disk.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        disk.pending_names.push(NameOp::Unlink { name: name.to_owned() });
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut disk = hold(&self.disk);
        let life = disk.life;
        disk.begin(Op::SyncDir, life)?;
        disk.pending_names.clear();
        disk.durable_names = disk.names.clone();
        Ok(())
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let disk = hold(&self.disk);
        Ok(disk.capacity_bytes.map_or(u64::MAX, |capacity| capacity.saturating_sub(disk.used_bytes())))
    }
}

impl StorageFile for FaultFile {
    fn size(&self) -> io::Result<u64> {
        Ok(hold(&self.disk).inodes[self.inode].seen.len() as u64)
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let disk = hold(&self.disk);
        if disk.is_dead() {
            return Err(Disk::power_is_off());
        }
        let start = offset as usize;
        let bytes = disk.inodes[self.inode].seen.get(start..start + buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.copy_from_slice(bytes);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut disk = hold(&self.disk);
        let offset = offset as usize;
        let outcome = disk.begin(Op::Write, self.life).and_then(|()| disk.check_room(self.inode, offset + bytes.len()));
        let written = match &outcome {
            Ok(()) => bytes,
            Err(error) if matches!(error.kind(), io::ErrorKind::Other | io::ErrorKind::QuotaExceeded) => {
                return outcome;
            }
            Err(_) if offset + bytes.len() > disk.inodes[self.inode].seen.len() => return outcome,
            Err(_) => &bytes[..bytes.len() / 2],
        };
        disk.inodes[self.inode].add(Pending::Bytes { offset, bytes: written.to_vec() });
        outcome
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut disk = hold(&self.disk);
        disk.begin(Op::Allocate, self.life)?;
        disk.check_room(self.inode, bytes as usize)?;
        disk.inodes[self.inode].add(Pending::Size(bytes as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = hold(&self.disk);
        let outcome = disk.begin_on(Op::Sync, self.life, Some(self.inode));
        if outcome.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Other) {
            return outcome;
        }
        let inode = &mut disk.inodes[self.inode];
        // Only what is pending gets there: what an earlier failed sync dropped stays readable and is never stored.
        for pending in std::mem::take(&mut inode.pending) {
            if outcome.is_ok() {
                Inode::apply(&mut inode.durable, &pending);
            }
        }
        outcome
    }
}
