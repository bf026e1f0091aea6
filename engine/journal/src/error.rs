//! What can go wrong, each with what to do about it; and findings, which are reported but do not stop.

use std::{fmt, io};

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

/// What a replay closure may return as its own failure.
pub type VisitError = Box<dyn std::error::Error + Send + Sync>;

/// Every way in which a call can fail.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// A write or sync failed; what is on the disk is unknown. End the process.
    Fatal {
        /// The call that failed and its file.
        what: String,
        /// The system's error.
        source: io::Error,
    },
    /// An earlier call was fatal; nothing succeeds any more.
    Poisoned {
        /// The first failure.
        what: String,
    },
    /// No room: nothing was written and nothing was accepted; try again when space has returned.
    DiskFull {
        /// What the call needed.
        needed_bytes: u64,
        /// Pre-allocated space that is left, for `write_reserved`.
        reserved_bytes: u64,
    },
    /// Another writer holds the directory.
    Locked {
        /// The directory.
        dir: String,
        /// The holder's process id, when it could be read.
        pid: Option<u32>,
    },
    /// The file belongs to another cluster or shard.
    Identity {
        /// The file.
        file: String,
        /// What the configuration says.
        expected: String,
        /// What the file says.
        found: String,
    },
    /// The file was written in a format that this build does not know.
    Version {
        /// The file.
        file: String,
        /// The version it carries.
        found: u32,
    },
    /// A stored byte is not what was written.
    Damage(Finding),
    /// Log and snapshot do not belong together, or a part of the history is missing.
    History(Finding),
    /// What is wanted of the log is no longer there.
    Gone {
        /// The directory.
        dir: String,
        /// The record.
        seq: u64,
        /// Where the log begins now; none: there is no log.
        first_seq: Option<u64>,
    },
    /// The caller's clock went back; nothing was written.
    TimeFell {
        /// The time of the record before.
        last_us: u64,
        /// The time given.
        given_us: u64,
    },
    /// The caller's batch cannot be stored as it is; nothing was written.
    Batch(String),
    /// The configuration makes no sense.
    Config(String),
    /// The replay closure failed.
    Visit {
        /// The record it failed on.
        seq: u64,
        /// Its own error.
        source: VisitError,
    },
    /// Reading, listing or deleting failed.
    Io {
        /// The call that failed and its file.
        what: String,
        /// The system's error.
        source: io::Error,
    },
}

impl Error {
    /// True when the process has to end: what is on the disk is no longer known.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal { .. } | Self::Poisoned { .. })
    }

    pub(crate) fn io(call: &str, file: &str, source: io::Error) -> Self {
        Self::Io { what: format!("{call} {file}"), source }
    }

    pub(crate) fn fatal(call: &str, file: &str, source: io::Error) -> Self {
        Self::Fatal { what: format!("{call} {file}"), source }
    }

    pub(crate) fn damage(file: &str, offset: u64, seq: Option<u64>, what: impl Into<String>) -> Self {
        Self::Damage(Finding::damage(file, offset, seq, what))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fatal { what, source } => write!(
                f,
                "{what} failed: {source}; what is on the disk is unknown. End this process, check the disk, start again"
            ),
            Self::Poisoned { what } => {
                write!(f, "the journal is closed after a fatal error ({what}); end this process")
            }
            Self::DiskFull { needed_bytes, reserved_bytes } => write!(
                f,
                "the disk is full: {needed_bytes} bytes needed, {reserved_bytes} pre-allocated bytes left for reserved \
                 writes; nothing was written. Free some space; no restart is needed"
            ),
            Self::Locked { dir, pid } => {
                write!(f, "{dir} is in use by another process")?;
                if let Some(pid) = pid {
                    write!(f, " (pid {pid})")?;
                }
                write!(f, "; stop it first, or use another directory. Do not delete the LOCK file")
            }
            Self::Identity { file, expected, found } => write!(
                f,
                "{file} belongs to {found}, but this process is configured as {expected}; nothing was changed. \
                 Correct the configuration or the data directory"
            ),
            Self::Version { file, found } => write!(
                f,
                "{file} was written by a newer version: it has format version {found}, this build knows {}; nothing was changed. \
                 Use a newer build",
                crate::format::FORMAT_VERSION
            ),
            Self::Damage(finding) => write!(
                f,
                "damaged: {finding}. Nothing was cut or skipped. Keep the directory as it is, restore this file from the \
                 other region or a backup, check it with `tandem verify`, then start again"
            ),
            Self::History(finding) => write!(
                f,
                "log and snapshots do not fit together: {finding}. Nothing was changed. Bring back the missing files, or \
                 restore the whole directory from one source"
            ),
            Self::Gone { dir, seq, first_seq: None } => {
                write!(f, "there is no log in {dir}; seq {seq} is wanted. Correct the path, or restore the directory")
            }
            Self::Gone { dir, seq, first_seq: Some(first_seq) } => write!(
                f,
                "the log in {dir} begins at seq {first_seq}; seq {seq} is wanted, which was deleted when snapshots covered \
                 it. Bring its segments back from a backup or an archive, or start again from a snapshot"
            ),
            Self::TimeFell { last_us, given_us } => {
                write!(
                    f,
                    "time went back from {last_us} to {given_us} us; nothing was written. Clamp it before writing"
                )
            }
            Self::Batch(what) | Self::Config(what) => f.write_str(what),
            Self::Visit { seq, source } => write!(f, "replay stopped at seq {seq}: {source}"),
            Self::Io { what, source } => write!(f, "{what} failed: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fatal { source, .. } | Self::Io { source, .. } => Some(source),
            Self::Visit { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Normal after a crash, nothing acknowledged is touched.
    Note,
    /// Bytes are not what was written, but everything acknowledged is proven to be there.
    Warning,
    /// Written by a newer version: nothing here can say whether it is sound.
    Newer,
    /// Something that was stored cannot be read back.
    Damage,
}

/// One thing that was noticed in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file's name inside the directory.
    pub file: String,
    /// Where in the file.
    pub offset: u64,
    /// The record concerned, when known.
    pub seq: Option<u64>,
    /// What was noticed.
    pub what: String,
}

impl Finding {
    pub(crate) fn new(severity: Severity, file: &str, offset: u64, seq: Option<u64>, what: impl Into<String>) -> Self {
        Self { severity, file: file.to_owned(), offset, seq, what: what.into() }
    }

    pub(crate) fn damage(file: &str, offset: u64, seq: Option<u64>, what: impl Into<String>) -> Self {
        Self::new(Severity::Damage, file, offset, seq, what)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}, offset {}", self.file, self.offset)?;
        if let Some(seq) = self.seq {
            write!(f, ", seq {seq}")?;
        }
        write!(f, ": {}", self.what)
    }
}
