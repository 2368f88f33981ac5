//! What a model is: from `config.json`, or from the keys of a GGUF file.
//!
//! | architecture | `model_type` | `general.architecture` | what is special |
//! |---|---|---|---|
//! | GPT-2 | `gpt2` | `gpt2` | layer norm, learned positions, biases, turned weights in safetensors |
//! | Llama 2, 3 | `llama` | `llama` | RMS norm, rotary positions (in pairs in GGUF, in halves else), gated, scaled frequencies |
//! | Mistral | `mistral` | `llama` | a window on what is attended to |
//! | Qwen2, Qwen3 | `qwen2`, `qwen3` | `qwen2`, `qwen3` | biases of query, key, value; norms of query and key |
//! | BERT | `bert` | `bert` | both sides are attended to, norms behind the layers, token types |
//!
//! Whatever else a file asks for is refused, not ignored: another activation, another kind of scaling, a window on some layers only.

use alloc::vec::Vec;

use dolmen_text::json::{Document, Kind, Value};
use dolmen_tokenizer::load::gguf::{Metadata, Value as Key};

use crate::error::LoadError;
use crate::limits::{CONFIG_LEN_MAX, CONTEXT_MAX, HEADS_MAX, LAYERS_MAX, VOCABULARY_MAX, WIDTH_MAX};

/// A family of models.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Architecture {
    /// OpenAI's GPT-2.
    Gpt2,
    /// Meta's Llama 2 and 3.
    Llama,
    /// Mistral.
    Mistral,
    /// Qwen 2 and 2.5.
    Qwen2,
    /// Qwen 3.
    Qwen3,
    /// BERT: an encoder.
    Bert,
}

impl Architecture {
    /// The name in `config.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Architecture::Gpt2 => "gpt2",
            Architecture::Llama => "llama",
            Architecture::Mistral => "mistral",
            Architecture::Qwen2 => "qwen2",
            Architecture::Qwen3 => "qwen3",
            Architecture::Bert => "bert",
        }
    }

    /// The architecture of this `model_type`.
    pub fn by_name(name: &str) -> Option<Architecture> {
        use Architecture::{Bert, Gpt2, Llama, Mistral, Qwen2, Qwen3};
        [Gpt2, Llama, Mistral, Qwen2, Qwen3, Bert].into_iter().find(|known| known.name() == name)
    }

    /// Whether it only reads: it gives states, not probabilities of what comes next.
    pub const fn is_encoder(self) -> bool {
        matches!(self, Architecture::Bert)
    }
}

/// What stands between the two products of a feed-forward layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// GELU by erf.
    Gelu,
    /// GELU by tanh.
    GeluTanh,
    /// x · sigmoid(x), times the other half of a gate.
    Silu,
}

/// How positions turn queries and keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// The base of the frequencies.
    pub theta: f64,
    /// How many of a head's elements are turned.
    pub dimensions: usize,
    /// Element i is turned with i + 1 instead of with i + dimensions / 2.
    pub pairs: bool,
    /// What is done to the frequencies.
    pub scaling: Scaling,
}

/// What is done to the frequencies of [`Rope`].
#[derive(Clone, Debug, PartialEq)]
pub enum Scaling {
    /// Nothing.
    None,
    /// All are divided by a factor.
    Linear(f64),
    /// Llama 3's: long waves are divided, short ones kept, those between mixed.
    Llama3 {
        /// What long waves are divided by.
        factor: f64,
        /// The old context divided by this is where waves begin to be long.
        low: f64,
        /// The old context divided by this is where waves end to be short.
        high: f64,
        /// The context that the model was first trained on.
        context: f64,
    },
    /// Each is divided by its own factor: `rope_freqs.weight` of a GGUF file.
    Factors(Vec<f32>),
}

impl Rope {
    /// The angle that each pair is turned by at each position, in radians.
    pub fn frequencies(&self) -> Vec<f32> {
        let half = self.dimensions / 2;
        let frequency = |nth: usize| {
            let exponent = 2.0 * nth as f64 / self.dimensions as f64;
            let plain = 1.0 / libm::pow(self.theta, exponent);
            match &self.scaling {
                Scaling::None => plain,
                Scaling::Linear(factor) => plain / factor,
                Scaling::Factors(factors) => plain / f64::from(factors.get(nth).copied().unwrap_or(1.0)),
                Scaling::Llama3 { factor, low, high, context } => {
                    let wave = 2.0 * core::f64::consts::PI / plain;
                    if wave > context / low {
                        plain / factor
                    } else if wave < context / high {
                        plain
                    } else {
                        let smooth = (context / wave - low) / (high - low);
                        (1.0 - smooth) * plain / factor + smooth * plain
                    }
                }
            }
        };
        (0..half).map(|nth| frequency(nth) as f32).collect()
    }
}

