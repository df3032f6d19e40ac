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
//! Those about jobs are for whom the token allows it in the channel `jobs.` and the queue's name: `pub` to enqueue and cancel, `sub` to
//! look at one.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrw::NewEvent;
use arrw_wire::centrifuge::{Answer, ErrorReply, Payload, Reply, RpcRequest};
use arrw_wire::code::{self, Code};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::permit::Deed;
use super::publish::code_of;
use super::{Fault, Turn};
use crate::jobs::call;
use crate::json;
use crate::problem::{self, Problem};
use crate::sockets::channel::name::topic;
use crate::sockets::channel::publication::PUBLISHER;
use crate::sockets::connection;
use crate::sockets::tokens::Allow;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishForm {
    channel: String,
    data: Box<RawValue>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// Why a call is not done.
enum Refused {
    /// By a code alone.
    Fault(Fault),
    /// In the words of the same refusal over HTTP.
    Problem(Problem),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self::Fault(code.into())
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Turn<'_> {
    pub(super) fn rpc(&mut self, id: u32, request: &RpcRequest<'_>) -> Result<(), Fault> {
        match self.call(id, request) {
            Ok(()) => Ok(()),
            Err(Refused::Fault(fault)) => Err(fault),
            Err(Refused::Problem(problem)) => {
                refusal(id, &problem).append(self.encoding(), &mut self.replies);
                Ok(())
            }
        }
    }

    fn call(&mut self, id: u32, request: &RpcRequest<'_>) -> Result<(), Refused> {
        match &*request.method {
            "echo" => {
                self.answer(id, Answer::Rpc(Payload { data: request.data }));
                Ok(())
            }
            "publish" => self.call_publish(id, request.data),
            "enqueue" => self.call_enqueue(id, request.data),
            "job" => self.call_job(id, request.data),
            "cancel" => self.call_cancel(id, request.data),
            _ => Err(code::METHOD_NOT_FOUND.into()),
        }
    }

    fn call_publish(&mut self, id: u32, data: &[u8]) -> Result<(), Refused> {
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
        let (hub, connection) = (Arc::clone(self.hub), Arc::clone(self.connection));
        let begun = self.begin(Box::pin(async move {
            let reply = match published.await {
                Ok(published) => {
                    let epoch = hub.epoch(hub.end(&topic));
                    let place =
                        serde_json::json!({ "offset": published.last_offset, "epoch": epoch });
                    if published.last_offset == 0 { "{}".to_owned() } else { place.to_string() }
                }
                Err(error) => {
                    let reply = Reply::error(id, code_of(&error));
                    return connection::answer(&hub, &connection, &reply);
                }
            };
            let what = Answer::Rpc(Payload { data: reply.as_bytes() });
            connection::answer(&hub, &connection, &Reply { id, what });
        }));
        Ok(begun?)
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

    fn call_enqueue(&mut self, id: u32, data: &[u8]) -> Result<(), Refused> {
        let incoming = call::incoming(data)?;
        self.permit_queue(incoming.queue(), Allow::publish)?;
        let enqueuing = call::enqueue(&self.hub.db.jobs(), &incoming)?;
        self.answer_later(id, enqueuing)
    }

    fn call_job(&mut self, id: u32, data: &[u8]) -> Result<(), Refused> {
        let status = call::named(&self.hub.db.jobs(), data)?;
        self.permit_queue(&status.queue, Allow::subscribe)?;
        let shown = call::shown(&self.hub.db, &status);
        self.answer(id, Answer::Rpc(Payload { data: &shown }));
        Ok(())
    }

    fn call_cancel(&mut self, id: u32, data: &[u8]) -> Result<(), Refused> {
        let jobs = self.hub.db.jobs();
        let status = call::named(&jobs, data)?;
        self.permit_queue(&status.queue, Allow::publish)?;
        let cancelling = call::cancel(&jobs, status.job)?;
        self.answer_later(id, cancelling)
    }

    /// Answers a call when it has come to something.
    fn answer_later(
        &mut self,
        id: u32,
        call: impl Future<Output = Result<Vec<u8>, Problem>> + Send + 'static,
    ) -> Result<(), Refused> {
        let (hub, connection) = (Arc::clone(self.hub), Arc::clone(self.connection));
        let begun = self.begin(Box::pin(async move {
            match call.await {
                Ok(data) => {
                    let what = Answer::Rpc(Payload { data: &data });
                    connection::answer(&hub, &connection, &Reply { id, what });
                }
                Err(problem) => connection::answer(&hub, &connection, &refusal(id, &problem)),
            }
        }));
        Ok(begun?)
    }
}

/// What a client is told of a call that is refused: the words of the same refusal over HTTP.
fn refusal(id: u32, problem: &Problem) -> Reply<'static> {
    let code = if problem.code().status() < 500 { code::BAD_REQUEST } else { code::INTERNAL };
    let message = problem.detail().to_owned().into();
    let what = Answer::Error(ErrorReply { message, ..ErrorReply::from(code) });
    Reply { id, what }
}
