//! A model: its numbers, and its matrices where they lie in the file.
//!
//! Both kinds of files name the same tensors differently; the `names` module knows how, everything else does not.

use alloc::string::String;
use alloc::vec::Vec;

use dolmen_tokenizer::load::gguf::Metadata;

use crate::config::{Architecture, Config};
use crate::error::LoadError;
use crate::gguf::Gguf;
use crate::matrix::{Matrix, Stored, floats};
use crate::names::{Names, Part, Role};
use crate::safetensors::SafeTensors;

/// Where tensors come from.
pub trait Source<'a> {
    /// The tensor of this name.
    ///
    /// # Errors
    ///
    /// [`LoadError::Unsupported`] if its elements are of a type that no model has.
    fn tensor(&self, name: &str) -> Result<Option<Stored<'a>>, LoadError>;
}

impl<'a> Source<'a> for Gguf<'a> {
    fn tensor(&self, name: &str) -> Result<Option<Stored<'a>>, LoadError> {
        let stored =
            |t: crate::gguf::Tensor<'a>| Stored { element: t.element, shape: t.shape, bytes: t.bytes };
        Ok(self.get(name).map(stored))
    }
}

/// One file, or the shards that `model.safetensors.index.json` names; a tensor is in the first that has it.
impl<'a> Source<'a> for [SafeTensors<'a>] {
    fn tensor(&self, name: &str) -> Result<Option<Stored<'a>>, LoadError> {
        let Some(found) = self.iter().find_map(|file| file.get(name)) else { return Ok(None) };
        let element = crate::element::Element::of_safetensors(found.element);
        let element =
            element.ok_or(LoadError::Unsupported { what: "a tensor of this type of elements", at: 0 })?;
        Ok(Some(Stored { element, shape: found.shape, bytes: found.bytes }))
    }
}

/// A matrix, and what is added to its products.
#[derive(Clone, Debug)]
pub struct Linear<'a> {
    pub(crate) weight: Matrix<'a>,
    pub(crate) bias: Option<Vec<f32>>,
}

impl<'a> Linear<'a> {
    /// The matrix.
    pub fn weight(&self) -> &Matrix<'a> {
        &self.weight
    }
}

/// A norm: by the root of the mean of squares, or with mean and bias.
#[derive(Clone, Debug)]
pub(crate) struct Norm {
    pub weight: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

/// One layer.
#[derive(Clone, Debug)]
pub(crate) struct Block<'a> {
    pub attention_norm: Norm,
    pub query: Linear<'a>,
    pub key: Linear<'a>,
    pub value: Linear<'a>,
    pub query_norm: Option<Vec<f32>>,
    pub key_norm: Option<Vec<f32>>,
    pub output: Linear<'a>,
    pub inner_norm: Norm,
    pub gate: Option<Linear<'a>>,
    pub up: Linear<'a>,
    pub down: Linear<'a>,
}

impl<'a> Block<'a> {
    pub fn matrices(&self) -> impl Iterator<Item = &Matrix<'a>> {
        let fixed = [&self.query, &self.key, &self.value, &self.output, &self.up, &self.down];
        fixed.into_iter().chain(&self.gate).map(|linear| &linear.weight)
    }
}

/// A model over the bytes of its files.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    config: Config,
    pub(crate) embedding: Matrix<'a>,
    pub(crate) positions: Option<Matrix<'a>>,
    pub(crate) types: Option<Matrix<'a>>,
    pub(crate) pooler: Option<Linear<'a>>,
    pub(crate) embedding_norm: Option<Norm>,
    pub(crate) blocks: Vec<Block<'a>>,
    pub(crate) norm: Option<Norm>,
    pub(crate) head: Option<Matrix<'a>>,
    pub(crate) frequencies: Vec<f32>,
}

