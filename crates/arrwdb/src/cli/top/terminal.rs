//! The terminal: keys one by one, a screen of its own, and all of it given back at the end.

use std::io::{self, IsTerminal, Read, Write};
use std::thread;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::sync::mpsc;

use super::state::Key;
use crate::cli::exit::Advised;

/// Keys that wait to be looked at; more are dropped, as nobody types so fast.
const KEYS_MAX: usize = 16;

/// What a screen has at least, also when the terminal does not say.
const SIZE_DEFAULT: (usize, usize) = (80, 24);

/// Shows another screen, hides the cursor, and lets no line be wrapped; and the reverse.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// A terminal that is taken until this is dropped.
pub(super) struct Terminal {
    /// How it was.
    before: Termios,
}

impl Terminal {
    /// Takes it.
    ///
    /// # Errors
    /// When standard input or output is none.
    pub(super) fn open() -> anyhow::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(Advised {
                what: "a live view needs a terminal for its input and its output".to_owned(),
                help: "`arrwdb top --once` prints what it would show; add --json for programs"
                    .to_owned(),
            }
            .into());
        }
        let before = tcgetattr(io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        let terminal = Self { before };
        write(ENTER)?;
        Ok(terminal)
    }

    /// Columns and rows.
    pub(super) fn size() -> (usize, usize) {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if 0 < size.ws_col && 0 < size.ws_row => {
                (size.ws_col.into(), size.ws_row.into())
            }
            Ok(_) | Err(_) => SIZE_DEFAULT,
        }
    }

    /// Keys as they are pressed. They end when the input does. The thread that reads them waits in the system for one more, and ends
    /// with the process.
    pub(super) fn keys() -> io::Result<mpsc::Receiver<Key>> {
        let (pressed, keys) = mpsc::channel(KEYS_MAX);
        let read = move || {
            let mut bytes = [0; 64];
            while let Ok(count @ 1..) = io::stdin().lock().read(&mut bytes) {
                for key in bytes[..count].iter().filter_map(|byte| Key::of(*byte)) {
                    if let Err(mpsc::error::TrySendError::Closed(_)) = pressed.try_send(key) {
                        return;
                    }
                }
            }
        };
        thread::Builder::new().name("keys".to_owned()).spawn(read)?;
        Ok(keys)
    }
}

/// Writes what stands in no line: the screen, and what a terminal is told.
pub(super) fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A terminal that has gone away needs nothing back.
        let _gone = write(LEAVE);
        let _gone = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
