//! Limits, each with its reason.

/// Longest header of a safetensors file, as the reference has it.
pub const HEADER_LEN_MAX: u64 = 100_000_000;
/// Most tensors of a file; the largest in use have about 20,000.
pub const TENSORS_MAX: u64 = 1 << 18;
/// Most dimensions of a tensor; layers in use have at most five.
pub const DIMENSIONS_MAX: usize = 8;
/// Longest name of a tensor: GGUF allows 64 bytes, the longest of Hugging Face's have about 120.
pub const NAME_LEN_MAX: usize = 1024;
/// Longest config.json: those in use have a few kilobytes, those with lists of labels a few hundred.
pub const CONFIG_LEN_MAX: usize = 16 << 20;
/// Largest vocabulary; those in use end at 262,144.
pub const VOCABULARY_MAX: usize = 1 << 21;
/// Widest state, and widest inner layer times eight: the widest in use have 16,384 and 53,248.
pub const WIDTH_MAX: usize = 1 << 17;
/// Most layers; the deepest in use have 126.
pub const LAYERS_MAX: usize = 1 << 10;
/// Most heads of attention; those in use end at 128.
pub const HEADS_MAX: usize = 1 << 10;
/// Longest context; the longest claimed is ten million.
pub const CONTEXT_MAX: usize = 1 << 24;
/// Most rows of one step: scratch memory grows with it, speed does not any more.
pub const BATCH_MAX: usize = 1 << 12;
/// Most sequences that are kept at a time.
pub const SLOTS_MAX: usize = 1 << 10;
/// Most parts that one product is cut into, for as many threads.
pub const PARTS_MAX: usize = 64;
/// Most losses of a checkpoint: of one for each of so many steps, the file is still mostly weights.
pub const CHECKPOINT_LOSSES_MAX: u64 = 1 << 24;
/// Most stop strings of a request, as many as servers usually take.
pub const STOPS_MAX: usize = 16;
/// Longest stop string in bytes: as much of the answer is held back at most.
pub const STOP_LEN_MAX: usize = 1024;
/// Ids that are guessed from what came before, in one step: as many rows as a step has almost for the price of one.
pub const DRAFT_MAX: usize = 3;
/// Longest grammar in bytes; llama.cpp's own for whole languages have a few kilobytes.
pub const GRAMMAR_LEN_MAX: usize = 1 << 20;
/// Most elements of a compiled grammar, repetitions written out.
pub const GRAMMAR_ELEMENTS_MAX: usize = 1 << 17;
/// How deep groups stand in each other.
pub const GRAMMAR_DEPTH_MAX: usize = 64;
/// Most repetitions that are counted, as in llama.cpp.
pub const GRAMMAR_REPEAT_MAX: u32 = 2000;
/// Deepest stack of rules while text is matched: brackets in brackets beyond it are not accepted.
pub const GRAMMAR_STACK_MAX: usize = 256;
/// Most ways in which a text can be read at one place; further ones are not followed.
pub const GRAMMAR_STACKS_MAX: usize = 1 << 10;
/// How deep a JSON schema may be nested, references included.
pub const SCHEMA_DEPTH_MAX: usize = 64;
/// Longest template of a chat in bytes; the longest in use have 20 kilobytes.
pub const TEMPLATE_LEN_MAX: usize = 1 << 20;
/// How deep expressions and blocks of a template stand in each other, and calls of macros in each other.
pub const TEMPLATE_DEPTH_MAX: usize = 48;
/// Steps that a template takes at most: those in use take some hundreds for each message.
pub const TEMPLATE_STEPS_MAX: usize = 1 << 20;
/// Bytes that a template may make, of its text and of all values on the way.
pub const TEMPLATE_OUTPUT_MAX: usize = 64 << 20;
