//! `/api/*`: what a back end asks of channels and connections, as Centrifugo answers it.
//!
//! Each call is answered 200 with `{"result": ..}` or `{"error": {"code", "message"}}`; what has not the form of its call is refused
//! as elsewhere.

mod control;
mod publish;
mod query;

use std::sync::Arc;

use arrw_wire::code::{self, Code as WireCode};
use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::app::App;
use crate::json;
use crate::keys::{Grant, KeyScope};
use crate::limits::API_COMMANDS_MAX;
use crate::problem::{Code, Problem};

/// Why a call is answered with an error.
#[derive(Debug)]
pub(super) struct Fault {
    code: WireCode,
    /// More than the code says; may be empty.
    detail: String,
    /// The refusal of the whole request, when what is given has not the form of the call.
    refusal: Option<Box<Problem>>,
}

impl From<WireCode> for Fault {
    fn from(code: WireCode) -> Self {
        Self { code, detail: String::new(), refusal: None }
    }
}

impl Fault {
    fn bad(detail: impl Into<String>) -> Self {
        Self { code: code::BAD_REQUEST, detail: detail.into(), refusal: None }
    }

    fn internal(detail: impl Into<String>) -> Self {
        Self { code: code::INTERNAL, detail: detail.into(), refusal: None }
    }

    fn to_json(&self) -> Value {
        let message = match &*self.detail {
            "" => self.code.text.to_owned(),
            detail => format!("{}: {detail}", self.code.text),
        };
        json!({ "code": self.code.number, "message": message })
    }
}

/// One call while it is answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) app: &'a Arc<App>,
    pub(super) grant: &'a Grant,
}

/// A call of a batch: its method and what it is given.
type Command = std::collections::BTreeMap<String, Box<RawValue>>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchForm {
    commands: Vec<Command>,
    /// Calls need not wait for each other, says who asks. They are answered in their order all the same.
    #[serde(default, rename = "parallel")]
    _parallel: bool,
}

/// Answers a call, whose method is the end of its path.
pub(crate) async fn call(
    State(app): State<Arc<App>>,
    Extension(grant): Extension<Arc<Grant>>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let method = head.uri.path().trim_start_matches("/api/").to_owned();
    let params: Box<RawValue> = json::read_large(&app, &head.headers, body).await?;
    let call = Call { app: &app, grant: &grant };
    let answer = if method == "batch" {
        call.batch(&params).await
    } else {
        call.answer(&method, &params).await
    };
    Ok(json::answer(&match answer {
        Ok(result) => json!({ "result": result }),
        Err(Fault { refusal: Some(problem), .. }) => return Err(*problem),
        Err(fault) => json!({ "error": fault.to_json() }),
    }))
}

impl Call<'_> {
    async fn batch(&self, params: &RawValue) -> Result<Value, Fault> {
        let BatchForm { commands, .. } = parse(params)?;
        if API_COMMANDS_MAX < commands.len() {
            return Err(Fault::bad(format!("more than {API_COMMANDS_MAX} commands")));
        }
        let mut replies = Vec::with_capacity(commands.len());
        for command in &commands {
            let mut members = command.iter();
            let (Some((method, params)), None) = (members.next(), members.next()) else {
                return Err(Fault::bad("a command has one member, named like its method"));
            };
            replies.push(match self.answer(method, params).await {
                Ok(result) => json!({ method: result }),
                Err(fault) => json!({ "error": fault.to_json() }),
            });
        }
        Ok(json!({ "replies": replies }))
    }

    async fn answer(&self, method: &str, params: &RawValue) -> Result<Value, Fault> {
        match method {
            "publish" => self.publish(parse(params)?).await,
            "broadcast" => self.broadcast(parse(params)?).await,
            "subscribe" => self.subscribe(&parse(params)?),
            "unsubscribe" => self.unsubscribe(&parse(params)?),
            "disconnect" => self.disconnect(&parse(params)?),
            "refresh" => self.refresh(&parse(params)?),
            "presence" => self.presence(&parse(params)?),
            "presence_stats" => self.presence_stats(&parse(params)?),
            "history" => self.history(parse(params)?).await,
            "channels" => self.channels(&parse(params)?),
            "info" => Ok(self.info()),
            _ => Err(code::METHOD_NOT_FOUND.into()),
        }
    }

    /// Refuses what the key is not good for: a batch has calls of every kind.
    fn check(&self, scope: KeyScope, topic: Option<&str>) -> Result<(), Fault> {
        let is_covered =
            topic.map_or_else(|| self.grant.covers_all(), |it| self.grant.covers_topic(it));
        if self.grant.has(scope) && is_covered {
            Ok(())
        } else {
            Err(code::PERMISSION_DENIED.into())
        }
    }
}

fn parse<T: DeserializeOwned>(params: &RawValue) -> Result<T, Fault> {
    json::object(Code::Body, params.get().as_bytes()).map_err(|problem| {
        let fault = Fault::bad(problem.detail());
        Fault { refusal: Some(Box::new(problem)), ..fault }
    })
}