/// The numbers that describe a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The family.
    pub architecture: Architecture,
    /// Ids that there are.
    pub vocabulary: usize,
    /// Elements of the state.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Elements of a head.
    pub head_len: usize,
    /// Elements of the inner layer.
    pub inner: usize,
    /// Positions that there are.
    pub context: usize,
    /// What norms add to the variance.
    pub epsilon: f32,
    /// Rotary positions; `None`: learned ones.
    pub rope: Option<Rope>,
    /// How many positions back are attended to, the own one included.
    pub window: Option<usize>,
    /// The activation.
    pub activation: Activation,
    /// Whether the first and the last matrix are one.
    pub tied: bool,
    /// Kinds of segments that BERT tells apart.
    pub token_types: usize,
    /// The id that a text begins with.
    pub bos: Option<u32>,
    /// The ids that end a text.
    pub eos: Vec<u32>,
}

impl Config {
    /// Elements of all queries of a position.
    pub fn query_len(&self) -> usize {
        self.heads * self.head_len
    }

    /// Elements of all keys, or of all values, of a position.
    pub fn kv_len(&self) -> usize {
        self.kv_heads * self.head_len
    }

    /// Reads `config.json`.
    ///
    /// # Errors
    ///
    /// [`LoadError`]: no JSON, a number that is missing or absurd, or something that is not known here.
    pub fn from_json(bytes: &[u8]) -> Result<Config, LoadError> {
        if bytes.len() > CONFIG_LEN_MAX {
            let (found, max) = (bytes.len() as u64, CONFIG_LEN_MAX as u64);
            return Err(LoadError::Limit { what: "bytes of config.json", found, max });
        }
        let document = Document::read(bytes)?;
        let root = Json(document.root());
        let kind =
            root.0.get("model_type").ok_or(LoadError::Missing { what: "\"model_type\" in config.json" })?;
        let architecture = kind.as_str().and_then(|name| Architecture::by_name(&name));
        let architecture = architecture
            .ok_or(LoadError::Unsupported { what: "this model_type", at: kind.offset() as u64 })?;
        let config = match architecture {
            Architecture::Gpt2 => root.gpt2()?,
            Architecture::Bert => root.bert()?,
            _ => root.llama(architecture)?,
        };
        config.checked()
    }

    /// Reads the keys of a GGUF file. `tied` says whether the file lacks `output.weight`, `factors` is `rope_freqs.weight` if there is one.
    ///
    /// # Errors
    ///
    /// As [`Config::from_json`].
    pub fn from_gguf(
        metadata: &Metadata<'_>,
        tied: bool,
        factors: Option<Vec<f32>>,
    ) -> Result<Config, LoadError> {
        let name = metadata.text("general.architecture");
        let name = name.ok_or(LoadError::Missing { what: "general.architecture" })?;
        let architecture = Architecture::by_name(name).filter(|&known| known != Architecture::Mistral);
        let architecture =
            architecture.ok_or(LoadError::Unsupported { what: "this general.architecture", at: 0 })?;
        Keys { metadata, name, architecture }.read(tied, factors)?.checked()
    }

    /// Every size is within its limit and fits the others.
    fn checked(self) -> Result<Config, LoadError> {
        let sizes = [
            ("ids in the vocabulary", self.vocabulary, VOCABULARY_MAX),
            ("elements of the state", self.width, WIDTH_MAX),
            ("layers", self.layers, LAYERS_MAX),
            ("heads", self.heads, HEADS_MAX),
            ("heads of keys", self.kv_heads, HEADS_MAX),
            ("elements of a head", self.head_len, WIDTH_MAX),
            ("elements of the inner layer", self.inner, 8 * WIDTH_MAX),
            ("positions", self.context, CONTEXT_MAX),
            ("kinds of segments", self.token_types.max(usize::from(!self.architecture.is_encoder())), 1 << 8),
            ("elements of all heads", self.heads.saturating_mul(self.head_len), 8 * WIDTH_MAX),
        ];
        for (what, found, max) in sizes {
            if found == 0 || found > max {
                return Err(LoadError::Limit { what, found: found as u64, max: max as u64 });
            }
        }
        let invalid = |what| Err(LoadError::Invalid { what, at: 0 });
        if !self.heads.is_multiple_of(self.kv_heads) {
            return invalid("as many heads of queries as a multiple of those of keys");
        }
        if let Some(rope) = &self.rope
            && (rope.dimensions > self.head_len
                || !rope.dimensions.is_multiple_of(2)
                || !rope.theta.is_finite()
                || rope.theta <= 0.0)
        {
            return invalid("rotary positions that fit a head");
        }
        if !(self.epsilon.is_finite() && self.epsilon >= 0.0) {
            return invalid("a sound epsilon of the norms");
        }
        Ok(self)
    }
}

