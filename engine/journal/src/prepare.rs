//! The spare: the next segment's space, zero-filled and synced ahead of its use, normally by another thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

use crate::error::{Error, Result};
use crate::format::is_zero;
use crate::storage::{Storage, StorageFile, is_disk_full};

/// The spare's name until it becomes a segment.
pub(crate) const SPARE_NAME: &str = "spare.tmp";
const CHUNK_BYTES: usize = 1 << 20;

/// None: no room.
type Outcome = Result<Option<Box<dyn StorageFile>>>;

enum State {
    Missing,
    Working(Receiver<Outcome>),
    Ready(Box<dyn StorageFile>),
}

/// Keeps one spare ready.
pub(crate) struct Preparer {
    storage: Arc<dyn Storage>,
    segment_bytes: u64,
    min_free_bytes: u64,
    in_background: bool,
    state: State,
    /// The last attempt found no room, though there had seemed to be some.
    is_refused: bool,
}

impl Preparer {
    pub fn new(storage: Arc<dyn Storage>, segment_bytes: u64, min_free_bytes: u64, in_background: bool) -> Self {
        Self { storage, segment_bytes, min_free_bytes, in_background, state: State::Missing, is_refused: false }
    }

    /// Takes over the spare of an earlier run when it is whole, so that a start on a full disk keeps its reserve.
    pub fn adopt(&mut self) -> Result<()> {
        let Ok(file) = self.storage.open(SPARE_NAME, true) else {
            return Ok(());
        };
        let io = |error| Error::io("read", SPARE_NAME, error);
        if file.size().map_err(io)? == self.segment_bytes
            && is_all_zero(file.as_ref(), self.segment_bytes).map_err(io)?
        {
            file.sync_data().map_err(|error| Error::fatal("fdatasync", SPARE_NAME, error))?;
            self.state = State::Ready(file);
            return Ok(());
        }
        self.storage.remove(SPARE_NAME).map_err(|error| Error::io("remove", SPARE_NAME, error))
    }

    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready(_))
    }

    /// True when there is no spare and none is being made, or only once more after there was no room.
    pub fn is_missing(&self) -> bool {
        match self.state {
            State::Missing => true,
            State::Working(_) => self.is_refused,
            State::Ready(_) => false,
        }
    }

    /// Starts the work when the spare is missing and there is room; collects what has been done. Never waits for
    /// a background thread.
    pub fn poke(&mut self) -> Result<()> {
        if let State::Working(receiver) = &self.state {
            match receiver.try_recv() {
                Ok(outcome) => self.finish(outcome)?,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => self.state = State::Missing,
            }
        }
        if matches!(self.state, State::Missing) && self.has_room()? {
            self.start()?;
        }
        Ok(())
    }

    /// Waits for the spare; false when there is no room for one.
    pub fn wait(&mut self) -> Result<bool> {
        self.poke()?;
        if let State::Working(receiver) = &self.state {
            let outcome = receiver.recv().unwrap_or(Ok(None));
            self.finish(outcome)?;
        }
        Ok(self.is_ready())
    }

    /// Looks at the spare without giving it away.
    pub fn spare(&self) -> Option<&dyn StorageFile> {
        match &self.state {
            State::Ready(file) => Some(file.as_ref()),
            _ => None,
        }
    }

    /// Gives the spare away; it has been renamed.
    pub fn take(&mut self) -> Option<Box<dyn StorageFile>> {
        match std::mem::replace(&mut self.state, State::Missing) {
            State::Ready(file) => Some(file),
            other => {
                self.state = other;
                None
            }
        }
    }

    fn has_room(&self) -> Result<bool> {
        let free = self.storage.free_bytes().map_err(|error| Error::io("statvfs", &self.storage.describe(), error))?;
        Ok(free >= self.segment_bytes.saturating_add(self.min_free_bytes))
    }

    fn start(&mut self) -> Result<()> {
        if !self.in_background {
            let outcome = make_spare(self.storage.as_ref(), self.segment_bytes, false);
            return self.finish(outcome);
        }
        let (sender, receiver) = channel();
        let (storage, segment_bytes) = (Arc::clone(&self.storage), self.segment_bytes);
        let work = move || {
            // The journal waits for this thread before it goes away, so somebody always listens.
            let _ = sender.send(make_spare(storage.as_ref(), segment_bytes, true));
        };
        std::thread::Builder::new()
            .name("journal-spare".into())
            .spawn(work)
            .map_err(|error| Error::io("spawn", "journal-spare", error))?;
        self.state = State::Working(receiver);
        Ok(())
    }

    fn finish(&mut self, outcome: Outcome) -> Result<()> {
        self.state = State::Missing;
        let spare = outcome?;
        self.is_refused = spare.is_none();
        if let Some(file) = spare {
            self.state = State::Ready(file);
        }
        Ok(())
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        if let State::Working(receiver) = &self.state {
            // Otherwise the thread would write into the spare of the next opener.
            let _ = receiver.recv();
        }
    }
}

fn is_all_zero(file: &dyn StorageFile, bytes: u64) -> std::io::Result<bool> {
    let mut chunk = vec![0; CHUNK_BYTES.min(bytes as usize)];
    let mut offset = 0;
    while offset < bytes {
        let part = chunk.len().min((bytes - offset) as usize);
        file.read_at(&mut chunk[..part], offset)?;
        if !is_zero(&chunk[..part]) {
            return Ok(false);
        }
        offset += part as u64;
    }
    Ok(true)
}

/// Makes the spare; None when the disk is full, and then nothing is left behind.
fn make_spare(storage: &dyn Storage, segment_bytes: u64, in_steps: bool) -> Outcome {
    match fill_spare(storage, segment_bytes, in_steps) {
        Ok(file) => {
            file.sync_data().map_err(|error| Error::fatal("fdatasync", SPARE_NAME, error))?;
            storage.sync_dir().map_err(|error| Error::fatal("fsync", &storage.describe(), error))?;
            Ok(Some(file))
        }
        Err(error) if is_disk_full(&error) => {
            // A half-made spare only wastes room; the next attempt replaces it anyway.
            let _ = storage.remove(SPARE_NAME);
            Ok(None)
        }
        Err(error) => Err(Error::fatal("write", SPARE_NAME, error)),
    }
}

/// Real zeros, not just reserved extents: a later fdatasync then has no metadata to write. In steps, each is synced by
/// itself: the journal's own syncs then wait for a mebibyte at the most and not for the whole segment.
fn fill_spare(storage: &dyn Storage, segment_bytes: u64, in_steps: bool) -> std::io::Result<Box<dyn StorageFile>> {
    let file = storage.create(SPARE_NAME)?;
    file.allocate(segment_bytes)?;
    let chunk = vec![0; CHUNK_BYTES.min(segment_bytes as usize)];
    let mut offset = 0;
    while offset < segment_bytes {
        let part = chunk.len().min((segment_bytes - offset) as usize);
        file.write_at(&chunk[..part], offset)?;
        if in_steps {
            file.sync_data()?;
        }
        offset += part as u64;
    }
    Ok(file)
}
