//! Files made of files: a model of Hugging Face as GGUF, and a GGUF file with its matrices stored another way.
//!
//! 1. [`Conversion::from_safetensors`] or [`Conversion::from_gguf`] lists what comes out, and writes the head.
//! 2. [`Conversion::tensor`] makes one tensor after another: whoever writes the file holds one at a time.
//!
//! Matrices become what was asked for where their rows are of whole blocks, else what llama.cpp falls back on as far as it is known here (Q4_K: Q5_0, Q5_K
//! and Q6_K: Q8_0, else F16); vectors, positions and token types are F32, as llama.cpp has them. Llama's queries and keys change from halves to pairs.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_base::Jobs;
use dolmen_simd::half::{bf16s_to_f32s, f16s_to_f32s, f32s_to_bf16s, f32s_to_f16s};
use dolmen_simd::level::Level;
use dolmen_simd::quant::{self, Format};

use crate::config::{Architecture, Config, Scaling};
use crate::element::Element;
use crate::error::LoadError;
use crate::gguf::{Gguf, Head, NewValue, Spec};
use crate::limits::PARTS_MAX;
use crate::matrix::Stored;
use crate::model::Source;
use crate::names::{Names, Part, Role};
use crate::parts::{share, spread};
use crate::safetensors::SafeTensors;
use crate::shape::Shape;

/// How a tensor's elements are put down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// As they are.
    Same,
    /// Rows become columns.
    Turned,
    /// In each of so many heads, rows of the first half and of the second take turns.
    Paired(usize),
}

struct Item<'a> {
    name: String,
    from: Stored<'a>,
    order: Order,
    element: Element,
    shape: Shape,
}

/// A file that is to be written.
pub struct Conversion<'a> {
    items: Vec<Item<'a>>,
    head: Vec<u8>,
    offsets: Vec<u64>,
    factors: Vec<u8>,
}

impl core::fmt::Debug for Conversion<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "a head of {} bytes and {} tensors", self.head.len(), self.items.len())
    }
}

/// Whether matrices can be written as elements of this type.
pub fn is_written(element: Element) -> bool {
    let floats = [Element::F32, Element::F16, Element::BF16];
    floats.contains(&element) || element.format().is_some_and(|format| format != Format::Q8K)
}

/// `general.file_type` of a file most of whose tensors are of this type.
fn file_type(element: Element) -> u32 {
    match element.name() {
        "F16" => 1,
        "Q4_0" => 2,
        "Q8_0" => 7,
        "Q5_0" => 8,
        "Q4_K" => 14,
        "Q5_K" => 16,
        "Q6_K" => 18,
        "BF16" => 32,
        _ => 0,
    }
}

/// The type that rows of this length get.
fn fitting(wanted: Element, columns: u64) -> Element {
    let of = |format: Option<Format>| match format {
        Some(format) if columns.is_multiple_of(format.block_len() as u64) => Some(Element::of(format)),
        _ => None,
    };
    match wanted.format() {
        None => wanted,
        Some(format) => {
            let other = if format == Format::Q4K { Format::Q5_0 } else { Format::Q8_0 };
            of(Some(format)).or(of(Some(other))).unwrap_or(Element::F16)
        }
    }
}

impl<'a> Conversion<'a> {
    /// The model of a folder: `config.json` and its files. `keys` adds what the caller knows: the vocabulary, a chat template.
    ///
    /// # Errors
    ///
    /// [`LoadError`], also [`LoadError::Unsupported`] if matrices cannot be written as `wanted`.
    pub fn from_safetensors(
        config: &Config,
        files: &[SafeTensors<'a>],
        wanted: Element,
        keys: impl FnOnce(&mut Head),
    ) -> Result<Conversion<'a>, LoadError> {
        let exists = |name: &str| files.iter().any(|file| file.get(name).is_some());
        let (from, to) = (Names::hugging_face(config.architecture, exists), Names::gguf(config.architecture));
        let mut items = Vec::new();
        for role in Role::ALL {
            if role == Role::Head && config.tied {
                continue;
            }
            for layer in 0..if role.is_in_layer() { config.layers } else { 1 } {
                for part in [Part::Weight, Part::Bias] {
                    let (mut name, mut new) = (String::new(), String::new());
                    from.write(role, layer, part, &mut name);
                    to.write(role, layer, part, &mut new);
                    let found = if name.is_empty() || new.is_empty() { None } else { files.tensor(&name)? };
                    if let Some(stored) = found {
                        items.push(item(
                            new,
                            stored,
                            order(config, role, part),
                            is_plain(role, part),
                            wanted,
                        ));
                    }
                }
            }
        }
        let mut head = Head::new();
        describe(config, wanted, &mut head);
        keys(&mut head);
        let mut factors = Vec::new();
        if let Some(rope) = config.rope.as_ref().filter(|rope| matches!(rope.scaling, Scaling::Llama3 { .. }))
        {
            let plain = crate::config::Rope { scaling: Scaling::None, ..rope.clone() };
            for (plain, scaled) in plain.frequencies().into_iter().zip(rope.frequencies()) {
                factors.extend_from_slice(&(plain / scaled).to_le_bytes());
            }
        }
        Conversion::new(items, head, factors, wanted)
    }