/// Members of `config.json`.
#[derive(Clone, Copy)]
struct Json<'d>(Value<'d>);

impl<'d> Json<'d> {
    /// A member that is there and not null.
    fn get(self, name: &str) -> Option<Value<'d>> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn size(self, name: &str) -> Result<Option<usize>, LoadError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_number().and_then(|number| number.as_u64());
        let number = number.and_then(|number| usize::try_from(number).ok());
        number.map(Some).ok_or(LoadError::Invalid { what: "a whole number", at: value.offset() as u64 })
    }

    fn wanted(self, name: &str, what: &'static str) -> Result<usize, LoadError> {
        self.size(name)?.ok_or(LoadError::Missing { what })
    }

    fn float(self, name: &str, default: f64) -> Result<f64, LoadError> {
        let Some(value) = self.get(name) else { return Ok(default) };
        let number = value.as_number().and_then(|number| number.as_f64());
        number.ok_or(LoadError::Invalid { what: "a number", at: value.offset() as u64 })
    }

    fn flag(self, name: &str, default: bool) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or(default)
    }

    /// Refuses a member that has another value than the only one known.
    fn only(self, name: &str, known: &[&str], what: &'static str) -> Result<(), LoadError> {
        match self.get(name) {
            Some(value) if !value.as_str().is_some_and(|text| known.contains(&&*text)) => {
                Err(LoadError::Unsupported { what, at: value.offset() as u64 })
            }
            _ => Ok(()),
        }
    }

    fn not(self, name: &str, what: &'static str) -> Result<(), LoadError> {
        match self.get(name) {
            Some(value) if value.as_bool() != Some(false) => {
                Err(LoadError::Unsupported { what, at: value.offset() as u64 })
            }
            _ => Ok(()),
        }
    }

    fn ids(self, name: &str) -> Vec<u32> {
        let id = |value: Value<'_>| value.as_number()?.as_u64().and_then(|id| u32::try_from(id).ok());
        match self.get(name) {
            Some(list) if list.kind() == Kind::Array => list.items().filter_map(id).collect(),
            Some(value) => id(value).into_iter().collect(),
            None => Vec::new(),
        }
    }

    fn activation(self, name: &str, default: Activation) -> Result<Activation, LoadError> {
        let Some(value) = self.get(name) else { return Ok(default) };
        match value.as_str().as_deref() {
            Some("gelu") => Ok(Activation::Gelu),
            Some("gelu_new" | "gelu_fast" | "gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
            Some("silu" | "swish") => Ok(Activation::Silu),
            _ => Err(LoadError::Unsupported { what: "this activation", at: value.offset() as u64 }),
        }
    }

    fn gpt2(self) -> Result<Config, LoadError> {
        self.not("scale_attn_by_inverse_layer_idx", "attention scaled by layers")?;
        self.not("add_cross_attention", "cross attention")?;
        let width = self.wanted("n_embd", "\"n_embd\"")?;
        let heads = self.wanted("n_head", "\"n_head\"")?;
        Ok(Config {
            architecture: Architecture::Gpt2,
            vocabulary: self.wanted("vocab_size", "\"vocab_size\"")?,
            width,
            layers: self.wanted("n_layer", "\"n_layer\"")?,
            heads,
            kv_heads: heads,
            head_len: head_len(width, heads)?,
            inner: self.size("n_inner")?.unwrap_or(width.saturating_mul(4)),
            context: self.size("n_positions")?.unwrap_or(1024),
            epsilon: self.float("layer_norm_epsilon", 1e-5)? as f32,
            rope: None,
            window: None,
            activation: self.activation("activation_function", Activation::GeluTanh)?,
            tied: self.flag("tie_word_embeddings", true),
            token_types: 0,
            bos: self.ids("bos_token_id").first().copied(),
            eos: self.ids("eos_token_id"),
        })
    }

    fn bert(self) -> Result<Config, LoadError> {
        self.only("position_embedding_type", &["absolute"], "this kind of positions")?;
        self.not("is_decoder", "BERT as a decoder")?;
        let width = self.wanted("hidden_size", "\"hidden_size\"")?;
        let heads = self.wanted("num_attention_heads", "\"num_attention_heads\"")?;
        Ok(Config {
            architecture: Architecture::Bert,
            vocabulary: self.wanted("vocab_size", "\"vocab_size\"")?,
            width,
            layers: self.wanted("num_hidden_layers", "\"num_hidden_layers\"")?,
            heads,
            kv_heads: heads,
            head_len: head_len(width, heads)?,
            inner: self.wanted("intermediate_size", "\"intermediate_size\"")?,
            context: self.size("max_position_embeddings")?.unwrap_or(512),
            epsilon: self.float("layer_norm_eps", 1e-12)? as f32,
            rope: None,
            window: None,
            activation: self.activation("hidden_act", Activation::Gelu)?,
            tied: true,
            token_types: self.size("type_vocab_size")?.unwrap_or(2),
            bos: None,
            eos: Vec::new(),
        })
    }

    fn llama(self, architecture: Architecture) -> Result<Config, LoadError> {
        let width = self.wanted("hidden_size", "\"hidden_size\"")?;
        let heads = self.wanted("num_attention_heads", "\"num_attention_heads\"")?;
        let head_len = match (self.size("head_dim")?, architecture) {
            (Some(len), _) => len,
            (None, Architecture::Qwen3) => 128,
            (None, _) => head_len(width, heads)?,
        };
        let activation = self.activation("hidden_act", Activation::Silu)?;
        if activation != Activation::Silu {
            return Err(LoadError::Unsupported { what: "a gate with this activation", at: 0 });
        }
        let window = match architecture {
            Architecture::Mistral => match self.0.get("sliding_window") {
                None => Some(4096),
                Some(_) => self.size("sliding_window")?,
            },
            _ => {
                self.not("use_sliding_window", "a window on some layers")?;
                None
            }
        };
        Ok(Config {
            architecture,
            vocabulary: self.wanted("vocab_size", "\"vocab_size\"")?,
            width,
            layers: self.wanted("num_hidden_layers", "\"num_hidden_layers\"")?,
            heads,
            kv_heads: self.size("num_key_value_heads")?.unwrap_or(heads),
            head_len,
            inner: self.wanted("intermediate_size", "\"intermediate_size\"")?,
            context: self.size("max_position_embeddings")?.unwrap_or(2048),
            epsilon: self.float("rms_norm_eps", 1e-6)? as f32,
            rope: Some(self.rope(head_len)?),
            window: window.filter(|&window| window > 0),
            activation,
            tied: self.flag("tie_word_embeddings", false),
            token_types: 0,
            bos: self.ids("bos_token_id").first().copied(),
            eos: self.ids("eos_token_id"),
        })
    }

    /// Version 5 of transformers has all in `rope_parameters`; before, the base stood beside `rope_scaling`.
    fn rope(self, head_len: usize) -> Result<Rope, LoadError> {
        let inner = self.get("rope_parameters").or_else(|| self.get("rope_scaling"));
        let from = inner.filter(|inner| inner.kind() == Kind::Object).map(Json);
        let outer = self.float("rope_theta", 10_000.0)?;
        let theta = from.map_or(Ok(outer), |from| from.float("rope_theta", outer))?;
        let partial = self.float("partial_rotary_factor", 1.0)?;
        if partial != 1.0 {
            return Err(LoadError::Unsupported { what: "positions that turn a part of a head", at: 0 });
        }
        let kind = from.and_then(|from| from.get("rope_type").or_else(|| from.get("type")));
        let scaling = match (from, kind.and_then(Value::as_str).as_deref()) {
            (None, _) | (_, None | Some("default")) => Scaling::None,
            (Some(from), Some("linear")) => Scaling::Linear(positive(from.float("factor", 1.0)?)?),
            (Some(from), Some("llama3")) => Scaling::Llama3 {
                factor: positive(from.float("factor", 8.0)?)?,
                low: positive(from.float("low_freq_factor", 1.0)?)?,
                high: positive(from.float("high_freq_factor", 4.0)?)?,
                context: positive(from.float("original_max_position_embeddings", 8192.0)?)?,
            },
            (Some(from), _) => {
                let at = from.0.offset() as u64;
                return Err(LoadError::Unsupported { what: "this scaling of positions", at });
            }
        };
        Ok(Rope { theta, dimensions: head_len, pairs: false, scaling })
    }
}

