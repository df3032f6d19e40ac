//! `arrwdb queue limit`: how many jobs a queue gives out, and how long it keeps those that are finished.

use arrw_server::{Client, ClientError};
use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::target;
use crate::cli::exit::Exit;
use crate::cli::remote::{Remote, block_on};
use crate::cli::report::Report;

/// Set how many jobs of a queue run at once and in a time, and how long finished ones are kept
///
/// What is not given stays as it is.
#[derive(Debug, Args)]
#[command(
    verbatim_doc_comment,
    group = ArgGroup::new("limits").required(true).multiple(true),
    after_help = "\
Examples:
  $ arrwdb queue limit mail --at-once 10 --rate 100 --per-ms 1000
  $ arrwdb queue limit mail --at-once 0 --rate 0 --keep-done-ms 3600000 --keep-dead-count 1000 --json"
)]
pub(crate) struct Limit {
    /// Its name
    queue: String,
    /// Jobs that may be leased at once; 0 for any number
    #[arg(long, value_name = "N", group = "limits")]
    at_once: Option<u32>,
    /// Jobs that may be handed out in the time of --per-ms; 0 for any number
    #[arg(long, value_name = "N", group = "limits")]
    rate: Option<u32>,
    /// Milliseconds for --rate
    #[arg(long, value_name = "N", requires = "rate", default_value_t = 1_000)]
    per_ms: u32,
    /// Milliseconds for which completed and cancelled jobs are kept
    #[arg(long, value_name = "N", group = "limits")]
    keep_done_ms: Option<u64>,
    /// How many completed and cancelled jobs are kept
    #[arg(long, value_name = "N", group = "limits")]
    keep_done_count: Option<u32>,
    /// Milliseconds for which dead jobs are kept
    #[arg(long, value_name = "N", group = "limits")]
    keep_dead_ms: Option<u64>,
    /// How many dead jobs are kept
    #[arg(long, value_name = "N", group = "limits")]
    keep_dead_count: Option<u32>,
    #[command(flatten)]
    report: Report,
    #[command(flatten)]
    remote: Remote,
}

impl Limit {
    pub(super) fn run(self) -> anyhow::Result<Exit> {
        let mut client = self.remote.client()?;
        block_on(async {
            let now = limits_now(&mut client, &self.queue).await?;
            let body = self.changed(now).to_string();
            let target = format!("{}/limits", target(&self.queue));
            let queue = client.call("PUT", &target, Some(body)).await?;
            self.report.say(&sentence(&self.queue, &queue), &queue)
        })
    }

    /// The limits as they are to be.
    fn changed(&self, mut limits: Value) -> Value {
        if let Some(count) = self.at_once {
            limits["concurrency_max"] = json!(count);
        }
        match self.rate {
            None => {}
            Some(0) => limits["rate"] = Value::Null,
            Some(count) => limits["rate"] = json!({ "count": count, "per_ms": self.per_ms }),
        }
        let kept = [
            ("keep_done", self.keep_done_ms, self.keep_done_count),
            ("keep_dead", self.keep_dead_ms, self.keep_dead_count),
        ];
        for (name, for_ms, count) in kept {
            if let Some(for_ms) = for_ms {
                limits[name]["for_ms"] = json!(for_ms);
            }
            if let Some(count) = count {
                limits[name]["count"] = json!(count);
            }
        }
        limits
    }
}

/// The code of a queue that nobody has used.
const NO_SUCH_QUEUE: &str = "ARW0057";

/// How a queue is run now. One that there is not yet is made, with the defaults.
async fn limits_now(client: &mut Client, queue: &str) -> anyhow::Result<Value> {
    let shown = match client.call("GET", &target(queue), None).await {
        Err(ClientError::Refused(refusal)) if refusal.code == NO_SUCH_QUEUE => {
            client.call("PUT", &format!("{}/limits", target(queue)), Some("{}".to_owned())).await
        }
        shown => shown,
    };
    let shown = shown?;
    let names = ["concurrency_max", "rate", "keep_done", "keep_dead"];
    Ok(names.into_iter().map(|name| (name.to_owned(), shown[name].clone())).collect())
}

fn sentence(name: &str, queue: &Value) -> String {
    let at_once = match queue["concurrency_max"].as_u64() {
        None | Some(0) => "any number of jobs".to_owned(),
        Some(1) => "1 job".to_owned(),
        Some(count) => format!("{count} jobs"),
    };
    let rate = queue["rate"].as_object();
    let rate = rate.map(|rate| format!(", {} in {} ms", rate["count"], rate["per_ms"]));
    let rate = rate.unwrap_or_default();
    let kept = |keep: &Value| format!("{} for {} ms", keep["count"], keep["for_ms"]);
    format!(
        "queue `{name}` gives out {at_once} at once{rate}; of done ones it keeps {}, of dead ones {}",
        kept(&queue["keep_done"]),
        kept(&queue["keep_dead"])
    )
}
