//! Lists that a server answers page by page: as lines of JSON, or as one table.

use std::io::{self, Write};

use serde_json::Value;

use super::exit::Exit;
use super::remote::{Remote, block_on, escaped};
use super::table::Table;

/// A list to be printed.
#[derive(Debug)]
pub(crate) struct Listing<'a> {
    /// The path and the query of its first page.
    pub(crate) target: String,
    /// The parameter of the query that the `next` of a page goes into.
    pub(crate) after: &'a str,
    /// The member of a page that has its part of the list.
    pub(crate) member: &'a str,
    /// Whether each is printed as a line of JSON.
    pub(crate) json: bool,
}

impl Listing<'_> {
    /// Prints all of it: a table has a row of each below its head.
    pub(crate) fn print<const N: usize>(
        self,
        remote: &Remote,
        head: [&str; N],
        row: fn(&Value) -> [String; N],
    ) -> anyhow::Result<Exit> {
        let mut client = remote.client()?;
        block_on(async {
            let mut out = io::stdout().lock();
            let mut table = Table::new(&head);
            let mut target = self.target.clone();
            loop {
                let page = client.call("GET", &target, None).await?;
                for it in page[self.member].as_array().into_iter().flatten() {
                    if self.json {
                        writeln!(out, "{it}")?;
                    } else {
                        table.row(row(it));
                    }
                }
                let next = match &page["next"] {
                    Value::String(next) => escaped(next).to_string(),
                    Value::Number(next) => next.to_string(),
                    Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => break,
                };
                target = format!("{}&{}={next}", self.target, self.after);
            }
            table.print(&mut out)?;
            Ok(Exit::Fine)
        })
    }
}