fn positive(number: f64) -> Result<f64, LoadError> {
    let sound = number.is_finite() && number > 0.0;
    sound.then_some(number).ok_or(LoadError::Invalid { what: "a positive factor", at: 0 })
}

fn head_len(width: usize, heads: usize) -> Result<usize, LoadError> {
    match width.checked_rem(heads) {
        Some(0) => Ok(width / heads),
        _ => Err(LoadError::Invalid { what: "a width that is a multiple of the heads", at: 0 }),
    }
}

/// Keys of a GGUF file.
struct Keys<'m, 'a> {
    metadata: &'m Metadata<'a>,
    name: &'m str,
    architecture: Architecture,
}

impl Keys<'_, '_> {
    /// The value of `architecture.key`.
    fn get(&self, key: &str) -> Option<Key<'_>> {
        self.metadata.get(&alloc::format!("{}.{key}", self.name))
    }

    fn size(&self, key: &str) -> Option<usize> {
        match self.get(key)? {
            Key::Integer(n) => usize::try_from(n).ok(),
            _ => None,
        }
    }

    fn wanted(&self, key: &str, what: &'static str) -> Result<usize, LoadError> {
        self.size(key).ok_or(LoadError::Missing { what })
    }

    fn float(&self, key: &str) -> Option<f64> {
        match self.get(key)? {
            Key::Float(x) => Some(x),
            Key::Integer(n) => Some(n as f64),
            _ => None,
        }
    }

    fn rope(&self, head_len: usize, factors: Option<Vec<f32>>) -> Result<Rope, LoadError> {
        let kind = self.metadata.text(&alloc::format!("{}.rope.scaling.type", self.name));
        let scaling = match (kind, factors) {
            (Some("linear"), None) => {
                Scaling::Linear(positive(self.float("rope.scaling.factor").unwrap_or(1.0))?)
            }
            (None | Some("none"), None) => Scaling::None,
            (None | Some("none"), Some(factors)) => Scaling::Factors(factors),
            _ => return Err(LoadError::Unsupported { what: "this scaling of positions", at: 0 }),
        };
        Ok(Rope {
            theta: self.float("rope.freq_base").unwrap_or(10_000.0),
            dimensions: self.size("rope.dimension_count").unwrap_or(head_len),
            pairs: self.architecture == Architecture::Llama,
            scaling,
        })
    }

    fn read(&self, tied: bool, factors: Option<Vec<f32>>) -> Result<Config, LoadError> {
        let width = self.wanted("embedding_length", "embedding_length")?;
        let heads = self.wanted("attention.head_count", "attention.head_count")?;
        let given = self.size("attention.key_length");
        let head_len = given.map_or_else(|| head_len(width, heads), Ok)?;
        if self.size("attention.value_length").is_some_and(|len| len != head_len) {
            return Err(LoadError::Unsupported { what: "values of another length than keys", at: 0 });
        }
        let layer_norm = matches!(self.architecture, Architecture::Gpt2 | Architecture::Bert);
        let epsilon =
            if layer_norm { "attention.layer_norm_epsilon" } else { "attention.layer_norm_rms_epsilon" };
        let rope = if layer_norm { None } else { Some(self.rope(head_len, factors)?) };
        let tokens = self.metadata.array("tokenizer.ggml.tokens").map(|tokens| tokens.len());
        let vocabulary = self.size("vocab_size").or(tokens);
        let types = self.metadata.get("tokenizer.ggml.token_type_count");
        Ok(Config {
            architecture: self.architecture,
            vocabulary: vocabulary.ok_or(LoadError::Missing { what: "vocab_size" })?,
            width,
            layers: self.wanted("block_count", "block_count")?,
            heads,
            kv_heads: self.size("attention.head_count_kv").unwrap_or(heads),
            head_len,
            inner: self.wanted("feed_forward_length", "feed_forward_length")?,
            context: self.wanted("context_length", "context_length")?,
            epsilon: self.float(epsilon).unwrap_or(1e-5) as f32,
            rope,
            window: self.size("attention.sliding_window").filter(|&window| window > 0),
            activation: match self.architecture {
                Architecture::Gpt2 => Activation::GeluTanh,
                Architecture::Bert => Activation::Gelu,
                _ => Activation::Silu,
            },
            tied,
            token_types: match types {
                Some(Key::Integer(n)) => usize::try_from(n).unwrap_or(0),
                _ if self.architecture == Architecture::Bert => 2,
                _ => 0,
            },
            bos: self.metadata.id("tokenizer.ggml.bos_token_id"),
            eos: self
                .metadata
                .id("tokenizer.ggml.eos_token_id")
                .into_iter()
                .chain(self.metadata.id("tokenizer.ggml.eot_token_id"))
                .collect(),
        })
    }
}
