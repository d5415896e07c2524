//! `show`: all that is known of one event.

use std::io::{self, Write};

use cloudevents::{Data, Event};
use futures_util::TryStreamExt as _;

use crate::args::Filter;
use crate::judge::Judged;
use crate::letter::Content;
use crate::screen::{safe, safe_bytes};
use crate::{Redrive, RedriveError, Screen};

impl Redrive<'_> {
    pub(crate) async fn show(&self, id: &str, screen: Screen<'_>) -> Result<(), RedriveError> {
        let filter = Filter {
            id: vec![id.to_owned()],
            ..Filter::default()
        };
        let index = self.index(&filter, screen.progress).await?;
        let mut judged = std::pin::pin!(self.judged(&index, &[]));
        let Some(judged) = judged.try_next().await? else {
            return Err(RedriveError::Unknown(safe(id)));
        };
        // Whoever reads no further wants no more.
        let _ = self.write(screen.out, &judged);
        Ok(())
    }

    fn write(&self, out: &mut dyn Write, judged: &Judged) -> io::Result<()> {
        let letter = &judged.opened.letter;
        let why = match &*judged.why {
            "" => String::new(),
            why => format!(": {why}"),
        };
        let place = self.letters.name(letter.place);
        let letters = match judged.letters {
            1 => place,
            letters => format!("{letters}, the newest is {place}"),
        };
        field(out, "id", &judged.opened.id)?;
        field(out, "state", &format!("{}{why}", judged.state.as_str()))?;
        field(out, "reason", letter.reason.as_str())?;
        field(out, "detail", &letter.detail)?;
        field(out, "died at", &letter.died_at.to_string())?;
        field(out, "letter", &letters)?;
        field(
            out,
            "record",
            letter.origin.as_deref().unwrap_or("not known"),
        )?;
        field(out, "key", letter.key.as_deref().unwrap_or("none"))?;
        match &letter.content {
            Content::Event(event) => write_event(out, event, true),
            Content::Attributes {
                event: Some(event), ..
            } => write_event(out, event, false),
            Content::Attributes { event: None, .. } => Ok(()),
            Content::Bytes { bytes, .. } => write_bytes(out, bytes),
        }?;
        out.flush()
    }
}

fn field(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{name:<8}  {}", safe(value))
}

/// As it would go back into the log.
fn write_event(out: &mut dyn Write, event: &Event, with_data: bool) -> io::Result<()> {
    let mut attributes: Vec<_> = event
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_string()))
        .collect();
    attributes.sort();
    writeln!(out, "\nevent")?;
    for (name, value) in attributes {
        writeln!(out, "  {name}: {}", safe(&value))?;
    }
    if !with_data {
        return Ok(());
    }
    match event.data() {
        Some(Data::Binary(bytes)) => write_bytes(out, bytes),
        Some(Data::String(text)) => write_bytes(out, text.as_bytes()),
        Some(Data::Json(json)) => write_bytes(out, json.to_string().as_bytes()),
        None => write_bytes(out, &[]),
    }
}

fn write_bytes(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    writeln!(out, "\ndata, {} bytes", bytes.len())?;
    writeln!(out, "{}", safe_bytes(bytes))
}
