//! A mail server that keeps what it is given (RFC 5321, without TLS).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shoal_task::Scope;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::eventually;

/// Answer to EHLO: no TLS, no authentication.
const GREETING: &str = "250-sink.test\r\n250-8BITMIME\r\n250 SMTPUTF8";

/// A mail as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Envelope sender.
    pub from: String,
    /// Envelope recipients.
    pub to: Vec<String>,
    /// Headers and body, lines ended by `\n`, dots unstuffed.
    pub data: String,
}

impl Mail {
    /// A header's value, folded lines joined.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\n\n").next()?;
        let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
        unfolded.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    }

    /// What stands below the headers, as it was sent (it may be encoded).
    pub fn body(&self) -> &str {
        self.data.split_once("\n\n").map_or("", |(_, body)| body)
    }
}

/// Listens on a free loopback port until it is dropped.
#[derive(Debug)]
pub struct SmtpSink {
    addr: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    scope: Scope,
}

#[derive(Debug, Default)]
struct Shared {
    mails: Vec<Mail>,
    refusals: VecDeque<String>,
}

impl SmtpSink {
    /// A sink that takes every mail.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound port");
        let scope = Scope::root("smtp-sink");
        let shared = Arc::new(Mutex::new(Shared::default()));
        drop(scope.spawn_detached_context("accept", {
            let (shared, scope) = (Arc::clone(&shared), scope.clone());
            async move {
                tokio::select! {
                    () = accept(listener, shared, scope.clone()) => {}
                    () = scope.cancelled() => {}
                }
            }
        }));
        Self {
            addr,
            shared,
            scope,
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Answers the next mails with these lines instead of taking them, e.g.
    /// `451 try later` or `550 no such mailbox`.
    pub fn refuse(&self, replies: impl IntoIterator<Item = &'static str>) {
        lock(&self.shared)
            .refusals
            .extend(replies.into_iter().map(str::to_owned));
    }

    /// Mails taken so far, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.shared).mails.clone()
    }

    /// Waits until at least `count` mails were taken, and returns all.
    pub async fn wait_for(&self, count: usize, bound: Duration) -> Vec<Mail> {
        let probe = || async {
            let mails = self.mails();
            let found = mails.len();
            if found >= count {
                Ok(mails)
            } else {
                Err(format!("{found} of {count} mails"))
            }
        };
        eventually(probe, bound).await
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.scope.cancel();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>, scope: Scope) {
    while let Ok((stream, _)) = listener.accept().await {
        let (shared, token) = (Arc::clone(&shared), scope.token().clone());
        drop(scope.spawn_detached_context("session", async move {
            tokio::select! {
                // A client that hangs up has said all it wanted to say.
                _ = Session::new(stream, shared).run() => {}
                () = token.cancelled() => {}
            }
        }));
    }
}

struct Session {
    lines: tokio::io::Lines<BufReader<OwnedReadHalf>>,
    out: OwnedWriteHalf,
    shared: Arc<Mutex<Shared>>,
    from: Option<String>,
    to: Vec<String>,
}

impl Session {
    fn new(stream: TcpStream, shared: Arc<Mutex<Shared>>) -> Self {
        let (read, out) = stream.into_split();
        Self {
            lines: BufReader::new(read).lines(),
            out,
            shared,
            from: None,
            to: Vec::new(),
        }
    }

    async fn run(mut self) -> std::io::Result<()> {
        self.reply("220 sink.test ESMTP").await?;
        while let Some(line) = self.lines.next_line().await? {
            let verb = line
                .split(' ')
                .next()
                .unwrap_or_default()
                .to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" => self.reply(GREETING).await?,
                "HELO" | "NOOP" => self.reply("250 OK").await?,
                "RSET" => {
                    self.reset();
                    self.reply("250 OK").await?;
                }
                "MAIL" => {
                    self.reset();
                    self.from = Some(address(&line));
                    self.reply("250 OK").await?;
                }
                "RCPT" if self.from.is_none() => self.reply("503 MAIL first").await?,
                "RCPT" => {
                    self.to.push(address(&line));
                    self.reply("250 OK").await?;
                }
                "DATA" if self.to.is_empty() => self.reply("503 RCPT first").await?,
                "DATA" => self.data().await?,
                "QUIT" => return self.reply("221 bye").await,
                _ => self.reply("502 not known here").await?,
            }
        }
        Ok(())
    }

    async fn data(&mut self) -> std::io::Result<()> {
        self.reply("354 end with a dot").await?;
        let mut data = String::new();
        while let Some(line) = self.lines.next_line().await? {
            if line == "." {
                break;
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push('\n');
        }
        let refusal = lock(&self.shared).refusals.pop_front();
        if let Some(refusal) = refusal {
            self.reset();
            return self.reply(&refusal).await;
        }
        let mail = Mail {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            data,
        };
        lock(&self.shared).mails.push(mail);
        self.reply("250 taken").await
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn reply(&mut self, line: &str) -> std::io::Result<()> {
        self.out.write_all(format!("{line}\r\n").as_bytes()).await
    }
}

fn address(line: &str) -> String {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or("", |(address, _)| address).to_owned()
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
