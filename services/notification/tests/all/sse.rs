//! A client of server-sent events.

use std::time::Duration;

use serde_json::Value;

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) data: Value,
}

/// What the stream brought.
#[derive(Debug)]
pub(super) enum Next {
    Event(Event),
    /// A comment, as in silence.
    Comment,
    /// The server ended the stream.
    End,
}

pub(super) struct Reader {
    response: reqwest::Response,
    buffer: String,
}

impl Reader {
    pub(super) fn new(response: reqwest::Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            buffer: String::new(),
        }
    }

    /// The next block of the stream.
    pub(super) async fn next(&mut self) -> Next {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.buffer = rest;
                return parse(&block);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(20), self.response.chunk())
                .await
                .expect("a stream that is neither silent nor stuck");
            match chunk {
                Ok(Some(bytes)) => self.buffer.push_str(std::str::from_utf8(&bytes).unwrap()),
                Ok(None) | Err(_) => return Next::End,
            }
        }
    }

    /// The next event, past comments.
    pub(super) async fn event(&mut self) -> Event {
        loop {
            match self.next().await {
                Next::Event(event) => return event,
                Next::Comment => {}
                Next::End => panic!("the stream ended"),
            }
        }
    }

    pub(super) async fn events(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.event().await);
        }
        events
    }

    /// Waits for the end, past whatever still comes.
    pub(super) async fn end(mut self) {
        while !matches!(self.next().await, Next::End) {}
    }
}

fn parse(block: &str) -> Next {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| {
            line.strip_prefix(name)
                .map(|value| value.trim_start().to_owned())
        })
    };
    match (field("id:"), field("event:"), field("data:")) {
        (Some(id), Some(name), Some(data)) => Next::Event(Event {
            id: id.parse().unwrap(),
            name,
            data: serde_json::from_str(&data).unwrap(),
        }),
        _ => Next::Comment,
    }
}
