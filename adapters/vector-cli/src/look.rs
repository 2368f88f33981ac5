//! `dolmen vector stats`, `verify` and `inspect`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use dolmen_cli::{Out, Status, show_size};
use dolmen_hnsw::metric::{Form, Vector};
use serde::Serialize;

use crate::input::{self, Opened};

#[derive(clap::Args)]
pub struct StatsArgs {
    /// The index
    index: PathBuf,
}

#[derive(clap::Args)]
pub struct VerifyArgs {
    /// The index
    index: PathBuf,
}

#[derive(clap::Args)]
pub struct InspectArgs {
    /// The index
    index: PathBuf,
    /// Walk to the vector of this id
    #[arg(long, default_value_t = 0)]
    row: u64,
    /// Walk to the first vector of this file instead
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Results
    #[arg(long, default_value_t = 10)]
    k: usize,
    /// Candidates
    #[arg(long, default_value_t = 32)]
    ef: usize,
    /// A picture of the walk
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Serialize)]
struct Stats {
    form: &'static str,
    metric: &'static str,
    dim: usize,
    m: usize,
    m0: usize,
    ef_construction: usize,
    live: usize,
    dead: u64,
    slots: usize,
    bytes: u64,
    bytes_per_vector: f64,
    unreachable: usize,
    layers: Vec<LayerRow>,
    tuned_k: u32,
    tuned_recall: f32,
    tuned_ef: u32,
    tuned_rescore: u32,
}

#[derive(Serialize)]
struct LayerRow {
    layer: u8,
    nodes: u64,
    links_mean: f64,
    links_min: u64,
    links_max: u64,
}

pub fn stats(args: &StatsArgs, out: &mut Out) -> Result<()> {
    let opened = Opened::new(&args.index)?;
    let mapped = opened.open()?;
    let (view, meta) = (mapped.view(), mapped.meta());
    let layers = view.layers().with_context(|| opened.name())?;
    let layers = layers.into_iter().map(|one| LayerRow {
        layer: one.layer,
        nodes: one.nodes,
        links_mean: one.links as f64 / one.nodes.max(1) as f64,
        links_min: one.least,
        links_max: one.most,
    });
    let o = meta.options;
    let bytes = opened.bytes().len() as u64;
    let stats = Stats {
        form: o.form.name(),
        metric: o.metric.name(),
        dim: o.dim,
        m: o.m,
        m0: o.m0,
        ef_construction: o.ef_construction,
        live: view.len(),
        dead: meta.dead,
        slots: view.slots(),
        bytes,
        bytes_per_vector: bytes as f64 / view.len().max(1) as f64,
        unreachable: view.unreachable().with_context(|| opened.name())?.0.len(),
        layers: layers.collect(),
        tuned_k: meta.tuned.k,
        tuned_recall: meta.tuned.recall,
        tuned_ef: meta.tuned.ef,
        tuned_rescore: meta.tuned.rescore,
    };
    if out.is_json() {
        return Ok(out.object(&stats)?);
    }
    out.line(format!("form {}, metric {}, {} dimensions", stats.form, stats.metric, stats.dim))?;
    out.line(format!("m {}, m0 {}, ef_construction {}", stats.m, stats.m0, stats.ef_construction))?;
    out.line(format!("{} live, {} dead, {} slots", stats.live, stats.dead, stats.slots))?;
    out.line(format!("{}, {:.0} bytes a vector", show_size(bytes), stats.bytes_per_vector))?;
    out.line(format!("{} vectors that no walk reaches", stats.unreachable))?;
    for layer in &stats.layers {
        out.line(format!(
            "layer {}: {} nodes, {:.1} links each ({} to {})",
            layer.layer, layer.nodes, layer.links_mean, layer.links_min, layer.links_max
        ))?;
    }
    if stats.tuned_ef > 0 {
        out.line(format!(
            "tuned: k {}, recall {}, ef {}",
            stats.tuned_k, stats.tuned_recall, stats.tuned_ef
        ))?;
    }
    Ok(())
}

#[derive(Serialize)]
struct Finding {
    damage: String,
}

#[derive(Serialize)]
struct Verified {
    vectors: usize,
    bytes: u64,
    damages: usize,
}

pub fn verify(args: &VerifyArgs, out: &mut Out) -> Result<Status> {
    let opened = Opened::new(&args.index)?;
    let mut findings = Vec::new();
    let mut vectors = 0;
    match opened.open() {
        Err(error) => findings.push(format!("{error:#}")),
        Ok(mapped) => {
            vectors = mapped.view().len();
            let mut progress = out.progress("checking", opened.bytes().len() as u64).in_bytes();
            mapped.verify(&mut |bytes| progress.add(bytes), &mut |error| {
                findings.push(format!("{}: {error}", opened.name()))
            });
        }
    }
    for damage in &findings {
        if out.is_json() { out.object(&Finding { damage: damage.clone() })? } else { out.line(damage)? }
    }
    let verified = Verified { vectors, bytes: opened.bytes().len() as u64, damages: findings.len() };
    if out.is_json() {
        out.object(&verified)?;
    } else if findings.is_empty() {
        out.line(format!(
            "{vectors} vectors, {}: every byte and every link is sound",
            show_size(verified.bytes)
        ))?;
    }
    Ok(if findings.is_empty() { Status::Success } else { Status::Failure })
}

#[derive(Serialize)]
struct StepRow {
    layer: u8,
    id: u64,
    distance: f32,
    fresh: u32,
}

pub fn inspect(args: &InspectArgs, out: &mut Out) -> Result<()> {
    let opened = Opened::new(&args.index)?;
    let mapped = opened.open()?;
    let view = mapped.view();
    let options = *view.options();
    let walk = if let Some(path) = &args.queries {
        let map = input::map(path)?;
        let rows = input::queries(path, &map, &options)?;
        view.watch(rows.get(0), args.k, args.ef)
    } else {
        let slot =
            (0..view.slots() as u32).find(|slot| view.is_live(*slot) && view.label(*slot) == Some(args.row));
        let Some(slot) = slot else { bail!("{}: no vector has the id {}", opened.name(), args.row) };
        let floats = view.vector(slot).with_context(|| opened.name())?;
        let bytes = view.bytes(slot).with_context(|| opened.name())?;
        let vector = match options.form {
            Form::I8 => Vector::I8(bytemuck::cast_slice(bytes)),
            Form::Binary => Vector::Bits(bytes),
            _ => Vector::F32(&floats),
        };
        view.watch(vector, args.k, args.ef)
    };
    let walk = walk.with_context(|| opened.name())?;
    if let Some(path) = &args.svg {
        let picture = view.walk_svg(&walk).with_context(|| opened.name())?;
        input::replace(path, |to| Ok(to.write_all(picture.as_bytes())?))?;
    }
    if out.is_json() {
        for step in &walk.steps {
            let id = view.label(step.slot).unwrap_or(0);
            out.object(&StepRow { layer: step.layer, id, distance: step.distance, fresh: step.fresh })?;
        }
        return Ok(());
    }
    for layer in view.layers().with_context(|| opened.name())?.iter().rev() {
        let mean = layer.links as f64 / layer.nodes.max(1) as f64;
        out.line(format!("layer {}: {} nodes, {mean:.1} links each", layer.layer, layer.nodes))?;
    }
    out.bytes(view.walk_text(&walk).as_bytes())?;
    let stats = walk.stats;
    Ok(out
        .line(format!("{} hops, {} distances, {} estimates", stats.hops, stats.distances, stats.estimates))?)
}
