//! What the operator is told: lines on stderr, which may be full, gone, or read by nobody.

use std::fmt::Arguments;
use std::io::Write;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// How long a last word may take.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Says a line. One that cannot be written is lost, and nothing else: there is nobody else to tell.
pub(crate) fn say(line: Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "tandem: {line}");
}

/// The same before the end of the process, which a reader of stderr that has stopped reading cannot hold up.
pub(crate) fn say_last(line: String) {
    let (sender, receiver) = channel();
    let body = move || {
        say(format_args!("{line}"));
        // Nobody listens any more when it took too long.
        let _ = sender.send(());
    };
    if thread::Builder::new().name("tandem-notice".into()).spawn(body).is_ok() {
        let _ = receiver.recv_timeout(LAST_WORD);
    }
}
