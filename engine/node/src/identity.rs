//! Whose log a directory holds, and randomness, which no other part of the engine may draw.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use tandem_journal::{Identity, Locking, Reader, Storage};

use crate::recovery::OpenError;

/// Holds the cluster's id as 32 hex digits, since the journal has to be told it.
const NAME: &str = "CLUSTER";

fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A number nobody can guess; not 0, which the core takes for "no session".
pub fn random_u64() -> io::Result<u64> {
    Ok(u64::from_le_bytes(random_bytes()?).max(1))
}

/// The identity of the log in this storage, whose lock the caller holds; a new one is drawn for an empty storage.
pub fn identity_of(storage: &Arc<dyn Storage>) -> Result<Identity, OpenError> {
    let failed = |error: io::Error| OpenError(format!("{}/{NAME}: {error}", storage.describe()));
    let names = storage.list().map_err(failed)?;
    let cluster_id = if names.iter().any(|name| name == NAME) {
        read(storage.as_ref()).map_err(failed)?
    } else {
        let known = Reader::new(Arc::clone(storage), Locking::None)?.verify(|_| ())?.identity;
        let cluster_id = match known {
            Some(identity) => identity.cluster_id,
            None => random_bytes().map_err(failed)?,
        };
        write(storage.as_ref(), &cluster_id).map_err(failed)?;
        cluster_id
    };
    Ok(Identity { cluster_id, shard: 0 })
}

fn read(storage: &dyn Storage) -> io::Result<[u8; 16]> {
    let file = storage.open(NAME, false)?;
    let mut text = [0; 33];
    let damaged = "should hold 32 hex digits and a line end. Delete it: it is made again from the log";
    let damaged = |_| io::Error::new(io::ErrorKind::InvalidData, damaged);
    if file.size()? != 33 {
        return Err(damaged(()));
    }
    file.read_at(&mut text, 0)?;
    let text = str::from_utf8(&text[..32]).map_err(|_| damaged(()))?;
    u128::from_str_radix(text, 16).map(u128::to_be_bytes).map_err(|_| damaged(()))
}

fn write(storage: &dyn Storage, cluster_id: &[u8; 16]) -> io::Result<()> {
    let text = format!("{:032x}\n", u128::from_be_bytes(*cluster_id));
    let aside = format!("{NAME}.tmp");
    let file = storage.create(&aside)?;
    file.write_at(text.as_bytes(), 0)?;
    file.sync_data()?;
    drop(file);
    storage.rename(&aside, NAME)?;
    storage.sync_dir()
}