    /// A GGUF file with its matrices stored as `wanted`; keys stay as they are.
    ///
    /// # Errors
    ///
    /// As [`Conversion::from_safetensors`].
    pub fn from_gguf(file: &Gguf<'a>, wanted: Element) -> Result<Conversion<'a>, LoadError> {
        let mut head = Head::new();
        for key in file.metadata().iter() {
            if key.name != b"general.file_type" && key.name != b"general.quantization_version" {
                head.copy(&key);
            }
        }
        quantisation(wanted, &mut head);
        let items = file.tensors().iter().map(|tensor| {
            let stored = Stored { element: tensor.element, shape: tensor.shape, bytes: tensor.bytes };
            let plain = tensor.shape.dimensions().len() != 2
                || tensor.name.contains("_norm")
                || !tensor.name.ends_with(".weight")
                || tensor.name.starts_with("position_embd")
                || tensor.name.starts_with("token_types");
            item(String::from(tensor.name), stored, Order::Same, plain, wanted)
        });
        // What stays what it is keeps its type.
        let items = items.map(|item| {
            let same = is_plain_shape(&item.shape) && !is_float(item.from.element);
            Item { element: if same { item.from.element } else { item.element }, ..item }
        });
        Conversion::new(items.collect(), head, Vec::new(), wanted)
    }

    fn new(
        mut items: Vec<Item<'a>>,
        head: Head,
        factors: Vec<u8>,
        wanted: Element,
    ) -> Result<Self, LoadError> {
        if !is_written(wanted) {
            return Err(LoadError::Unsupported { what: "writing this type of elements", at: 0 });
        }
        if !factors.is_empty() {
            let shape = Shape::new(&[factors.len() as u64 / 4]).expect("one dimension");
            let from = Stored { element: Element::F32, shape, bytes: &[] };
            let name = String::from("rope_freqs.weight");
            items.push(Item { name, from, order: Order::Same, element: Element::F32, shape });
        }
        let specs: Vec<Spec<'_>> = items
            .iter()
            .map(|item| Spec { name: &item.name, element: item.element, shape: item.shape })
            .collect();
        let (head, offsets) = head.finish(&specs)?;
        Ok(Conversion { items, head, offsets, factors })
    }

    /// What the file begins with; tensors follow it.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// How many tensors follow.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none follows.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The name, type and shape of a tensor, and where it begins behind the head.
    pub fn describe(&self, nth: usize) -> (&str, Element, Shape, u64) {
        let item = &self.items[nth];
        (&item.name, item.element, item.shape, self.offsets[nth])
    }

    /// Bytes of the whole file.
    pub fn file_len(&self) -> u64 {
        let last = self.items.last().zip(self.offsets.last());
        let data = last.and_then(|(item, at)| Some(at + item.element.bytes_of(&item.shape)?));
        self.head.len() as u64 + data.unwrap_or(0).next_multiple_of(crate::gguf::ALIGNMENT)
    }

    /// The bytes of a tensor in place of what `out` holds, zeros up to the next one included.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unsupported`] if what it was stored as cannot be read here.
    pub fn tensor(&self, nth: usize, jobs: &dyn Jobs, out: &mut Vec<u8>) -> Result<(), LoadError> {
        let item = &self.items[nth];
        out.clear();
        if item.from.bytes.is_empty() && item.name == "rope_freqs.weight" {
            out.extend_from_slice(&self.factors);
        } else if item.order == Order::Same && item.from.element == item.element {
            out.extend_from_slice(item.from.bytes);
        } else {
            item.write(jobs, out)?;
        }
        out.resize(out.len().next_multiple_of(crate::gguf::ALIGNMENT as usize), 0);
        Ok(())
    }
}

fn is_float(element: Element) -> bool {
    [Element::F32, Element::F16, Element::BF16].contains(&element) || element.format().is_some()
}

fn is_plain_shape(shape: &Shape) -> bool {
    shape.dimensions().len() < 2
}

/// What is not turned into blocks, whatever was asked for.
fn is_plain(role: Role, part: Part) -> bool {
    let vector = matches!(
        role,
        Role::EmbeddingNorm
            | Role::AttentionNorm
            | Role::InnerNorm
            | Role::Norm
            | Role::QueryNorm
            | Role::KeyNorm
    );
    part == Part::Bias || vector || matches!(role, Role::Positions | Role::Types)
}

fn order(config: &Config, role: Role, part: Part) -> Order {
    let turned = matches!(role, Role::Fused | Role::Output | Role::Up | Role::Down);
    match (config.architecture, role) {
        (Architecture::Gpt2, _) if turned && part == Part::Weight => Order::Turned,
        (Architecture::Llama | Architecture::Mistral, Role::Query) => Order::Paired(config.heads),
        (Architecture::Llama | Architecture::Mistral, Role::Key) => Order::Paired(config.kv_heads),
        _ => Order::Same,
    }
}

fn item(name: String, from: Stored<'_>, order: Order, plain: bool, wanted: Element) -> Item<'_> {
    let shape = if order == Order::Turned { from.shape.reversed() } else { from.shape };
    let columns = shape.dimensions().last().copied().unwrap_or(1);
    let element = if plain { Element::F32 } else { fitting(wanted, columns) };
    Item { name, from, order, element, shape }
}

impl Item<'_> {
    /// Rows a few at a time become floats, and those what is wanted.
    fn write(&self, jobs: &dyn Jobs, out: &mut Vec<u8>) -> Result<(), LoadError> {
        let unsupported = LoadError::Unsupported { what: "reading this type of elements", at: 0 };
        let readable = is_float(self.from.element)
            && (self.order == Order::Same || self.from.element.format().is_none());
        let rows = self.shape.rows().filter(|_| readable && is_written(self.element)).ok_or(unsupported)?;
        let (count, columns) = if self.shape.dimensions().is_empty() { (1, 1) } else { rows };
        let len = self.element.bytes_of(&self.shape).ok_or(unsupported)? as usize;
        out.resize(len, 0);
        if len == 0 {
            return Ok(());
        }
        let row_bytes = len / count;
        let share = share(count, jobs.width().min(PARTS_MAX), 1);
        let parts = out.chunks_mut(share * row_bytes).enumerate();
        spread(jobs, parts, &|(nth, out): (usize, &mut [u8])| {
            let (mut row, mut scratch) = (alloc::vec![0.0; columns], Vec::new());
            for (at, out) in out.chunks_exact_mut(row_bytes).enumerate() {
                self.row(nth * share + at, &mut row);
                put(self.element, &row, out, &mut scratch);
            }
        });
        Ok(())
    }

    /// A row of the result as floats.
    fn row(&self, row: usize, out: &mut [f32]) {
        let rows = self.shape.rows().map_or(1, |(rows, _)| rows);
        match self.order {
            Order::Same => self.stored(row, out),
            Order::Paired(heads) if rows.is_multiple_of(2 * heads) => {
                let len = rows / heads;
                let (head, at) = (row / len, row % len);
                self.stored(head * len + at / 2 + at % 2 * (len / 2), out);
            }
            // A bias is one row, whose elements are paired.
            Order::Paired(heads) => {
                let mut whole = alloc::vec![0.0; out.len()];
                self.stored(row, &mut whole);
                let len = (out.len() / heads).max(1);
                for (nth, to) in out.iter_mut().enumerate() {
                    let (head, at) = (nth / len, nth % len);
                    *to = whole.get(head * len + at / 2 + at % 2 * (len / 2)).copied().unwrap_or(0.0);
                }
            }
            Order::Turned => {
                for (nth, to) in out.iter_mut().enumerate() {
                    *to = self.element_at(nth * rows + row);
                }
            }
        }
    }

    /// A row of what is stored as floats.
    fn stored(&self, row: usize, out: &mut [f32]) {
        let level = Level::best();
        match self.from.element.format() {
            Some(format) => {
                let len = format.row_bytes(out.len()).expect("rows are of whole blocks");
                quant::dequantise(format, &self.from.bytes[row * len..][..len], out);
            }
            None => {
                let size = if self.from.element == Element::F32 { 4 } else { 2 };
                let bytes = &self.from.bytes[row * out.len() * size..][..out.len() * size];
                match self.from.element {
                    Element::F32 => {
                        out.iter_mut()
                            .zip(bytes.as_chunks().0)
                            .for_each(|(to, x)| *to = f32::from_le_bytes(*x));
                    }
                    element => {
                        let halves: Vec<u16> =
                            bytes.as_chunks().0.iter().map(|x| u16::from_le_bytes(*x)).collect();
                        let convert = if element == Element::F16 { f16s_to_f32s } else { bf16s_to_f32s };
                        convert(level, &halves, out);
                    }
                }
            }
        }
    }

    fn element_at(&self, nth: usize) -> f32 {
        let mut one = [0.0];
        self.stored(nth, &mut one);
        one[0]
    }
}

/// A row as its elements are to be stored.
fn put(element: Element, row: &[f32], out: &mut [u8], halves: &mut Vec<u16>) {
    match element {
        Element::F32 => {
            out.as_chunks_mut().0.iter_mut().zip(row).for_each(|(to, x)| *to = x.to_le_bytes());
        }
        Element::F16 | Element::BF16 => {
            halves.clear();
            halves.resize(row.len(), 0);
            let convert = if element == Element::F16 { f32s_to_f16s } else { f32s_to_bf16s };
            convert(Level::best(), row, halves);
            out.as_chunks_mut().0.iter_mut().zip(halves).for_each(|(to, x)| *to = x.to_le_bytes());
        }
        _ => {
            let format = element.format().expect("what is written is floats or blocks");
            quant::quantise(format, row, out);
        }
    }
}

fn quantisation(wanted: Element, head: &mut Head) {
    head.key("general.file_type", NewValue::U32(file_type(wanted)));
    if wanted.format().is_some() {
        head.key("general.quantization_version", NewValue::U32(2));
    }
}

/// The keys of a model's numbers.
fn describe(config: &Config, wanted: Element, head: &mut Head) {
    let name = match config.architecture {
        Architecture::Mistral => "llama",
        architecture => architecture.name(),
    };
    head.key("general.architecture", NewValue::Text(name));
    quantisation(wanted, head);
    let mut key = |key: &str, value| {
        head.key(&alloc::format!("{name}.{key}"), value);
    };
    let size = |n: usize| NewValue::U32(n as u32);
    key("vocab_size", size(config.vocabulary));
    key("context_length", size(config.context));
    key("embedding_length", size(config.width));
    key("block_count", size(config.layers));
    key("feed_forward_length", size(config.inner));
    key("attention.head_count", size(config.heads));
    key("attention.head_count_kv", size(config.kv_heads));
    if config.rope.is_some() {
        key("attention.layer_norm_rms_epsilon", NewValue::F32(config.epsilon));
    } else {
        key("attention.layer_norm_epsilon", NewValue::F32(config.epsilon));
    }
    if let Some(rope) = &config.rope {
        key("attention.key_length", size(config.head_len));
        key("attention.value_length", size(config.head_len));
        key("rope.dimension_count", size(rope.dimensions));
        key("rope.freq_base", NewValue::F32(rope.theta as f32));
        if let Scaling::Linear(factor) = rope.scaling {
            key("rope.scaling.type", NewValue::Text("linear"));
            key("rope.scaling.factor", NewValue::F32(factor as f32));
        }
    }
    if let Some(window) = config.window {
        key("attention.sliding_window", size(window));
    }
    if config.architecture.is_encoder() {
        key("attention.causal", NewValue::Bool(false));
        key("pooling_type", NewValue::U32(1));
        head.key("tokenizer.ggml.token_type_count", size(config.token_types));
    }
}
