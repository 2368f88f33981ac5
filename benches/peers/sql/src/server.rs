//! A PostgreSQL server over its unix socket: what its grammar says of texts, without running any.
//!
//! Each text is a Parse message inside an aborted transaction: the server parses first, so an error of the grammar comes with
//! message and place, and 25P02 means that the text was read.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// What the server says of one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It parses.
    Accepted,
    /// It does not.
    Refused {
        /// Five letters.
        sqlstate: String,
        /// In English.
        message: String,
        /// In characters from 1; 0 where there is none.
        cursor: usize,
    },
}

/// A connection whose transaction is aborted.
pub struct Server {
    stream: UnixStream,
}

type Answer<T> = Result<T, Box<dyn std::error::Error>>;

impl Server {
    /// Connects through the socket file.
    pub fn connect(socket: &str) -> Answer<Self> {
        let mut server = Self { stream: UnixStream::connect(socket)? };
        let user = std::env::var("PGUSER").unwrap_or_else(|_| "postgres".into());
        let mut start = vec![0, 3, 0, 0];
        for (key, value) in [("user", user.as_str()), ("database", "postgres"), ("client_encoding", "UTF8")] {
            start.extend_from_slice(format!("{key}\0{value}\0").as_bytes());
        }
        start.push(0);
        server.stream.write_all(&(start.len() as u32 + 4).to_be_bytes())?;
        server.stream.write_all(&start)?;
        server.until_ready()?;
        for statement in ["BEGIN", "SELECT 1/0"] {
            server.send(b'Q', format!("{statement}\0").as_bytes())?;
            server.until_ready()?;
        }
        Ok(server)
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> Answer<()> {
        let mut message = vec![kind];
        message.extend_from_slice(&(body.len() as u32 + 4).to_be_bytes());
        message.extend_from_slice(body);
        Ok(self.stream.write_all(&message)?)
    }

    /// The error, if any, among the messages before the next `ReadyForQuery`.
    fn until_ready(&mut self) -> Answer<Option<Vec<u8>>> {
        let mut error = None;
        loop {
            let mut head = [0; 5];
            self.stream.read_exact(&mut head)?;
            let len = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize - 4;
            let mut body = vec![0; len];
            self.stream.read_exact(&mut body)?;
            match head[0] {
                b'E' => error = Some(body),
                b'Z' => return Ok(error),
                _ => {}
            }
        }
    }

    /// The verdict over one text, which must hold no NUL.
    pub fn judge(&mut self, text: &str) -> Answer<Verdict> {
        let mut body = vec![0];
        body.extend_from_slice(text.as_bytes());
        body.extend_from_slice(&[0, 0, 0]);
        self.send(b'P', &body)?;
        self.send(b'S', b"")?;
        let Some(error) = self.until_ready()? else { return Ok(Verdict::Accepted) };
        let (mut sqlstate, mut message, mut cursor) = (String::new(), String::new(), 0);
        for field in error.split(|&byte| byte == 0).filter(|field| !field.is_empty()) {
            let value = || String::from_utf8_lossy(&field[1..]).into_owned();
            match field[0] {
                b'C' => sqlstate = value(),
                b'M' => message = value(),
                b'P' => cursor = value().parse()?,
                _ => {}
            }
        }
        let several =
            sqlstate == "42601" && cursor == 0 && message.starts_with("cannot insert multiple commands");
        if sqlstate == "25P02" || several {
            return Ok(Verdict::Accepted);
        }
        Ok(Verdict::Refused { sqlstate, message, cursor })
    }
}
