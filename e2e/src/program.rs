//! One of our programs as a process.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU16, Ordering};

use rustix::process::Signal;
use testkit::app::client;
use testkit::process::Process;

/// A function that runs, on a port that it keeps when it is started again.
pub struct Program {
    name: &'static str,
    env: Vec<(&'static str, String)>,
    surroundings: Surroundings,
    process: Process,
    port: u16,
}

/// What a program finds around it, whatever it is configured to do.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Variables that every program gets.
    pub env: Vec<(&'static str, String)>,
    /// The most files and sockets that it can have open.
    pub files_max: Option<u32>,
}

/// Where a program is that was built with this test.
pub fn path_of(name: &str) -> PathBuf {
    let path = folder_of_programs().join(name);
    assert!(
        path.exists(),
        "{} is missing: cargo build --release --workspace",
        path.display()
    );
    path
}

/// Where the build put its programs.
pub(crate) fn folder_of_programs() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    // Tests are in `deps`, programs beside it.
    let folder = this.parent().unwrap();
    let folder = match folder.file_name() {
        Some(last) if last == "deps" => folder.parent().unwrap(),
        _ => folder,
    };
    folder.to_owned()
}

/// A port that nobody has, below those that the system gives to clients: whoever tries to reach a program that was killed
/// would take its port otherwise.
pub fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 9_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (own.wrapping_add(step) % COUNT);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free from {FIRST} on");
}

impl Program {
    /// Starts it with nothing of this environment, and waits until it listens.
    pub async fn start(name: &'static str, env: Vec<(&'static str, String)>) -> Self {
        Self::start_in(Surroundings::default(), name, env).await
    }

    /// The same in other surroundings.
    pub async fn start_in(
        surroundings: Surroundings,
        name: &'static str,
        env: Vec<(&'static str, String)>,
    ) -> Self {
        let port = free_port();
        let process = launch(&surroundings, name, &env, port);
        let program = Self {
            name,
            env,
            surroundings,
            process,
            port,
        };
        program.process.line_with("listening").await;
        program
    }

    /// SIGKILL, and the same again on the same port.
    pub async fn restart(&mut self) {
        self.kill().await;
        self.revive().await;
    }

    /// Starts it again after it was killed.
    pub async fn revive(&mut self) {
        self.process = launch(&self.surroundings, self.name, &self.env, self.port);
        self.process.line_with("listening").await;
    }

    /// SIGKILL; the port stays this program's.
    pub async fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.exit_status().await;
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// What it has said since it was last started.
    pub fn said(&self) -> String {
        self.process.said()
    }

    fn pid(&self) -> i32 {
        self.process.pid().as_raw_nonzero().get()
    }

    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// SIGTERM, as a platform sends it; how it ended.
    pub async fn stop(mut self) -> ExitStatus {
        self.process.signal(Signal::TERM);
        self.process.exit_status().await
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.exit_status().await
    }

    /// One of its metrics, all series added up; 0 when it has none of that name.
    pub async fn metric(&self, name: &str) -> u64 {
        self.metric_where(name, "").await
    }

    /// The same of the series whose labels contain a text.
    pub async fn metric_where(&self, name: &str, label: &str) -> u64 {
        metric_of(&self.url(), name, label).await
    }

    /// Memory that it has, in KiB.
    pub fn rss_kib(&self) -> u64 {
        self.memory_kib("VmRSS:")
    }

    /// The most that it ever had.
    pub fn rss_peak_kib(&self) -> u64 {
        self.memory_kib("VmHWM:")
    }

    fn memory_kib(&self, name: &str) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with(name));
        line.unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    }

    /// Files and sockets that it has open.
    pub fn open_files(&self) -> usize {
        let pid = self.pid();
        std::fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .count()
    }

    /// Time on a processor since it was last started, in hundredths of a second.
    pub fn cpu_ticks(&self) -> u64 {
        let stat = self.proc("stat");
        // Behind the name, which may contain anything: user and system time are the 12th and 13th.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let field = |n| {
            fields
                .split_whitespace()
                .nth(n)
                .unwrap()
                .parse::<u64>()
                .unwrap()
        };
        field(11) + field(12)
    }

    fn proc(&self, file: &str) -> String {
        let pid = self.pid();
        std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap()
    }
}

/// A metric of whatever answers there, all series added up whose labels contain a text; 0 when there is none of that name.
pub async fn metric_of(url: &str, name: &str, label: &str) -> u64 {
    let metrics = client().get(format!("{url}/metrics")).send().await;
    let metrics = metrics.unwrap().text().await.unwrap();
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        let is_named = labels.is_empty() || labels.starts_with('{');
        (is_named && labels.contains(label)).then(|| value.parse::<f64>().unwrap())
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts, written as numbers of any kind"
    )]
    let sum = values.sum::<f64>() as u64;
    sum
}

fn launch(
    surroundings: &Surroundings,
    name: &str,
    env: &[(&'static str, String)],
    port: u16,
) -> Process {
    let path = path_of(name);
    let mut command = match surroundings.files_max {
        None => Command::new(path),
        // It keeps its process id.
        Some(max) => {
            let mut shell = Command::new("/bin/sh");
            shell
                .args(["-c", "ulimit -n \"$1\" && exec \"$0\""])
                .arg(path)
                .arg(max.to_string());
            shell
        }
    };
    let env = surroundings.env.iter().chain(env);
    command
        .env_clear()
        .envs(env.map(|(name, value)| (name, value)));
    command
        .env("HOST", "127.0.0.1")
        .env("PORT", port.to_string());
    Process::start(&mut command)
}

impl Drop for Program {
    /// What it said explains a failure best.
    #[expect(
        clippy::print_stdout,
        reason = "shown by the test runner with the failure"
    )]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.said();
            let lines: Vec<_> = said.lines().collect();
            println!("--- {} said, at the end:", self.name);
            for line in &lines[lines.len().saturating_sub(8)..] {
                println!("{}", line.chars().take(400).collect::<String>());
            }
        }
    }
}
