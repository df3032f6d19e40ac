//! Good clients that follow the channels of the good publishers.

use std::borrow::Cow;

use anyhow::{Context, bail, ensure};
use arrw_wire::centrifuge::{
    Answer, Command, ConnectRequest, Encoding, News, Publication, Replies, Reply, Request,
    SubscribeRequest,
};
use arrw_wire::websocket::Compression;
use tokio::time::timeout;

use super::{END, GOOD_TIME_MAX, Given, PUBLISHERS, Reader, Stamp};
use crate::wire::{Heard, Manner, Wire};

impl Reader {
    /// Follows all channels from the first publication to the last.
    pub(super) async fn listen(mut self, encoding: Encoding) -> Self {
        if let Err(error) = self.hear_channels(encoding).await {
            self.shared.accuse(&format!("{}: {error:#}", self.name));
        }
        self
    }

    async fn hear_channels(&mut self, encoding: Encoding) -> anyhow::Result<()> {
        let manner =
            Manner { number: 0, encoding, compression: Compression::Off, is_narrow: false };
        let mut wire = Wire::open(self.shared.address, manner).await?;
        wire.say(&subscriptions(encoding)).await?;
        let mut message = Vec::new();
        while !self.is_done {
            let heard = timeout(GOOD_TIME_MAX, wire.hear(&mut message)).await;
            let heard = heard.context("nothing came in time")??;
            ensure!(heard == Heard::Message, "was ended: {heard:?}");
            for reply in Replies::new(encoding, &message) {
                let Reply { id, what } = reply?;
                if let Answer::Connect(_) = what {
                    continue;
                }
                if let Answer::Ping = what {
                    wire.answer_ping().await?;
                } else if let Answer::Subscribe(result) = &what {
                    ensure!(result.recovered, "did not recover: {result:?}");
                } else if let Answer::Push(push) = &what
                    && let News::Publication(publication) = &push.what
                {
                    self.take_publication(&push.channel, publication)?;
                } else {
                    bail!("was told, as an answer to command {id} or unasked: {what:?}");
                }
            }
        }
        Ok(())
    }

    fn take_publication(
        &mut self,
        channel: &str,
        publication: &Publication<'_>,
    ) -> anyhow::Result<()> {
        let data: Stamp = serde_json::from_slice(publication.data)?;
        let (phase, at, offset) = (data.phase, data.at, publication.offset);
        ensure!(data.id == 0 || data.id == offset, "{} of `{channel}` is at {offset}", data.id);
        self.take(&Given { topic: Cow::Borrowed(channel), data })?;
        self.shared.note(phase, at, |latencies| &mut latencies.stream);
        Ok(())
    }
}

/// Connect, and all channels from their beginning.
fn subscriptions(encoding: Encoding) -> Vec<u8> {
    let mut frame = Vec::new();
    let connect = ConnectRequest::default();
    Command { id: 1, what: Request::Connect(connect) }.append(encoding, &mut frame);
    let channels = (1..=PUBLISHERS).map(|number| format!("good.{number}"));
    for (id, channel) in (2..).zip(channels.chain([END.to_owned()])) {
        let channel = channel.into();
        let subscribe = SubscribeRequest { channel, recover: true, ..Default::default() };
        Command { id, what: Request::Subscribe(subscribe) }.append(encoding, &mut frame);
    }
    frame
}
