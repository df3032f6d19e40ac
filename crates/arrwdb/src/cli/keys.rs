//! Keys of the terminal, one by one, while a command runs that shows something there.

use std::io::{self, IsTerminal, Read};
use std::thread;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use tokio::sync::mpsc::{Receiver, channel};

/// Keys that wait to be taken at most; the terminal keeps those beyond.
const KEYS_MAX: usize = 16;

/// The terminal, which gives each key at once. When this is dropped, it is as it was before.
#[derive(Debug)]
pub(crate) struct Keys {
    before: Option<Termios>,
    keys: Receiver<u8>,
}

impl Keys {
    /// Keys of the standard input, if it is a terminal; else none ever comes.
    ///
    /// Ctrl-C is a signal as ever.
    pub(crate) fn watch() -> io::Result<Self> {
        let (sender, keys) = channel(KEYS_MAX);
        if !io::stdin().is_terminal() {
            return Ok(Self { before: None, keys });
        }
        let before = tcgetattr(io::stdin())?;
        let mut now = before.clone();
        now.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        now.special_codes[SpecialCodeIndex::VMIN] = 1;
        now.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &now)?;
        // It ends with the process: a read of a terminal cannot be called back.
        thread::spawn(move || {
            for key in io::stdin().lock().bytes().map_while(Result::ok) {
                if sender.blocking_send(key).is_err() {
                    return;
                }
            }
        });
        Ok(Self { before: Some(before), keys })
    }

    /// True when there are keys to press.
    pub(crate) fn are_there(&self) -> bool {
        self.before.is_some()
    }

    /// The next key. Waits for ever when there is none to come.
    pub(crate) async fn next(&mut self) -> u8 {
        match self.keys.recv().await {
            Some(key) => key,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // A terminal that is gone needs nothing.
            let _gone = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
