//! A demonstration from its start to its end: everything is started here, and nothing of it stays.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, anyhow, ensure};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::channel;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::asking::Asker;
use super::board::{Board, Stage};
use super::client::Client;
use super::counted::{self, Counted};
use super::home::Home;
use super::keeper::{self, Launcher};
use super::limits::{ENDING_TIME_MAX, JOIN_TIME_MAX};
use super::publisher::Publisher;
use super::show::{self, Glance, Proof, Show};
use super::texts::Texts;
use super::worker::Worker;
use super::{Demo, page, standing};

/// A demonstration under way. When it is dropped, the server is killed and all ends.
pub struct Running {
    runtime: Runtime,
    show: Arc<Show>,
    page: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
    publisher: Option<JoinHandle<()>>,
    keeper: Option<JoinHandle<()>>,
    /// Dropped last: the server is gone then.
    _home: Home,
}

impl Running {
    /// Starts all; answers once every client is subscribed and events begin.
    ///
    /// # Errors
    /// When the folder is not empty, the page cannot listen, the server does not start, or not all clients come in time.
    pub fn start(demo: &Demo) -> anyhow::Result<Self> {
        ensure!(demo.listen.ip().is_loopback(), "`{}` is not on this machine alone", demo.listen);
        let begun = Instant::now();
        let listener = listen(demo.listen)?;
        let page = listener.local_addr()?;
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.context("cannot start the executor")?;
        let texts = Texts::read()?;
        let home = Home::make(demo.folder.as_deref())?;
        let launcher = Launcher { program: demo.program.clone(), folder: home.path().to_owned() };
        let server = launcher.first()?;
        let board = Board::new(begun, server.address(), texts, (demo.clients, demo.workers))?;
        let board = Arc::new(board);
        let (kill, orders) = channel(1);
        let past = Mutex::default();
        let show = Arc::new(Show { board: Arc::clone(&board), rate: demo.rate, kill, past });
        let keeper = runtime.spawn(keeper::keep(Arc::clone(&board), launcher, server, orders));
        let mut running = Self {
            runtime,
            show,
            page,
            tasks: Vec::new(),
            publisher: None,
            keeper: Some(keeper),
            _home: home,
        };
        running.begin(demo, listener)?;
        Ok(running)
    }

    fn begin(&mut self, demo: &Demo, listener: TcpListener) -> anyhow::Result<()> {
        let (runtime, board) = (&self.runtime, &self.show.board);
        let mut publisher = Publisher::new(board);
        let mut asker = Asker::new(board);
        runtime.block_on(async {
            standing::set_up(&mut asker).await?;
            publisher.prime().await;
            board.fault().map_or(Ok(()), |fault| Err(anyhow!(fault)))
        })?;
        for at in 0..demo.clients as usize {
            self.tasks.push(runtime.spawn(Client::new(board, at).run()));
        }
        let joined = || board.seats().all(|seat| seat.since.is_some());
        if !runtime.block_on(board.wait(JOIN_TIME_MAX, joined)) {
            let here = board.seats().filter(|seat| seat.since.is_some()).count();
            let why = board.fault().unwrap_or_else(|| "it took too long".to_owned());
            anyhow::bail!("{here} of {} clients could subscribe: {why}", demo.clients);
        }
        for at in 0..demo.workers as usize {
            self.tasks.push(runtime.spawn(Worker::new(board, at).run()));
        }
        self.tasks.push(runtime.spawn(show::tell(Arc::clone(&self.show), asker)));
        self.tasks.push(runtime.spawn(page::serve(listener, Arc::clone(&self.show))));
        self.publisher = Some(runtime.spawn(publisher.run(demo.rate)));
        Ok(())
    }

    /// Where the page is.
    #[must_use]
    pub fn page(&self) -> SocketAddr {
        self.page
    }

    /// Where the server is, in all its lives.
    #[must_use]
    pub fn server(&self) -> SocketAddr {
        self.show.board.server
    }

    /// Kills the server, which then comes back by itself. False when it is away already.
    pub fn kill(&self) -> bool {
        self.show.kill()
    }

    /// The figures of now.
    #[must_use]
    pub fn glance(&self) -> Glance {
        self.show.glance()
    }

    /// What the last kill came to; `None` when there was none, or not every client is back.
    #[must_use]
    pub fn proof(&self) -> Option<Proof> {
        self.show.proof()
    }

    /// What went wrong so that it cannot go on.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.show.board.fault()
    }

    /// Publishes no more, waits until clients and workers have all that there is, ends the server and counts.
    #[must_use]
    pub fn end(mut self) -> Counted {
        let board = Arc::clone(&self.show.board);
        if board.fault().is_none() {
            board.set_stage(Stage::Ending);
        }
        if let Some(publisher) = self.publisher.take() {
            drop(self.runtime.block_on(async { timeout(ENDING_TIME_MAX, publisher).await }));
        }
        // Those that do not come in time are counted as they are.
        self.runtime.block_on(board.wait(ENDING_TIME_MAX, || counted::has_all(&board)));
        let counted = counted::count(&board);
        board.set_stage(Stage::Over);
        if let Some(keeper) = self.keeper.take() {
            drop(self.runtime.block_on(keeper));
        }
        counted
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.show.board.set_stage(Stage::Over);
        self.tasks.iter().for_each(JoinHandle::abort);
        if let Some(keeper) = self.keeper.take() {
            drop(self.runtime.block_on(keeper));
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Running").field("page", &self.page).finish_non_exhaustive()
    }
}

/// The page's listener. When the port is taken, any other one.
fn listen(at: SocketAddr) -> anyhow::Result<TcpListener> {
    let any = SocketAddr::new(at.ip(), 0);
    let listener = TcpListener::bind(at).or_else(|_taken| TcpListener::bind(any));
    let listener = listener.with_context(|| format!("cannot listen on `{at}`"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
