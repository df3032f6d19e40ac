//! What holds for any messages, however they are cut.

use proptest::prelude::*;

use super::deflate::Deflater;
use super::*;

/// A message of some frames, with control frames between them.
#[derive(Clone, Debug)]
struct Sent {
    kind: Kind,
    payload: Vec<u8>,
    is_compressed: bool,
    cuts: Vec<usize>,
    pings: bool,
}

fn sent() -> impl Strategy<Value = Sent> {
    let text = prop_oneof!["\\PC{0,40}", "[a€😀]{0,200}", "(abc){0,99}"];
    let binary = prop::collection::vec(any::<u8>(), 0..300);
    let payload = prop_oneof![
        text.prop_map(|it| (Kind::Text, it.into_bytes())),
        binary.prop_map(|it| (Kind::Binary, it)),
    ];
    let cuts = prop::collection::vec(0_usize..300, 0..4);
    (payload, any::<bool>(), cuts, any::<bool>()).prop_map(
        |((kind, payload), is_compressed, cuts, pings)| Sent {
            kind,
            payload,
            is_compressed,
            cuts,
            pings,
        },
    )
}

impl Sent {
    fn write(&self, mask: Option<[u8; 4]>, deflater: &mut Deflater, out: &mut Vec<u8>) {
        let mut frame = |head, payload: &[u8]| match mask {
            Some(mask) => write::masked_frame(head, mask, payload, out),
            None => write::frame(head, payload, out),
        };
        let payload =
            if self.is_compressed { deflater.deflate(&self.payload) } else { &self.payload };
        let mut cuts: Vec<usize> = self.cuts.iter().map(|&it| it.min(payload.len())).collect();
        cuts.extend([0, payload.len()]);
        cuts.sort_unstable();
        for (at, pair) in cuts.windows(2).enumerate() {
            let head = Head {
                opcode: if at == 0 { self.kind.opcode() } else { Opcode::Continuation },
                is_final: at + 2 == cuts.len(),
                is_compressed: self.is_compressed && at == 0,
            };
            frame(head, &payload[pair[0]..pair[1]]);
            if self.pings && !head.is_final {
                frame(Head::whole(Opcode::Ping), b"ping");
            }
        }
    }

    fn told(&self) -> Vec<Told> {
        let pings = if self.pings { self.cuts.len() } else { 0 };
        let mut told = vec![Told::Ping(b"ping".to_vec()); pings];
        told.push(match self.kind {
            Kind::Text => Told::Text(String::from_utf8(self.payload.clone()).unwrap()),
            Kind::Binary => Told::Binary(self.payload.clone()),
        });
        told
    }
}

/// Shows bytes in pieces of these sizes, the last of them again and again.
fn receive_in(connection: &mut Connection, bytes: &[u8], sizes: &[usize]) -> Vec<Told> {
    let mut told = Vec::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().copied().cycle();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
        told.extend(connection.receive(piece));
        if matches!(told.last(), Some(Told::Violation(_))) {
            break;
        }
        rest = after;
    }
    told
}

proptest! {
    #[test]
    fn what_was_sent_is_told_however_it_is_cut(
        all in prop::collection::vec(sent(), 1..5),
        mask: Option<[u8; 4]>,
        sizes in prop::collection::vec(1_usize..200, 1..6),
        bits in 9_u8..=15,
    ) {
        let mut bytes = Vec::new();
        let mut deflater = Deflater::new(6, bits);
        all.iter().for_each(|it| it.write(mask, &mut deflater, &mut bytes));
        let expected: Vec<Told> = all.iter().flat_map(Sent::told).collect();
        let peer = if mask.is_some() { Peer::Client } else { Peer::Server };
        for sizes in [&sizes[..], &[1], &[usize::MAX]] {
            let mut connection = Connection::new(peer, Compression::On, MESSAGE_BYTES_MAX);
            prop_assert_eq!(&receive_in(&mut connection, &bytes, sizes), &expected);
            prop_assert!(!connection.reader.needs_gathered());
        }
    }

    /// A change of one byte may make anything of it, but the same at once and in pieces.
    #[test]
    fn any_bytes_mean_the_same_however_they_are_cut(
        all in prop::collection::vec(sent(), 1..3),
        at: prop::sample::Index,
        xor: u8,
        sizes in prop::collection::vec(1_usize..50, 1..6),
    ) {
        let mut bytes = Vec::new();
        let mut deflater = Deflater::default();
        all.iter().for_each(|it| it.write(Some([1, 2, 3, 4]), &mut deflater, &mut bytes));
        let at = at.index(bytes.len());
        bytes[at] ^= xor;
        let of = |sizes: &[usize]| {
            let mut connection = Connection::new(Peer::Client, Compression::On, 200);
            receive_in(&mut connection, &bytes, sizes)
        };
        prop_assert_eq!(of(&sizes), of(&[usize::MAX]));
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for peer in [Peer::Client, Peer::Server] {
            let told = Connection::new(peer, Compression::On, 100).receive(&bytes);
            prop_assert!(told.len() <= bytes.len());
        }
        let mut inflater = Inflater::default();
        if let Ok(out) = inflater.inflate(&bytes, 10_000) {
            prop_assert!(out.len() <= 10_000);
        }
        let _told = Close::parse(&bytes);
    }

    #[test]
    fn what_is_deflated_inflates_to_the_same(
        message in prop::collection::vec(any::<u8>(), 0..5_000),
        times in 1_usize..5,
        level in 1_u32..=9,
        bits in 9_u8..=15,
    ) {
        let message = message.repeat(times);
        let mut deflater = Deflater::new(level, bits);
        let mut inflater = Inflater::default();
        for _ in 0..2 {
            let deflated = deflater.deflate(&message);
            prop_assert_eq!(inflater.inflate(deflated, 20_000), Ok(&message[..]));
        }
    }
}
