//! The stage that checks what is in `deploy`: by Prometheus' and systemd's own tools, and against a real server.

mod dashboard;
mod exposed;
mod expression;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

use crate::cargo;
use crate::context::Context;
use crate::dist;
use crate::process;
use crate::running::Running;
use crate::stage::Failure;
use crate::tools;
use exposed::Exposed;

/// Where the rules stand.
const RULES: &str = "deploy/prometheus/arrwdb.rules.yml";
const DASHBOARD: &str = "deploy/grafana/arrwdb.json";
const UNIT: &str = "deploy/systemd/arrwdb.service";

/// What Prometheus adds to each scrape by itself.
const OF_PROMETHEUS: &str = "up";

/// Checks alerts, dashboard and unit; the answer says how many.
pub(crate) fn check(context: &Context) -> Result<String, Failure> {
    cargo::product(context)?;
    let promtool = tools::promtool(context)?;
    tools::systemd_analyze(context)?;
    let folder = context.fresh_folder("deploy")?;
    let root = &context.workspace.root;
    let rules = read(root, RULES)?;
    dist::check_dockerfile(&read(root, "deploy/Dockerfile")?)?;
    let dashboard = dashboard::parse(&read(root, DASHBOARD)?)?;
    // Each panel as a rule, so that Prometheus reads what it asks.
    fs::write(folder.join("panels.yml"), dashboard::as_rules(&dashboard)).context("write")?;
    let prometheus = root.join("deploy/prometheus");
    let checks =
        [vec!["check", "config", "prometheus.yml"], vec!["test", "rules", "arrwdb.rules.test.yml"]];
    let mut commands: Vec<Command> =
        checks.iter().map(|check| tool(&promtool, check, &prometheus)).collect();
    commands.push(tool(&promtool, &["check", "rules", "panels.yml"], &folder));
    process::run_each(commands)?;

    let text = metrics(context, &folder)?;
    fs::write(folder.join("metrics.txt"), &text).context("write the metrics")?;
    let mut lint = tool(&promtool, &["check", "metrics"], &folder);
    let input = fs::File::open(folder.join("metrics.txt")).context("open the metrics")?;
    let linted = lint.stdin(Stdio::from(input)).output().context("start promtool")?;
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&linted.stdout),
        String::from_utf8_lossy(&linted.stderr)
    );
    let mut problems: Vec<String> = said.lines().map(|line| format!("promtool: {line}")).collect();

    let mut exposed = Exposed::parse(&text);
    exposed.add_name(OF_PROMETHEUS);
    let expressions = expression::of_rules(&rules);
    exposed.add_records(&rules);
    let panels = dashboard.panels.iter().flat_map(|panel| &panel.expressions);
    for expression in expressions.iter().chain(panels) {
        problems.extend(exposed.problems_of(expression));
    }
    problems.extend(dashboard::problems(&dashboard));
    let operating = read(root, "docs/operating.md")?;
    problems.extend(expression::advice_problems(&rules, &operating));
    if !problems.is_empty() {
        return Err(Failure::Check(problems.join("\n")));
    }
    unit(context, &folder)?;
    Ok(format!("{} rules, {} panels", expressions.len(), dashboard.panels.len()))
}

fn read(root: &Path, name: &str) -> anyhow::Result<String> {
    fs::read_to_string(root.join(name)).with_context(|| format!("read {name}"))
}

fn tool(program: &Path, arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command
}

/// A server with a back end: its figures are there from the start, whether it answers or not.
const SETTINGS: &str = "client.proxy.connect.endpoint = \"http://127.0.0.1:9/connect\"\n";

/// What a server says that has done a little of everything.
fn metrics(context: &Context, folder: &Path) -> anyhow::Result<String> {
    let program = context.built("arrwdb");
    fs::write(folder.join("arrwdb.toml"), SETTINGS).context("write the settings")?;
    let server = Running::start(&program, folder)?;
    let done: [&[&str]; 5] = [
        &["pub", "orders.created", "{\"total\": 7}"],
        &["consumer", "create", "billing", "orders.*"],
        &["job", "enqueue", "mail", "welcome"],
        &["job", "enqueue", "mail", "welcome"],
        &["work", "--queue", "mail", "--exec", "cat", "--limit", "1"],
    ];
    for arguments in done {
        let mut command = Command::new(&program);
        command.args(arguments).args(["--server", &server.url]).current_dir(folder);
        process::run(&mut command).map_err(|failure| anyhow::anyhow!("{failure}"))?;
    }
    server.get("/metrics")
}

/// As systemd would read it, with a program that is there.
fn unit(context: &Context, folder: &Path) -> Result<(), Failure> {
    let program = context.built("arrwdb");
    let text = read(&context.workspace.root, UNIT)?;
    let text = text.replace("/usr/local/bin/arrwdb", &program.display().to_string());
    fs::write(folder.join("arrwdb.service"), text).context("write the unit")?;
    // It says what it does not know, and yet that all is well.
    let mut command = context.command("systemd-analyze");
    command.args(["verify", "--man=no", "arrwdb.service"]).current_dir(folder);
    let output = process::capture(&mut command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && !said.contains("arrwdb.service") {
        return Ok(());
    }
    Err(Failure::Check(format!("{UNIT}: {}", said.trim())))
}
