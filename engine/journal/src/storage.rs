//! What the journal needs from a disk, as a trait, and the real disk.
//!
//! One storage is one flat directory. Names are plain file names.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Mode of every file: the log holds everybody's orders and balances.
const OWNER_ONLY: u32 = 0o600;

/// One directory of files.
pub trait Storage: Send + Sync + 'static {
    /// The directory, for messages.
    fn describe(&self) -> String;
    /// Takes the one writer's lock, held until the guard is dropped or the process ends.
    fn lock(&self) -> io::Result<LockOutcome>;
    /// Every file name, in any order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens an existing file.
    fn open(&self, name: &str, is_writable: bool) -> io::Result<Box<dyn StorageFile>>;
    /// Creates an empty file, replacing one of that name.
    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;
    /// Renames, replacing the target in one step.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// Bytes that can still be allocated.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// One open file.
pub trait StorageFile: Send + Sync {
    /// The length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Fills the whole buffer or fails.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes everything or fails; after a failure any part may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Reserves space up to `bytes` and makes the file that long, or fails without room.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    /// Makes content and length durable.
    fn sync_data(&self) -> io::Result<()>;
}

/// Holds a lock while it lives.
pub trait LockGuard: Send + Sync {}

/// What came of trying to lock.
pub enum LockOutcome {
    /// The lock is ours.
    Taken(Box<dyn LockGuard>),
    /// Somebody else has it.
    Held {
        /// The holder's process id, when known.
        pid: Option<u32>,
    },
}

/// The name of the lock file; it stays when nobody holds the lock.
pub(crate) const LOCK_NAME: &str = "LOCK";

/// A directory of a local file system.
#[derive(Debug)]
pub struct FileStorage {
    dir: PathBuf,
}

impl FileStorage {
    /// Opens a directory, making it when it is missing.
    pub fn create(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        std::fs::create_dir_all(&dir)?;
        sync_names_above(&dir)?;
        Self::open(dir)
    }

    /// Opens an existing directory.
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        if !dir.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{} is not a directory", dir.display())));
        }
        Ok(Self { dir })
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Makes a directory's own name durable, and those above it, whoever made them a moment ago: what is synced in a
/// directory that a power failure takes away is lost.
fn sync_names_above(dir: &Path) -> io::Result<()> {
    let dir = dir.canonicalize()?;
    let device = dir.metadata()?.dev();
    for above in dir.ancestors().skip(1) {
        // What lies on another device was mounted, and what we may not read was not made by us.
        match File::open(above) {
            Ok(file) if file.metadata()?.dev() == device => file.sync_all()?,
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            _ => break,
        }
    }
    Ok(())
}

struct FileLock {
    _file: File,
}

impl LockGuard for FileLock {}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

impl Storage for FileStorage {
    fn describe(&self) -> String {
        self.dir.display().to_string()
    }

    fn lock(&self) -> io::Result<LockOutcome> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(OWNER_ONLY);
        let mut file = options.open(self.dir.join(LOCK_NAME))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(LockOutcome::Held { pid: read_pid(&mut file) }),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // The pid only helps a message: a disk too full to take it is no reason not to start.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(LockOutcome::Taken(Box::new(FileLock { _file: file })))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str, is_writable: bool) -> io::Result<Box<dyn StorageFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(is_writable).open(self.dir.join(name))?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true).mode(OWNER_ONLY);
        Ok(Box::new(options.open(self.dir.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.dir.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl StorageFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buf, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(self, rustix::fs::FallocateFlags::empty(), 0, bytes) {
            Ok(()) => Ok(()),
            // Some file systems cannot reserve; the caller's zero-filling then finds a full disk itself.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.set_len(bytes),
            Err(error) => Err(error.into()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }
}

/// True when the error says that there is no room, which is not fatal.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}
