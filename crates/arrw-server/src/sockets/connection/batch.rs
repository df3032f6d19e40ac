//! What is new in a channel, framed once for all who stand at the same place.

use std::sync::Arc;

use bytes::Bytes;

use crate::limits::{FRAME_BYTES_MAX, FRAME_MESSAGES_MAX};
use crate::planted::{Bug, is_planted};
use crate::sockets::channel::ring::{Entry, What};
use crate::sockets::form::{FORMS, Form, Shape};

/// Entries of a ring from `base` up to before `head`.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) base: u64,
    pub(crate) head: u64,
    /// The offset of the first publication in it that has one; 0 when none has.
    pub(crate) first_offset: u64,
    /// That of the last.
    pub(crate) last_offset: u64,
    pub(crate) entries: Vec<Arc<Entry>>,
    has_members: bool,
    /// By form, without and with those that come and go.
    frames: [[Option<Frames>; 2]; FORMS],
}

/// Frames that are shared.
pub(crate) type Frames = Arc<[Bytes]>;

impl Batch {
    pub(crate) fn new(base: u64, entries: Vec<Arc<Entry>>) -> Self {
        let (mut first_offset, mut last_offset, mut has_members) = (0, 0, false);
        for entry in &entries {
            match entry.what {
                What::Publication { offset, .. } => {
                    last_offset = offset.max(last_offset);
                    first_offset = if first_offset == 0 { offset } else { first_offset };
                }
                What::Member => has_members = true,
            }
        }
        let (head, frames) = (base + entries.len() as u64, Default::default());
        Self { base, head, first_offset, last_offset, entries, has_members, frames }
    }

    /// The frames for all who want everything, or everything but those that come and go.
    pub(crate) fn frames(&mut self, form: Form, wants_members: bool) -> Frames {
        let with_members = wants_members || !self.has_members;
        let place = &mut self.frames[form as usize][usize::from(with_members)];
        if let Some(frames) = place {
            return Arc::clone(frames);
        }
        let gets = |entry: &&Arc<Entry>| with_members || !matches!(entry.what, What::Member);
        let made: Frames = frames(form, self.entries.iter().filter(gets)).into();
        Arc::clone(place.insert(made))
    }
}

/// Entries as frames, each no longer than it may be.
pub(crate) fn frames<'a>(form: Form, entries: impl Iterator<Item = &'a Arc<Entry>>) -> Vec<Bytes> {
    if is_planted(Bug::TurnRound) {
        let entries: Vec<_> = entries.collect();
        return framed(form, entries.into_iter().rev());
    }
    if is_planted(Bug::LeaveOutForProtobuf) && form.shape() == Shape::Protobuf {
        let entries: Vec<_> = entries.collect();
        let first = usize::from(1 < entries.len());
        return framed(form, entries.into_iter().skip(first));
    }
    framed(form, entries)
}

fn framed<'a>(form: Form, entries: impl Iterator<Item = &'a Arc<Entry>>) -> Vec<Bytes> {
    let (mut all, mut bytes) = (Vec::new(), 0);
    let mut messages: Vec<&[u8]> = Vec::new();
    for entry in entries {
        let ready = entry.ready(form.shape());
        if FRAME_BYTES_MAX < bytes + ready.len() && !messages.is_empty()
            || FRAME_MESSAGES_MAX <= messages.len()
        {
            all.push(form.frame(&messages));
            messages.clear();
            bytes = 0;
        }
        messages.push(ready);
        bytes += ready.len();
    }
    if !messages.is_empty() {
        all.push(form.frame(&messages));
    }
    all
}
