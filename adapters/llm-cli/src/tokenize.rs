//! `dolmen llm tokenize`: the ids of the text alone, without anything that begins, ends or pads a prompt.

use std::env;
use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use dolmen_cli::{Out, Status};
use dolmen_llm_cpu::vocabulary;
use dolmen_tokenizer::load::Kind;
use dolmen_tokenizer::{Scratch, Span, Specials, Tokenizer};
use serde::Serialize;

use crate::ids;

/// Longest list of ids in one line.
const LINE_LEN_MAX: usize = 1 << 30;

/// Arguments of `dolmen llm tokenize`.
#[derive(clap::Args)]
#[command(
    long_about = "Text to ids and back. The vocabulary is a tiktoken rank file (its name says which: cl100k_base, o200k_base, r50k_base, \
                  p50k_base), a tokenizer.json, a SentencePiece model, a GGUF file, or our own prebuilt form. Without --ids a table of tokens is \
                  printed; on a terminal, the text in colours."
)]
pub struct Args {
    /// The vocabulary file
    #[arg(long, value_name = "FILE")]
    vocab: PathBuf,
    /// Print ids only: a JSON list for each text
    #[arg(long, conflicts_with = "decode")]
    ids: bool,
    /// Each line of the input is a JSON string, a text of its own
    #[arg(long, conflicts_with = "decode")]
    lines: bool,
    /// From ids to text: each line of the input is a list of ids; prints a JSON string for each
    #[arg(long)]
    decode: bool,
    /// What becomes of control tokens' texts, such as <|endoftext|> [default: text for tiktoken, else tokens]
    #[arg(long, value_enum, value_name = "HOW")]
    specials: Option<How>,
    /// The text; `-`: all of standard input
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    text: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum How {
    /// They become their ids
    Tokens,
    /// They are text like any other
    Text,
}

/// A text's tokens as an object.
#[derive(Serialize)]
struct Tokens<'a> {
    ids: Vec<u32>,
    tokens: Vec<String>,
    spans: Vec<[u32; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
}

#[derive(Serialize)]
struct Decoded<'a> {
    text: &'a str,
}

/// Encodes or decodes.
///
/// # Errors
///
/// If the vocabulary or the input cannot be read, is not UTF-8, or holds an id that is no token.
pub fn run(args: &Args, out: &mut Out) -> Result<Status> {
    let vocabulary = vocabulary::open(&args.vocab)?;
    let specials = match args.specials {
        Some(How::Tokens) => Specials::Tokens,
        Some(How::Text) => Specials::Text,
        None if vocabulary.kind == Kind::Tiktoken => Specials::Text,
        None => Specials::Tokens,
    };
    let mut verb = Verb {
        tokenizer: &vocabulary.tokenizer,
        specials,
        scratch: Scratch::default(),
        spans: Vec::new(),
        ids: Vec::new(),
        line: String::new(),
    };
    if args.decode || args.lines {
        return verb.lines(args, out);
    }
    let text = if args.text == "-" { whole_input()? } else { args.text.clone() };
    verb.text(&text, args.ids, out)?;
    Ok(Status::Success)
}

/// All of standard input as one text.
fn whole_input() -> Result<String> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).context("standard input")?;
    utf8(bytes)
}

fn utf8(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let byte = e.as_bytes().get(at).copied().unwrap_or_default();
        anyhow!("expected UTF-8, found the byte 0x{byte:02x} at offset {at} of the input; convert it first, for example with iconv")
    })
}

struct Verb<'a> {
    tokenizer: &'a Tokenizer,
    specials: Specials,
    scratch: Scratch,
    spans: Vec<Span>,
    ids: Vec<u32>,
    line: String,
}

