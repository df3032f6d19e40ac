//! A client that names an epoch which never was: it must not be told that it missed nothing.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arrw_wire::centrifuge::{
    Answer, ChannelRequest, Command, ConnectRequest, Replies, Reply, Request, SubscribeRequest,
};

use super::super::lives::{Life, NoAnswer, Phase, Watch};
use super::field::Field;
use super::follower::manner;
use super::payload;
use crate::random::Random;
use crate::wire::{Cut, Heard, Wire};

/// Between two of its connections.
const PAUSE: Duration = Duration::from_millis(20);

/// A stranger.
#[derive(Debug)]
pub(super) struct Stranger {
    pub(super) random: Random,
    pub(super) field: Arc<Field>,
    pub(super) watch: Watch,
}

impl Stranger {
    /// Comes again and again; answers of which channels it named a wrong epoch, and whether it was told that it missed nothing.
    pub(super) async fn run(mut self) -> Vec<(u32, bool)> {
        let (mut all, mut number) = (Vec::new(), 0);
        while let Some(life) = self.watch.behind(number).await {
            number = life.number;
            loop {
                if self.watch.phase() != Phase::Torture {
                    return all;
                }
                match self.come(life).await {
                    Ok(seen) => all.push(seen),
                    Err(NoAnswer::Cut) => break,
                    Err(NoAnswer::GivenUp) => return all,
                    Err(NoAnswer::Silent) => {
                        self.field.ground.accuse("a stranger was never answered".to_owned());
                        return all;
                    }
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        all
    }

    async fn come(&mut self, life: Life) -> Result<(u32, bool), NoAnswer> {
        let number = u32::try_from(self.random.below(self.field.channels.into())).unwrap_or(0);
        let (channel, manner) = (payload::channel(number), manner(number));
        let mut wire = self.watch.wait(Wire::open(life.address, manner)).await?;
        let subscribe = SubscribeRequest { channel: channel.as_str().into(), ..Default::default() };
        let first = [
            Command { id: 1, what: Request::Connect(ConnectRequest::default()) },
            Command { id: 2, what: Request::Subscribe(subscribe.clone()) },
        ];
        let (epoch, offset, _) = self.watch.wait(ask(&mut wire, &first)).await?;
        let other = if epoch.starts_with('1') { "2" } else { "1" };
        let wrong = epoch
            .chars()
            .next()
            .map_or(other.to_owned(), |first| format!("{other}{}", &epoch[first.len_utf8()..]));
        let again = SubscribeRequest { recover: true, epoch: wrong.into(), offset, ..subscribe };
        let second = [
            Command {
                id: 3,
                what: Request::Unsubscribe(ChannelRequest { channel: channel.as_str().into() }),
            },
            Command { id: 4, what: Request::Subscribe(again) },
        ];
        let (_, _, is_believed) = self.watch.wait(ask(&mut wire, &second)).await?;
        wire.cut(if self.random.below(2) == 0 { Cut::Reset } else { Cut::End });
        Ok((number, is_believed))
    }
}

/// Sends commands, and waits until the subscription among them is answered.
async fn ask(wire: &mut Wire, commands: &[Command<'_>]) -> io::Result<(String, u64, bool)> {
    let mut frame = Vec::new();
    for command in commands {
        command.append(wire.encoding, &mut frame);
    }
    wire.say(&frame).await?;
    let mut message = Vec::new();
    loop {
        if wire.hear(&mut message).await? != Heard::Message {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for reply in Replies::new(wire.encoding, &message) {
            if let Ok(Reply { what: Answer::Subscribe(result), .. }) = reply {
                return Ok((result.epoch.into_owned(), result.offset, result.recovered));
            }
        }
    }
}