impl<'a> Model<'a> {
    /// A model of Hugging Face: its `config.json` and its files.
    ///
    /// # Errors
    ///
    /// [`LoadError`]: no sound configuration, a tensor that is missing or of another shape.
    pub fn from_safetensors(config: &[u8], files: &[SafeTensors<'a>]) -> Result<Model<'a>, LoadError> {
        let config = Config::from_json(config)?;
        let prefix = Names::hugging_face(config.architecture, |name| {
            files.iter().any(|file| file.get(name).is_some())
        });
        Loader { source: files, config: &config, names: prefix }.load(true)
    }

    /// A model of a GGUF file.
    ///
    /// # Errors
    ///
    /// As [`Model::from_safetensors`].
    pub fn from_gguf(file: &Gguf<'a>) -> Result<Model<'a>, LoadError> {
        let config = gguf_config(file)?;
        Loader { source: file, config: &config, names: Names::gguf(config.architecture) }.load(false)
    }

    /// Its numbers.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Every matrix with the part that it has: for lists and sums.
    pub fn matrices(&self) -> impl Iterator<Item = &Matrix<'a>> {
        let blocks = self.blocks.iter().flat_map(Block::matrices);
        let ends = [Some(&self.embedding), self.positions.as_ref(), self.head.as_ref()];
        ends.into_iter().flatten().chain(blocks)
    }

    /// Bytes that were copied out of the files, because they lie turned or at odd addresses there.
    pub fn copied_bytes(&self) -> usize {
        self.matrices().filter(|matrix| matrix.is_copied()).map(Matrix::bytes_len).sum()
    }
}

/// The numbers of a GGUF file.
///
/// # Errors
///
/// As [`Config::from_gguf`].
pub fn gguf_config(file: &Gguf<'_>) -> Result<Config, LoadError> {
    let tied = file.get("output.weight").is_none();
    let factors = match file.get("rope_freqs.weight") {
        None => None,
        Some(t) => {
            let len = t.shape.elements().unwrap_or(u64::MAX);
            let max = crate::limits::WIDTH_MAX as u64;
            if len > max {
                return Err(LoadError::Limit { what: "factors of positions", found: len, max });
            }
            let stored = Stored { element: t.element, shape: t.shape, bytes: t.bytes };
            Some(floats(&stored, len as usize, "rope_freqs.weight")?)
        }
    };
    let metadata: &Metadata<'_> = file.metadata();
    Config::from_gguf(metadata, tied, factors)
}

struct Loader<'l, S: ?Sized> {
    source: &'l S,
    config: &'l Config,
    names: Names,
}

impl<'a, S: Source<'a> + ?Sized> Loader<'_, S> {
    fn find(&self, role: Role, layer: usize, part: Part) -> Result<Option<Stored<'a>>, LoadError> {
        let mut name = String::new();
        self.names.write(role, layer, part, &mut name);
        if name.is_empty() { Ok(None) } else { self.source.tensor(&name) }
    }

    fn wanted(&self, role: Role, layer: usize, part: Part) -> Result<Stored<'a>, LoadError> {
        self.find(role, layer, part)?.ok_or(LoadError::Missing { what: role.what() })
    }

    fn vector(
        &self,
        role: Role,
        layer: usize,
        part: Part,
        len: usize,
    ) -> Result<Option<Vec<f32>>, LoadError> {
        self.find(role, layer, part)?.map(|stored| floats(&stored, len, role.what())).transpose()
    }

    fn norm(&self, role: Role, layer: usize) -> Result<Norm, LoadError> {
        let weight = floats(&self.wanted(role, layer, Part::Weight)?, self.config.width, role.what())?;
        let bias = self.vector(role, layer, Part::Bias, self.config.width)?;
        let layer_norm = matches!(self.config.architecture, Architecture::Gpt2 | Architecture::Bert);
        if layer_norm != bias.is_some() {
            return Err(LoadError::Missing { what: "the bias of a norm" });
        }
        Ok(Norm { weight, bias })
    }

    /// A matrix of `rows` results, turned if the file has it so.
    fn linear(
        &self,
        role: Role,
        layer: usize,
        rows: usize,
        columns: usize,
        turned: bool,
    ) -> Result<Linear<'a>, LoadError> {
        let stored = self.wanted(role, layer, Part::Weight)?;
        let weight = if turned {
            Matrix::turned(&stored, columns, rows, 0..rows, role.what())?
        } else {
            Matrix::new(&stored, rows, columns, role.what())?
        };
        Ok(Linear { weight, bias: self.vector(role, layer, Part::Bias, rows)? })
    }

    /// Query, key and value as one matrix, taken apart.
    fn fused(&self, layer: usize, turned: bool) -> Result<[Linear<'a>; 3], LoadError> {
        let (query, kv, width) = (self.config.query_len(), self.config.kv_len(), self.config.width);
        let all = query + 2 * kv;
        let what = Role::Fused.what();
        let stored = self.wanted(Role::Fused, layer, Part::Weight)?;
        let bias = self.vector(Role::Fused, layer, Part::Bias, all)?;
        let whole = if turned { None } else { Some(Matrix::new(&stored, all, width, what)?) };
        let part = |begin: usize, len: usize| -> Result<Linear<'a>, LoadError> {
            let range = begin..begin + len;
            let weight = match &whole {
                Some(whole) => whole.take_rows(range.clone()),
                None => Matrix::turned(&stored, width, all, range.clone(), what)?,
            };
            Ok(Linear { weight, bias: bias.as_ref().map(|bias| bias[range].to_vec()) })
        };
        Ok([part(0, query)?, part(query, kv)?, part(query + kv, kv)?])
    }

    fn block(&self, layer: usize, turned: bool) -> Result<Block<'a>, LoadError> {
        let config = self.config;
        let (query, kv, width) = (config.query_len(), config.kv_len(), config.width);
        let [q, k, v] = if config.architecture == Architecture::Gpt2 {
            self.fused(layer, turned)?
        } else {
            [
                self.linear(Role::Query, layer, query, width, false)?,
                self.linear(Role::Key, layer, kv, width, false)?,
                self.linear(Role::Value, layer, kv, width, false)?,
            ]
        };
        let gated = config.activation == crate::config::Activation::Silu;
        let gate =
            if gated { Some(self.linear(Role::Gate, layer, config.inner, width, false)?) } else { None };
        let (query_norm, key_norm) = if config.architecture == Architecture::Qwen3 {
            let norm = |role: Role| {
                self.vector(role, layer, Part::Weight, config.head_len)?
                    .map(Some)
                    .ok_or(LoadError::Missing { what: role.what() })
            };
            (norm(Role::QueryNorm)?, norm(Role::KeyNorm)?)
        } else {
            (None, None)
        };
        Ok(Block {
            attention_norm: self.norm(Role::AttentionNorm, layer)?,
            query: q,
            key: k,
            value: v,
            query_norm,
            key_norm,
            output: self.linear(Role::Output, layer, width, query, turned)?,
            inner_norm: self.norm(Role::InnerNorm, layer)?,
            gate,
            up: self.linear(Role::Up, layer, config.inner, width, turned)?,
            down: self.linear(Role::Down, layer, width, config.inner, turned)?,
        })
    }

    fn matrix(&self, role: Role, rows: usize) -> Result<Matrix<'a>, LoadError> {
        Matrix::new(&self.wanted(role, 0, Part::Weight)?, rows, self.config.width, role.what())
    }

    fn load(&self, hugging_face: bool) -> Result<Model<'a>, LoadError> {
        let config = self.config;
        let turned = hugging_face && config.architecture == Architecture::Gpt2;
        let encoder = config.architecture.is_encoder();
        let mut blocks = Vec::new();
        for layer in 0..config.layers {
            blocks.push(self.block(layer, turned)?);
        }
        let learned = config.rope.is_none();
        let pooled = encoder && self.find(Role::Pooler, 0, Part::Weight)?.is_some();
        let pooler = |_: ()| self.linear(Role::Pooler, 0, config.width, config.width, false);
        Ok(Model {
            embedding: self.matrix(Role::Embedding, config.vocabulary)?,
            positions: if learned { Some(self.matrix(Role::Positions, config.context)?) } else { None },
            types: if encoder { Some(self.matrix(Role::Types, config.token_types)?) } else { None },
            pooler: pooled.then_some(()).map(pooler).transpose()?,
            embedding_norm: if encoder { Some(self.norm(Role::EmbeddingNorm, 0)?) } else { None },
            blocks,
            norm: if encoder { None } else { Some(self.norm(Role::Norm, 0)?) },
            head: if encoder || config.tied {
                None
            } else {
                Some(self.matrix(Role::Head, config.vocabulary)?)
            },
            frequencies: config.rope.as_ref().map(crate::config::Rope::frequencies).unwrap_or_default(),
            config: config.clone(),
        })
    }
}