impl Verb<'_> {
    /// Lines of standard input, or those of the argument.
    fn lines(&mut self, args: &Args, out: &mut Out) -> Result<Status> {
        let stdin = io::stdin();
        let mut input: Box<dyn BufRead> =
            if args.text == "-" { Box::new(stdin.lock()) } else { Box::new(args.text.as_bytes()) };
        let mut bytes = Vec::new();
        let mut number = 0;
        loop {
            number += 1;
            bytes.clear();
            if (&mut input)
                .take(LINE_LEN_MAX as u64)
                .read_until(b'\n', &mut bytes)
                .context("standard input")?
                == 0
            {
                return Ok(Status::Success);
            }
            while matches!(bytes.last(), Some(b'\n' | b'\r')) {
                bytes.pop();
            }
            let line = || format!("line {number}");
            if args.decode {
                self.decode(&bytes, out).with_context(line)?;
            } else if !bytes.iter().all(u8::is_ascii_whitespace) {
                let text: String = serde_json::from_slice(&bytes)
                    .map_err(|e| anyhow!("expected a JSON string: {e}"))
                    .with_context(line)?;
                self.text(&text, args.ids, out).with_context(line)?;
            }
        }
    }

    fn text(&mut self, text: &str, ids_only: bool, out: &mut Out) -> Result<()> {
        if ids_only && !out.is_json() {
            self.ids.clear();
            self.tokenizer.encode(&mut self.scratch, text, self.specials, &mut self.ids)?;
            ids::list(&self.ids, &mut self.line);
            return Ok(out.line(&self.line)?);
        }
        self.spans.clear();
        self.tokenizer.encode_spans(&mut self.scratch, text, self.specials, &mut self.spans)?;
        if out.is_json() {
            out.object(&self.object(ids_only))?;
        } else if out.is_terminal() && env::var_os("NO_COLOR").is_none() {
            self.colours(text, out)?;
        } else {
            for span in &self.spans {
                let place = format!("{}..{}", span.start, span.end);
                writeln!(
                    out,
                    "{:>7}  {place:<13}  {}",
                    span.id,
                    serde_json::to_string(&self.piece(span.id))?
                )?;
            }
            self.summary(text, out)?;
        }
        Ok(())
    }

    fn object(&self, ids_only: bool) -> Tokens<'static> {
        let shown = |s: &Span| self.piece(s.id);
        let spans = if ids_only { &[][..] } else { &self.spans[..] };
        Tokens {
            ids: self.spans.iter().map(|s| s.id).collect(),
            tokens: spans.iter().map(shown).collect(),
            spans: spans.iter().map(|s| [s.start, s.end]).collect(),
            text: None,
        }
    }

    /// A token's bytes as text.
    fn piece(&self, id: u32) -> String {
        String::from_utf8_lossy(self.tokenizer.token(id).unwrap_or_default()).into_owned()
    }

    /// The text with a colour for each token. What is left of a character that spans tokens is shown as dots.
    fn colours(&self, text: &str, out: &mut Out) -> Result<()> {
        const BACKGROUNDS: [u8; 6] = [153, 157, 229, 217, 183, 223];
        let mut last = 0;
        for (i, span) in self.spans.iter().enumerate() {
            let colour = BACKGROUNDS[i % BACKGROUNDS.len()];
            let (start, end) = (span.start as usize, span.end as usize);
            if let Some(skipped) = text.get(last..start) {
                write!(out, "{skipped}")?;
            }
            let shown = if start < last { "‥" } else { text.get(start..end).unwrap_or_default() };
            for (j, line) in shown.split('\n').enumerate() {
                if j > 0 {
                    writeln!(out, "\x1b[38;5;16;48;5;{colour}m⏎\x1b[0m")?;
                }
                let safe: String = line.chars().map(|c| if c.is_control() { '·' } else { c }).collect();
                if !safe.is_empty() {
                    write!(out, "\x1b[38;5;16;48;5;{colour}m{safe}\x1b[0m")?;
                }
            }
            last = end.max(last);
        }
        writeln!(out)?;
        self.summary(text, out)
    }

    fn summary(&self, text: &str, out: &Out) -> Result<()> {
        let (tokens, bytes) = (self.spans.len(), text.len());
        let each = bytes as f64 / tokens.max(1) as f64;
        out.note(format_args!(
            "{tokens} tokens, {} characters, {bytes} bytes: {each:.2} bytes a token",
            text.chars().count()
        ));
        Ok(())
    }

    fn decode(&mut self, line: &[u8], out: &mut Out) -> Result<()> {
        ids::parse_bytes(line, &mut self.ids)?;
        let text = self.tokenizer.decode(&self.ids, false)?;
        if out.is_json() {
            return Ok(out.object(&Decoded { text: &text })?);
        }
        Ok(out.line(serde_json::to_string(&text)?)?)
    }
}
