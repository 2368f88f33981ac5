//! `dolmen llm quantize` and `dolmen llm convert`: GGUF files made of other files.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use dolmen_base::Jobs;
use dolmen_cli::{Out, Status, show_size};
use dolmen_llm::Config;
use dolmen_llm::convert::{Conversion, is_written};
use dolmen_llm::element::Element;
use dolmen_llm::gguf::NewValue;
use dolmen_llm_cpu::{Files, Threads};
use serde::Serialize;

/// Arguments of `dolmen llm quantize`.
#[derive(clap::Args)]
#[command(
    long_about = "Writes a GGUF file whose matrices are stored as asked for, with the bytes that ggml writes. Rows that are not of whole blocks get the nearest format \
                  that fits; vectors and positions stay F32."
)]
pub struct QuantizeArgs {
    /// The GGUF file to read
    #[arg(value_name = "IN.gguf")]
    from: PathBuf,
    /// The file to write
    #[arg(value_name = "OUT.gguf")]
    to: PathBuf,
    /// f32, f16, bf16, q8_0, q5_0, q4_0, q6_k, q5_k or q4_k
    #[arg(long = "type", value_name = "TYPE", value_parser = element)]
    element: Element,
    /// Threads [default: as many as there are CPUs]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

/// Arguments of `dolmen llm convert`.
#[derive(clap::Args)]
#[command(
    long_about = "Writes a folder of Hugging Face's, config.json and safetensors, as one GGUF file. Its vocabulary goes along if it is a byte-level BPE or a WordPiece \
                  tokenizer.json; others are left out with a warning."
)]
pub struct ConvertArgs {
    /// The folder to read
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// The file to write
    #[arg(value_name = "OUT.gguf")]
    to: PathBuf,
    /// As for quantize
    #[arg(long = "type", value_name = "TYPE", value_parser = element, default_value = "f16")]
    element: Element,
    /// Threads [default: as many as there are CPUs]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

fn element(text: &str) -> Result<Element, String> {
    let plain = text.to_ascii_uppercase();
    // llama.cpp's names of mixtures, whose main type is meant.
    let plain = plain.strip_suffix("_M").or(plain.strip_suffix("_S")).unwrap_or(&plain);
    let found = Element::by_name(plain).filter(|&element| is_written(element));
    found.ok_or_else(|| format!("{text:?} is none of f32, f16, bf16, q8_0, q5_0, q4_0, q6_k, q5_k and q4_k"))
}

/// Quantises a file.
///
/// # Errors
///
/// If it cannot be read or is not sound, or the new one cannot be written.
pub fn quantize(args: &QuantizeArgs, out: &mut Out) -> Result<Status> {
    let files = Files::open(&args.from)?;
    ensure!(files.is_gguf(), "{}: expected a GGUF file; `dolmen llm convert` makes one", args.from.display());
    let conversion = Conversion::from_gguf(&files.gguf()?, args.element)?;
    write(&conversion, &args.to, &Threads::new(args.threads)?, out)
}

/// Converts a folder.
///
/// # Errors
///
/// As [`quantize`].
pub fn convert(args: &ConvertArgs, out: &mut Out) -> Result<Status> {
    let files = Files::open(&args.from)?;
    let config = files.config().with_context(|| format!("{}: expected a folder", args.from.display()))?;
    let config = Config::from_json(config).context("config.json")?;
    let shards = files.safetensors()?;
    let vocabulary = dolmen_llm_cpu::export::Vocabulary::read(&files)?;
    if let Some(reason) = vocabulary.left_out() {
        out.warn(format_args!("the vocabulary is left out: {reason}"));
    }
    let name = args.from.file_name().and_then(|name| name.to_str()).unwrap_or("model");
    let conversion = Conversion::from_safetensors(&config, &shards, args.element, |head| {
        head.key("general.name", NewValue::Text(name));
        vocabulary.write(head);
    });
    let conversion = conversion.map_err(|error| anyhow!("{}: {error}", args.from.display()))?;
    write(&conversion, &args.to, &Threads::new(args.threads)?, out)
}

#[derive(Serialize)]
struct Written<'a> {
    path: &'a Path,
    tensors: usize,
    bytes: u64,
}

/// Writes beside the name and renames, so that nobody maps half a file.
fn write(conversion: &Conversion<'_>, to: &Path, jobs: &dyn Jobs, out: &mut Out) -> Result<Status> {
    let named = || to.display().to_string();
    let unfinished = to.with_extension(format!("{}.unfinished", std::process::id()));
    let mut progress = out.progress("tensors", conversion.len() as u64);
    let written = (|| -> Result<()> {
        let mut file = BufWriter::new(File::create(&unfinished)?);
        file.write_all(conversion.head())?;
        let mut bytes = Vec::new();
        for nth in 0..conversion.len() {
            conversion.tensor(nth, jobs, &mut bytes)?;
            file.write_all(&bytes)?;
            progress.add(1);
        }
        file.into_inner().map_err(|error| error.into_error())?.sync_all()?;
        Ok(fs::rename(&unfinished, to)?)
    })();
    drop(progress);
    if let Err(error) = written {
        let _ = fs::remove_file(&unfinished);
        return Err(error).with_context(named);
    }
    let (tensors, bytes) = (conversion.len(), conversion.file_len());
    if out.is_json() {
        out.object(&Written { path: to, tensors, bytes })?;
    } else {
        out.line(format_args!("{}: {tensors} tensors, {}", to.display(), show_size(bytes)))?;
    }
    Ok(Status::Success)
}
