//! What another's codec writes we read as it was meant, and it reads what we write.

use bytes::Bytes;
use centrifuge_client_core::codec::{self, Protocol};
use centrifuge_client_core::proto;
use proptest::prelude::*;

use super::answers::{reply, reply_of};
use super::values::{command, command_of, filter};
use super::*;

const fn protocol(encoding: Encoding) -> Protocol {
    match encoding {
        Encoding::Json => Protocol::Json,
        Encoding::Protobuf => Protocol::Protobuf,
    }
}

fn encode(encoding: Encoding, commands: &[proto::Command]) -> Vec<u8> {
    let mut frame = Vec::new();
    codec::encode_commands(protocol(encoding), commands, &mut frame).unwrap();
    frame
}

fn decode(encoding: Encoding, frame: Vec<u8>) -> Vec<proto::Reply> {
    let max = frame.len();
    codec::decode_frame(protocol(encoding), Bytes::from(frame), max).unwrap()
}

/// Without what has no order and what is compared elsewhere.
fn plain(mut command: Command<'_>) -> Command<'_> {
    match &mut command.what {
        Request::Connect(request) => {
            request.headers.sort();
            request.subs.sort_by(|a, b| a.0.cmp(&b.0));
            request.subs.iter_mut().for_each(|(_, sub)| sub.tf = b"");
        }
        Request::Subscribe(request) => request.tf = b"",
        Request::Unsubscribe(_)
        | Request::Publish(_)
        | Request::Presence(_)
        | Request::PresenceStats(_)
        | Request::History(_)
        | Request::Ping
        | Request::Send(_)
        | Request::Rpc(_)
        | Request::Refresh(_)
        | Request::SubRefresh(_)
        | Request::Pong => {}
    }
    command
}

fn check_commands(encoding: Encoding, theirs: &[proto::Command]) -> Result<(), TestCaseError> {
    let frame = encode(encoding, theirs);
    let read: Vec<_> = Commands::new(encoding, &frame).unwrap().map(Result::unwrap).collect();
    let meant: Vec<_> = theirs.iter().map(command_of).collect();
    prop_assert_eq!(read.iter().cloned().map(plain).collect::<Vec<_>>(), meant);
    let mut again = Vec::new();
    read.iter().for_each(|command| command.append(encoding, &mut again));
    let read_again = Commands::new(encoding, &again).unwrap().map(Result::unwrap);
    prop_assert_eq!(read_again.collect::<Vec<_>>(), read);
    Ok(())
}

fn check_replies(encoding: Encoding, theirs: &[proto::Reply]) -> Result<(), TestCaseError> {
    let ours: Vec<_> = theirs.iter().map(reply_of).collect();
    let mut frame = Vec::new();
    ours.iter().for_each(|reply| reply.append(encoding, &mut frame));
    let read: Vec<_> = Replies::new(encoding, &frame).map(Result::unwrap).collect();
    prop_assert_eq!(read, ours);
    prop_assert_eq!(decode(encoding, frame), theirs);
    Ok(())
}

/// The tag filter of the one subscription that a frame asks for.
fn filter_in(encoding: Encoding, node: &proto::FilterNode) -> Result<Option<Filter>, FilterError> {
    let subscribe = proto::SubscribeRequest { tf: Some(node.clone()), ..Default::default() };
    let command = proto::Command { id: 1, subscribe: Some(subscribe), ..Default::default() };
    let frame = encode(encoding, &[command]);
    let read = Commands::new(encoding, &frame).unwrap().next().unwrap().unwrap();
    let Request::Subscribe(request) = read.what else { unreachable!("{read:?}") };
    Filter::read(encoding, request.tf)
}

proptest! {
    #[test]
    fn commands_in_json(theirs in prop::collection::vec(command(Encoding::Json), 1..4)) {
        check_commands(Encoding::Json, &theirs)?;
    }

    #[test]
    fn commands_in_protobuf(theirs in prop::collection::vec(command(Encoding::Protobuf), 1..4)) {
        check_commands(Encoding::Protobuf, &theirs)?;
    }

    #[test]
    fn replies_in_json(theirs in prop::collection::vec(reply(Encoding::Json), 1..4)) {
        check_replies(Encoding::Json, &theirs)?;
    }

    #[test]
    fn replies_in_protobuf(theirs in prop::collection::vec(reply(Encoding::Protobuf), 1..4)) {
        check_replies(Encoding::Protobuf, &theirs)?;
    }

    #[test]
    fn a_tag_filter_is_the_same_in_both_encodings(node in filter()) {
        let in_json = filter_in(Encoding::Json, &node);
        // A node without anything has no bytes in Protobuf, and is then none.
        prop_assume!(node != proto::FilterNode::default());
        prop_assert_eq!(in_json, filter_in(Encoding::Protobuf, &node));
    }
}
