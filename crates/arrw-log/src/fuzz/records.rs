//! Batches and frames: records on their way to the disk and back.

use super::{Input, Outcome, Target};
use crate::bytes_at::put_at;
use crate::checksum::{crc32c, crc64};
use crate::error::RecordError;
use crate::frame::{
    FRAME_ALIGN, FRAME_HEADER_BYTES, Frame, FrameKind, FrameStamp, body_is_intact, decode_header,
    gap, rehome, seal, tip_after,
};
use crate::limits::{
    FRAME_BYTES_MAX, HEADER_NAME_BYTES_MAX, HEADER_VALUE_BYTES_MAX, HEADERS_MAX, KEY_BYTES_MAX,
    NUMBER_MAX, TOPIC_BYTES_MAX,
};
use crate::position::{Epoch, Seq, Timestamp, Tip};
use crate::record::{Batch, Kind, NewRecord};

pub(super) const BATCH: Target = Target {
    name: "log-batch",
    what: "records of a batch: what was pushed is what is there, within the bounds",
    run: batch,
    seeds: batch_seeds,
    words: &["\u{1}\0\u{3}a.b\u{1}k\u{1}\u{1}h\u{2}vv\u{2}{}", "\0\0\0", "\u{7f}"],
};

pub(super) const FRAME: Target = Target {
    name: "log-frame",
    what: "bytes of a frame: bounded, and sealed again it is the same",
    run: frame,
    seeds: frame_seeds,
    words: &["ARWF", "\u{1}\0\u{1}\0", "\u{1}\0\u{2}\0", "\u{1}\0\u{3}\0"],
};

/// A record as an input describes it.
struct Described<'a> {
    kind: u16,
    topic: &'a str,
    key: Vec<u8>,
    headers: Vec<(&'a str, Vec<u8>)>,
    payload: &'a [u8],
}

impl<'a> Described<'a> {
    fn read(input: &mut Input<'a>) -> Self {
        let kind = input.short();
        let topic = input.text();
        // Some are larger than they may be.
        let key = grown(input, 3);
        let count = usize::from(input.byte()) % (HEADERS_MAX + 4);
        let header = |_| (input.text(), grown(input, 80));
        let headers = (0..count).map(header).collect();
        Self { kind, topic, key, headers, payload: input.part() }
    }
}

/// A part that a further byte repeats up to `times` times.
fn grown(input: &mut Input<'_>, times: usize) -> Vec<u8> {
    let part = input.part();
    if part.len() < 200 {
        part.to_vec()
    } else {
        part.repeat(1 + usize::from(input.byte()) % times)
    }
}

fn batch(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let (mut batch, mut pushed, mut refused) = (Batch::new(), Vec::new(), None);
    while !input.is_empty() {
        let record = Described::read(&mut input);
        let headers: Vec<(&str, &[u8])> =
            record.headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let (kind, topic, key) = (Kind(record.kind), record.topic, &record.key[..]);
        let new = NewRecord { kind, topic, key, headers: &headers, payload: record.payload };
        let before = (batch.stored_bytes(), batch.records());
        match batch.push(new) {
            Ok(()) => pushed.push(record),
            Err(error) => {
                assert_eq!((batch.stored_bytes(), batch.records()), before, "{error}");
                let is_true = match error {
                    RecordError::Topic { .. } => !topic.is_empty(),
                    RecordError::TooLarge { actual, max, .. } => max < actual,
                };
                assert!(is_true, "{error}");
                refused = Some(error);
            }
        }
    }
    assert_eq!(batch.iter().count(), pushed.len());
    for (found, given) in batch.iter().zip(&pushed) {
        assert_eq!((found.kind(), found.topic()), (Kind(given.kind), given.topic));
        assert_eq!((found.key(), found.payload()), (&given.key[..], given.payload));
        assert!(found.headers().eq(given.headers.iter().map(|(name, value)| (*name, &value[..]))));
        assert!(found.topic().len() <= TOPIC_BYTES_MAX && found.key().len() <= KEY_BYTES_MAX);
        assert!(found.headers().count() <= HEADERS_MAX);
        let fits = |(name, value): (&str, &[u8])| {
            name.len() <= HEADER_NAME_BYTES_MAX && value.len() <= HEADER_VALUE_BYTES_MAX
        };
        assert!(found.headers().all(fits));
    }
    match refused {
        Some(error) => Outcome::refused_because(&error),
        None => Outcome::accepted(&[pushed.len(), batch.stored_bytes()]),
    }
}

fn batch_seeds() -> Vec<Vec<u8>> {
    let control = b"\x02\x00\x00\x04name\x00\x08\x01\0\0\0\0\0\0\0";
    let event = b"\x00\x00\x0eorders.created\x0242\x02\x01a\x011\x05:type\x0atext/plain\x02{}";
    vec![control.to_vec(), event.to_vec(), [&event[..], control].concat()]
}

