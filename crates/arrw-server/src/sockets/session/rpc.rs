//! Calls: what reaches the engine from a client, so that a browser needs nothing else.
//!
//! | method | is given | answers |
//! | --- | --- | --- |
//! | `echo` | anything | the same |
//! | `publish` | `channel`, `data`, `tags` | `offset` and `epoch`; nothing of a volatile channel |
//! | `enqueue` | a job as `POST /v1/jobs` takes it | `job` and `new` |
//! | `job` | `job` | the job, as `GET /v1/jobs/{job}` shows it, without its args and its history |
//! | `cancel` | `job` | `job` and its `state` |
//!
//! Any other method is the back end's, when there is one that answers calls.
//!
//! Those about jobs are for whom the token allows it in the channel `jobs.` and the queue's name: `pub` to enqueue and cancel, `sub` to
//! look at one.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrw::NewEvent;
use arrw_wire::centrifuge::{Answer, Payload, RpcRequest};
use arrw_wire::code::{self, Code};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::permit::Deed;
use super::publish::code_of;
use super::{Fault, Refusal, Turn, resume};
use crate::jobs::call;
use crate::json;
use crate::problem;
use crate::sockets::channel::name::topic;
use crate::sockets::channel::publication::PUBLISHER;
use crate::sockets::tokens::Allow;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishForm {
    channel: String,
    data: Box<RawValue>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

impl Turn<'_> {
    pub(super) fn rpc(&mut self, id: u32, request: &RpcRequest<'_>) -> Result<(), Refusal> {
        match &*request.method {
            "echo" => {
                self.answer(id, Answer::Rpc(Payload { data: request.data }));
                Ok(())
            }
            "publish" => self.call_publish(id, request.data),
            "enqueue" => self.call_enqueue(id, request.data),
            "job" => self.call_job(id, request.data),
            "cancel" => self.call_cancel(id, request.data),
            _ => match &self.hub.access.proxies.rpc {
                Some(proxy) => self.call_back_end(id, request, proxy),
                None => Err(code::METHOD_NOT_FOUND.into()),
            },
        }
    }

    fn call_publish(&mut self, id: u32, data: &[u8]) -> Result<(), Refusal> {
        let form: PublishForm = json::object(problem::Code::Body, data)?;
        let options = self.options(&form.channel)?;
        self.permit(&form.channel, &options, Deed::Publish)?;
        let topic = topic(&form.channel, options.class).into_owned();
        let publisher = self.state.session.publisher();
        let mut headers = vec![(PUBLISHER, &*publisher)];
        headers.extend(form.tags.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        let payload = form.data.get().as_bytes();
        let event = NewEvent { headers: &headers, ..NewEvent::new(&topic, payload) };
        let published = self.hub.bus.publish(event).map_err(|error| code_of(&error))?.start();
        let hub = Arc::clone(self.hub);
        self.answer_later(id, async move {
            let offset = published.await.map_err(|error| code_of(&error))?.last_offset;
            if offset == 0 {
                return Ok::<_, Code>(b"{}".to_vec());
            }
            let epoch = hub.epoch(hub.end(&topic));
            let place = serde_json::json!({ "offset": offset, "epoch": epoch });
            Ok(place.to_string().into_bytes())
        })
    }

    /// Whether the client may do something with the jobs of a queue.
    fn permit_queue(&self, queue: &str, may: impl Fn(Allow) -> bool) -> Result<(), Fault> {
        let is_own = queue == crate::builtin::QUEUE;
        let allowed = self.state.session.allowed(&format!("jobs.{queue}"));
        if !is_own && (self.hub.access.is_open || allowed.is_some_and(may)) {
            Ok(())
        } else {
            Err(Fault::Error(code::PERMISSION_DENIED))
        }
    }

    fn call_enqueue(&mut self, id: u32, data: &[u8]) -> Result<(), Refusal> {
        let incoming = call::incoming(data)?;
        self.permit_queue(incoming.queue(), Allow::publish)?;
        let enqueuing = call::enqueue(&self.hub.db.jobs(), &incoming)?;
        self.answer_later(id, enqueuing)
    }

    fn call_job(&mut self, id: u32, data: &[u8]) -> Result<(), Refusal> {
        let status = call::named(&self.hub.db.jobs(), data)?;
        self.permit_queue(&status.queue, Allow::subscribe)?;
        let shown = call::shown(&self.hub.db, &status);
        self.answer(id, Answer::Rpc(Payload { data: &shown }));
        Ok(())
    }

    fn call_cancel(&mut self, id: u32, data: &[u8]) -> Result<(), Refusal> {
        let jobs = self.hub.db.jobs();
        let status = call::named(&jobs, data)?;
        self.permit_queue(&status.queue, Allow::publish)?;
        let cancelling = call::cancel(&jobs, status.job)?;
        self.answer_later(id, cancelling)
    }

    /// Answers a call when it has come to something.
    pub(super) fn answer_later<E: Into<Refusal> + Send>(
        &mut self,
        id: u32,
        call: impl Future<Output = Result<Vec<u8>, E>> + Send + 'static,
    ) -> Result<(), Refusal> {
        let (hub, connection) = (Arc::clone(self.hub), Arc::clone(self.connection));
        let begun = self.begin(Box::pin(async move {
            let called = call.await;
            resume(&hub, &connection, id, |turn| {
                let data = called.map_err(Into::into)?;
                turn.answer(id, Answer::Rpc(Payload { data: &data }));
                Ok(())
            });
        }));
        Ok(begun?)
    }
}
