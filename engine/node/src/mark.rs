//! How far the log is durable, for those who follow it from other processes: eight bytes in a file beside it.
//!
//! Invariants:
//! - The mark is never ahead of what is synced. It may be behind, since it is not synced itself.
//! - It is there before the first record that this build appends.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tandem_journal::{Storage, StorageFile};

use crate::notice::say;

/// The file's name.
pub const NAME: &str = "durable";

/// How long a reader holds on to a file that another may have taken the place of.
const REOPEN_EVERY: Duration = Duration::from_millis(250);

/// The writer's end. What goes wrong with it costs no command: followers wait until it is right again.
pub struct DurableMark {
    storage: Arc<dyn Storage>,
    file: Option<Box<dyn StorageFile>>,
    is_failing: bool,
}

impl DurableMark {
    /// Leaves the mark of an earlier life as it is. Where there is neither a mark nor a log, it makes one: whoever finds
    /// the log finds the mark.
    pub fn open(storage: Arc<dyn Storage>) -> Self {
        let names = storage.list().unwrap_or_default();
        let mut mark = Self { storage, file: None, is_failing: false };
        if !names.iter().any(|name| name == NAME || name.ends_with(".log")) {
            mark.set(0);
        }
        mark
    }

    /// Everything up to this seq is synced.
    pub fn set(&mut self, seq: u64) {
        let written = self.write(seq);
        if let Err(error) = &written
            && !self.is_failing
        {
            say(format_args!("warning: the file `{NAME}` is not written, so those who follow the log wait: {error}"));
        }
        self.is_failing = written.is_err();
    }

    fn write(&mut self, seq: u64) -> io::Result<()> {
        let bytes = seq.to_le_bytes();
        if let Some(file) = &self.file {
            return file.write_at(&bytes, 0);
        }
        self.file = Some(match self.storage.open(NAME, true) {
            Ok(file) => {
                file.write_at(&bytes, 0)?;
                file
            }
            Err(error) if error.kind() == ErrorKind::NotFound => self.make(&bytes)?,
            Err(error) => return Err(error),
        });
        Ok(())
    }

    /// Aside and synced: nobody ever sees it without a mark.
    fn make(&self, bytes: &[u8]) -> io::Result<Box<dyn StorageFile>> {
        let aside = format!("{NAME}.tmp");
        let file = self.storage.create(&aside)?;
        file.write_at(bytes, 0)?;
        file.sync_data()?;
        self.storage.rename(&aside, NAME)?;
        self.storage.sync_dir()?;
        Ok(file)
    }
}

/// The mark as it is now; none where no writer has made one.
pub fn read(storage: &dyn Storage) -> io::Result<Option<u64>> {
    match storage.open(NAME, false) {
        Ok(file) => value(file.as_ref()).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Read until it is the same twice: nobody promises that eight bytes are written in one go.
fn value(file: &dyn StorageFile) -> io::Result<u64> {
    let once = || {
        let mut bytes = [0; 8];
        file.read_at(&mut bytes, 0).map(|()| u64::from_le_bytes(bytes))
    };
    let mut last = once()?;
    loop {
        let now = once()?;
        if now == last {
            return Ok(now);
        }
        last = now;
    }
}

/// A follower's end.
pub struct MarkReader {
    storage: Arc<dyn Storage>,
    file: Option<Box<dyn StorageFile>>,
    opened: Option<Instant>,
    highest: u64,
}

impl MarkReader {
    /// Of the writer of this storage, if there is one.
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage, file: None, opened: None, highest: 0 }
    }

    /// The mark as it is now; none where no writer has made one.
    ///
    /// Errors: it cannot be read, or it went back, which a writer never does.
    pub fn read(&mut self) -> Result<Option<u64>, String> {
        let dir = self.storage.describe();
        let failed = |error: io::Error| {
            format!("{dir}/{NAME} cannot be read: {error}. The exchange writes it again when it starts")
        };
        // Where there was none, there may be a writer by now.
        if self.file.is_none() || self.opened.is_none_or(|opened| opened.elapsed() >= REOPEN_EVERY) {
            self.opened = Some(Instant::now());
            match self.storage.open(NAME, false) {
                Ok(file) => self.file = Some(file),
                // Where there was one, there will be one again.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
        let Some(file) = &self.file else { return Ok(None) };
        let seq = value(file.as_ref()).map_err(failed)?;
        if seq < self.highest {
            let highest = self.highest;
            return Err(format!(
                "{dir}/{NAME} went back from seq {highest} to {seq}: the directory holds another log now, or lost the end \
                 of this one. What was made of it has to be made again"
            ));
        }
        self.highest = seq;
        Ok(Some(seq))
    }
}
