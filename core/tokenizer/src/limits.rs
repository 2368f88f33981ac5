//! Limits, each with its reason.

/// Longest text of one call: offsets are 32 bits, and scratch memory grows with the text.
pub const TEXT_LEN_MAX: usize = 1 << 30;
/// Longest vocabulary file that is read; the largest in use have 35 MB.
pub const FILE_LEN_MAX: usize = 512 << 20;
/// Most tokens of a vocabulary; those in use end at 262,144.
pub const TOKENS_MAX: usize = 1 << 21;
/// Longest token in bytes.
pub const TOKEN_LEN_MAX: usize = 1 << 16;
/// Most merges; Llama 3 has 280,147.
pub const MERGES_MAX: usize = 1 << 22;
/// Most tokens that are searched for in the text before anything else; Gemma has 6,414.
pub const ADDED_MAX: usize = 1 << 16;
/// Most steps of a normaliser, pre-tokenizer or decoder.
pub const STEPS_MAX: usize = 64;
/// Longest pattern in a file; the longest in use, Kimi's, has 500 bytes.
pub const PATTERN_LEN_MAX: usize = 1 << 14;
/// Deepest nesting of groups in a pattern: parsing and look-ahead recurse on it.
pub const PATTERN_DEPTH_MAX: usize = 16;
/// Most instructions of a compiled pattern, counted repetitions unrolled.
pub const PATTERN_CODE_MAX: usize = 1 << 14;
/// Steps that one match may take for each byte of the text, and on top of that: backtracking must not hang.
pub const PATTERN_STEPS_PER_BYTE: usize = 256;
/// The part of a match's steps that does not grow with the text.
pub const PATTERN_STEPS_BASE: usize = 1 << 16;
/// Longest probe in a hash table of a vocabulary; a longer one means that keys were made to collide.
pub const PROBES_MAX: usize = 128;
/// Cache lines of 64 bytes for short pieces, two in each: 2 MiB.
pub const CACHE_LINES: usize = 1 << 15;
/// Slots of the cache for longer pieces, 16 bytes each: 512 KiB.
pub const CACHE_LONG_LEN: usize = 1 << 15;
/// Words of 4 bytes that the cache for longer pieces keeps: 4 MiB; then it begins anew.
pub const CACHE_ARENA_LEN: usize = 1 << 20;
/// Longest piece that is cached, in bytes: longer ones hardly come twice.
pub const CACHE_PIECE_LEN_MAX: usize = 128;
/// Most symbols of a piece that are merged by looking at all of them; a heap takes over beyond.
pub const SCAN_SYMBOLS_MAX: usize = 40;
/// Most runs of equal symbols that are merged as runs.
pub const RUNS_MAX: usize = 48;
/// Longest piece of the SentencePiece normaliser's table.
pub const CHARSMAP_LEN_MAX: usize = 16 << 20;
/// Most keys of a GGUF file, and most elements that are looked at in all arrays.
pub const GGUF_KEYS_MAX: u64 = 1 << 16;
/// Longest byte sequence that a streaming decoder holds back: a run of byte tokens within one character.
pub const PENDING_LEN_MAX: usize = 64;
/// Largest vocabulary that training makes.
pub const TRAIN_TOKENS_MAX: usize = 1 << 20;
