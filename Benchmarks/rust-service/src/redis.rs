//! A connection to Redis that adds entries to a stream: commands that are ready together leave in
//! one write, and replies are matched in order.

use std::io;

use time::OffsetDateTime;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use crate::checks::Transaction;

const REPLY_BYTES: usize = 64 << 10;

/// Is told whether Redis has added the entry.
type Waiter = oneshot::Sender<bool>;

struct Command {
    text: Vec<u8>,
    waiter: Waiter,
}

pub struct Stream {
    key: String,
    commands: mpsc::UnboundedSender<Command>,
}

impl Stream {
    pub async fn connect(port: u16, key: String) -> io::Result<Self> {
        let connection = TcpStream::connect(("127.0.0.1", port)).await?;
        connection.set_nodelay(true)?;
        let (input, output) = connection.into_split();
        let (commands, pending_commands) = mpsc::unbounded_channel();
        let (waiters, pending_waiters) = mpsc::unbounded_channel();
        tokio::spawn(write(output, pending_commands, waiters));
        tokio::spawn(read(input, pending_waiters));
        Ok(Stream { key, commands })
    }

    /// Whether Redis has confirmed the entry.
    pub async fn add(&self, id: &str, transaction: &Transaction) -> bool {
        let (amount, user) = (transaction.amount.to_string(), transaction.user_id.to_string());
        let created_at = timestamp(OffsetDateTime::now_utc());
        let text = encode(&[
            "XADD", &self.key, "*", "id", id, "amount", &amount, "currency",
            &transaction.currency, "user_id", &user, "created_at", &created_at,
        ]);
        let (waiter, outcome) = oneshot::channel();
        self.commands.send(Command { text, waiter }).is_ok() && outcome.await.unwrap_or(false)
    }
}

fn encode(words: &[&str]) -> Vec<u8> {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        text.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        text.extend_from_slice(word.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    text
}

fn timestamp(time: OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        time.year(), u8::from(time.month()), time.day(), time.hour(), time.minute(),
        time.second(), time.microsecond()
    )
}

async fn write(
    mut output: OwnedWriteHalf, mut commands: mpsc::UnboundedReceiver<Command>,
    waiters: mpsc::UnboundedSender<Waiter>,
) {
    let mut text = Vec::with_capacity(REPLY_BYTES);
    while let Some(first) = commands.recv().await {
        let mut next = Some(first);
        while let Some(command) = next {
            text.extend_from_slice(&command.text);
            waiters.send(command.waiter).expect("the reader runs");
            next = commands.try_recv().ok();
        }
        output.write_all(&text).await.expect("Redis is connected");
        text.clear();
    }
}

async fn read(mut input: OwnedReadHalf, mut waiters: mpsc::UnboundedReceiver<Waiter>) {
    let mut text = Vec::with_capacity(REPLY_BYTES);
    while input.read_buf(&mut text).await.expect("Redis is connected") > 0 {
        let mut start = 0;
        while let Some((length, is_added)) = reply(&text[start..]) {
            start += length;
            let waiter = waiters.try_recv().expect("each reply has a command");
            // A caller that has gone does not wait.
            let _ = waiter.send(is_added);
        }
        text.drain(..start);
    }
    panic!("Redis has closed the connection");
}

/// The length of the reply at the start of the text, and whether it is an entry's id; nothing if
/// bytes are missing.
fn reply(text: &[u8]) -> Option<(usize, bool)> {
    let line_end = text.iter().position(|byte| *byte == b'\n')? + 1;
    if text[0] != b'$' {
        return Some((line_end, false));
    }
    let digits = std::str::from_utf8(&text[1..line_end - 2]).expect("a length is ASCII");
    let length = line_end + digits.parse::<usize>().expect("a length is a number") + 2;
    if text.len() < length { None } else { Some((length, true)) }
}