/// Makes the checksums of a frame right, as far as its lengths are.
pub(super) fn seal_frame(frame: &mut [u8], len: usize) {
    if let Some(body) = frame.get(FRAME_HEADER_BYTES..len) {
        let crc = crc64(body);
        put_at(frame, 64, crc.to_le_bytes());
    }
    if FRAME_HEADER_BYTES <= frame.len() {
        put_at(frame, 24, [0; 4]);
        let crc = crc32c(&frame[..FRAME_HEADER_BYTES]);
        put_at(frame, 24, crc.to_le_bytes());
    }
}

fn frame(input: &[u8]) -> Outcome {
    let mut input = Input::new(input);
    let flags = input.byte();
    let mut bytes = input.rest().to_vec();
    if flags & 2 == 2 && FRAME_HEADER_BYTES <= bytes.len() {
        // The lengths are those of the input.
        bytes.resize(bytes.len().next_multiple_of(FRAME_ALIGN), 0);
        let len = u32::try_from(bytes.len()).expect("inputs are small");
        put_at(&mut bytes, 4, len.to_le_bytes());
    }
    if flags & 1 == 1 {
        let len = bytes.len();
        seal_frame(&mut bytes, len);
    }
    let Some(header) = decode_header(&bytes) else { return Outcome::refused(&[0]) };
    let len = header.len as usize;
    assert!(len <= FRAME_BYTES_MAX && len.is_multiple_of(FRAME_ALIGN), "{header:?}");
    assert!(header.end_seq().get() <= NUMBER_MAX + u64::from(u32::MAX), "{header:?}");
    if !body_is_intact(&header, &bytes) {
        return Outcome::refused(&[1]);
    }
    bytes.truncate(len);
    let Some(tip) = tip_after(&header, &bytes) else { return Outcome::refused(&[2]) };
    assert!(header.first <= tip.next_seq, "the log goes back to {tip:?}");
    let frame = Frame::new(header, bytes.clone().into());
    let seen = frame.records().inspect(|record| {
        assert!(record.headers().count() <= record.payload().len() + len, "{record:?}");
    });
    let seen = seen.map(|record| record.seq()).collect::<Vec<_>>();
    assert!(seen.len() <= header.count as usize, "more records than it says");
    assert!(seen.iter().zip(header.first.get()..).all(|(seq, expected)| seq.get() == expected));
    let middle = header.first.plus(seen.len() as u64 / 2);
    assert_eq!(frame.clone().starting_at(middle).records().count(), seen.len().div_ceil(2));
    sealed_again(&bytes, &header, tip);
    Outcome::accepted(&[header.kind as usize, seen.len(), header.count as usize])
}

/// What is made of the parts of a frame is read as that frame.
fn sealed_again(bytes: &[u8], header: &crate::frame::FrameHeader, tip: Tip) {
    let stamp = FrameStamp {
        kind: header.kind,
        nonce: header.nonce,
        durable: header.durable,
        time: header.time,
        epoch: header.epoch,
        count: header.count,
    };
    let before = Tip { next_seq: header.first, next_frame: header.number, chain: header.chain };
    let mut again = bytes[..FRAME_HEADER_BYTES + header.body_len as usize].to_vec();
    again[..FRAME_HEADER_BYTES].fill(0);
    let tip_again = seal(&mut again, stamp, before);
    let padding_at = again.len().min(FRAME_HEADER_BYTES + header.body_len as usize);
    if bytes[padding_at..].iter().all(|byte| *byte == 0) {
        assert_eq!(decode_header(&again), Some(*header));
        assert_eq!(tip_again.next_seq, tip.next_seq);
    }
    rehome(&mut again, !header.nonce, Seq::ZERO);
    let moved = decode_header(&again).expect("it was moved to another file");
    assert!(body_is_intact(&moved, &again) && moved.continues(&before));
}

fn frame_seeds() -> Vec<Vec<u8>> {
    let stamp = |kind, count| FrameStamp {
        kind,
        nonce: 77,
        durable: Seq::new(3),
        time: Timestamp::from_micros(1_000),
        epoch: Epoch::from_random(9),
        count,
    };
    let mut batch = Batch::new();
    for (topic, payload) in [("t", &b"one"[..]), ("t", b"two"), ("", b"control")] {
        let headers = &[("h", &b"v"[..])];
        let record = NewRecord { topic, payload, headers, key: b"k", ..NewRecord::default() };
        batch.push(record).expect("it is within the bounds");
    }
    let mut records = vec![0; FRAME_HEADER_BYTES];
    records.extend_from_slice(batch.bytes());
    let end = seal(&mut records, stamp(FrameKind::Records, 3), Tip::START);
    let mut mark = vec![0; FRAME_HEADER_BYTES];
    seal(&mut mark, stamp(FrameKind::Mark, 0), Tip::START);
    let gap = gap(stamp(FrameKind::Gap, 3), Tip::START, end);
    [records, mark, gap].map(|frame| [&[1], frame.as_slice()].concat()).into()
}
