//! What tensors are called, by Hugging Face and in GGUF files.

use alloc::string::String;
use core::fmt::Write;

use crate::config::Architecture;

/// What a tensor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Embedding,
    Positions,
    Types,
    EmbeddingNorm,
    AttentionNorm,
    Query,
    Key,
    Value,
    Fused,
    QueryNorm,
    KeyNorm,
    Output,
    InnerNorm,
    Gate,
    Up,
    Down,
    Norm,
    Head,
    Pooler,
}

/// Which of a layer's two tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Weight,
    Bias,
}

impl Role {
    /// All of them, in the order of files.
    pub const ALL: [Role; 19] = [
        Role::Embedding,
        Role::Positions,
        Role::Types,
        Role::EmbeddingNorm,
        Role::AttentionNorm,
        Role::Query,
        Role::Key,
        Role::Value,
        Role::Fused,
        Role::QueryNorm,
        Role::KeyNorm,
        Role::Output,
        Role::InnerNorm,
        Role::Gate,
        Role::Up,
        Role::Down,
        Role::Norm,
        Role::Head,
        Role::Pooler,
    ];

    /// For errors.
    pub const fn what(self) -> &'static str {
        match self {
            Role::Embedding => "the matrix of the vocabulary",
            Role::Positions => "the matrix of positions",
            Role::Types => "the matrix of token types",
            Role::EmbeddingNorm => "the norm behind the embedding",
            Role::AttentionNorm => "a norm of attention",
            Role::Query => "a matrix of queries",
            Role::Key => "a matrix of keys",
            Role::Value => "a matrix of values",
            Role::Fused => "a matrix of queries, keys and values",
            Role::QueryNorm => "a norm of queries",
            Role::KeyNorm => "a norm of keys",
            Role::Output => "a matrix behind attention",
            Role::InnerNorm => "a norm of the inner layer",
            Role::Gate => "a matrix of gates",
            Role::Up => "a matrix into the inner layer",
            Role::Down => "a matrix out of the inner layer",
            Role::Norm => "the last norm",
            Role::Head => "the matrix of the results",
            Role::Pooler => "the matrix of the pooler",
        }
    }

    /// Whether there is one for each layer.
    pub const fn is_in_layer(self) -> bool {
        !matches!(
            self,
            Role::Embedding
                | Role::Positions
                | Role::Types
                | Role::EmbeddingNorm
                | Role::Norm
                | Role::Head
                | Role::Pooler
        )
    }
}

/// Whose names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    architecture: Architecture,
    /// `None`: GGUF's; else what stands before Hugging Face's.
    prefix: Option<&'static str>,
}

impl Names {
    /// GGUF's names.
    pub fn gguf(architecture: Architecture) -> Names {
        Names { architecture, prefix: None }
    }

    /// Hugging Face's, with the prefix that a file of whole models has, or without it where only the inner model was saved.
    pub fn hugging_face(architecture: Architecture, exists: impl Fn(&str) -> bool) -> Names {
        let (prefix, first) = match architecture {
            Architecture::Gpt2 => ("transformer.", "wte.weight"),
            Architecture::Bert => ("bert.", "embeddings.word_embeddings.weight"),
            _ => ("model.", "embed_tokens.weight"),
        };
        let bare = exists(first);
        Names { architecture, prefix: Some(if bare { "" } else { prefix }) }
    }

    /// Writes a name; nothing if the architecture has no such tensor.
    pub fn write(&self, role: Role, layer: usize, part: Part, to: &mut String) {
        let end = if part == Part::Weight { "weight" } else { "bias" };
        let (stem, prefix) = match self.prefix {
            None => (gguf(self.architecture, role), ""),
            Some(prefix) => {
                let stem = match self.architecture {
                    Architecture::Gpt2 => gpt2(role),
                    Architecture::Bert => bert(role),
                    _ => llama(role),
                };
                (stem, if role == Role::Head { "" } else { prefix })
            }
        };
        if stem.is_empty() {
            return;
        }
        // Writing to a string cannot fail.
        let _ = match (role.is_in_layer(), self.prefix, self.architecture) {
            (false, ..) => write!(to, "{prefix}{stem}.{end}"),
            (true, None, _) => write!(to, "blk.{layer}.{stem}.{end}"),
            (true, _, Architecture::Gpt2) => write!(to, "{prefix}h.{layer}.{stem}.{end}"),
            (true, _, Architecture::Bert) => write!(to, "{prefix}encoder.layer.{layer}.{stem}.{end}"),
            (true, ..) => write!(to, "{prefix}layers.{layer}.{stem}.{end}"),
        };
    }
}

fn gguf(architecture: Architecture, role: Role) -> &'static str {
    let bert = architecture == Architecture::Bert;
    match role {
        Role::Embedding => "token_embd",
        Role::Positions => "position_embd",
        Role::Types => "token_types",
        Role::EmbeddingNorm => "token_embd_norm",
        Role::AttentionNorm if bert => "attn_output_norm",
        Role::AttentionNorm => "attn_norm",
        Role::Query => "attn_q",
        Role::Key => "attn_k",
        Role::Value => "attn_v",
        Role::Fused => "attn_qkv",
        Role::QueryNorm => "attn_q_norm",
        Role::KeyNorm => "attn_k_norm",
        Role::Output => "attn_output",
        Role::InnerNorm if bert => "layer_output_norm",
        Role::InnerNorm => "ffn_norm",
        Role::Gate => "ffn_gate",
        Role::Up => "ffn_up",
        Role::Down => "ffn_down",
        Role::Norm => "output_norm",
        Role::Head => "output",
        Role::Pooler => "",
    }
}

fn llama(role: Role) -> &'static str {
    match role {
        Role::Embedding => "embed_tokens",
        Role::AttentionNorm => "input_layernorm",
        Role::Query => "self_attn.q_proj",
        Role::Key => "self_attn.k_proj",
        Role::Value => "self_attn.v_proj",
        Role::QueryNorm => "self_attn.q_norm",
        Role::KeyNorm => "self_attn.k_norm",
        Role::Output => "self_attn.o_proj",
        Role::InnerNorm => "post_attention_layernorm",
        Role::Gate => "mlp.gate_proj",
        Role::Up => "mlp.up_proj",
        Role::Down => "mlp.down_proj",
        Role::Norm => "norm",
        Role::Head => "lm_head",
        _ => "",
    }
}

fn gpt2(role: Role) -> &'static str {
    match role {
        Role::Embedding => "wte",
        Role::Positions => "wpe",
        Role::AttentionNorm => "ln_1",
        Role::Fused => "attn.c_attn",
        Role::Output => "attn.c_proj",
        Role::InnerNorm => "ln_2",
        Role::Up => "mlp.c_fc",
        Role::Down => "mlp.c_proj",
        Role::Norm => "ln_f",
        Role::Head => "lm_head",
        _ => "",
    }
}

fn bert(role: Role) -> &'static str {
    match role {
        Role::Embedding => "embeddings.word_embeddings",
        Role::Positions => "embeddings.position_embeddings",
        Role::Types => "embeddings.token_type_embeddings",
        Role::EmbeddingNorm => "embeddings.LayerNorm",
        Role::AttentionNorm => "attention.output.LayerNorm",
        Role::Query => "attention.self.query",
        Role::Key => "attention.self.key",
        Role::Value => "attention.self.value",
        Role::Output => "attention.output.dense",
        Role::InnerNorm => "output.LayerNorm",
        Role::Up => "intermediate.dense",
        Role::Down => "output.dense",
        Role::Pooler => "pooler.dense",
        _ => "",
    }
}
