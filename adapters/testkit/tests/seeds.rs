//! The committed seeds of every fuzz target through the body that the target runs, on the stable toolchain. Written from the targets by
//! `cargo xtask systems`.

/// A target's name and its body.
type Target = (&'static str, fn(&[u8]));

/// Every target.
const TARGETS: &[Target] = &[
    // written by `cargo xtask systems`: targets
    ("backup", dolmen_lsm::check::check_backup),
    ("batch", dolmen_lsm::check::check_batch),
    ("block", dolmen_lsm::check::check_block),
    ("bti_bloom", dolmen_bti::check::check_bloom),
    ("bti_comparable", dolmen_bti::check::check_comparable),
    ("bti_compression", dolmen_bti::check::check_compression),
    ("bti_rows", dolmen_bti::check::check_rows),
    ("bti_schema", dolmen_bti::check::check_schema),
    ("bti_statistics", dolmen_bti::check::check_statistics),
    ("bti_trie", dolmen_bti::check::check_trie),
    ("bti_type", dolmen_bti::check::check_type),
    ("filter", dolmen_lsm::check::check_filter),
    ("footer", dolmen_lsm::check::check_footer),
    ("hnsw_changes", dolmen_hnsw::check::check_changes),
    ("hnsw_faiss", dolmen_hnsw::check::check_faiss),
    ("hnsw_file", dolmen_hnsw::check::check_file),
    ("hnsw_hnswlib", dolmen_hnsw::check::check_hnswlib),
    ("hnsw_usearch", dolmen_hnsw::check::check_usearch),
    ("hnsw_vectors", dolmen_hnsw::check::check_vectors),
    ("index", dolmen_lsm::check::check_index),
    ("json", dolmen_text::check::check_json),
    ("kafka_batch", dolmen_kafka::check::check_batch),
    ("kafka_files", dolmen_kafka::check::check_files),
    ("kafka_group_record", dolmen_kafka::group::check::check_record),
    ("kafka_group_request", dolmen_kafka::group::check::check_request),
    ("kafka_metadata", dolmen_kafka::check::check_metadata),
    ("kafka_produced", dolmen_kafka::check::check_produced),
    ("kafka_request", dolmen_kafka::check::check_request),
    ("kafka_segment", dolmen_kafka::check::check_segment),
    ("llm_config", dolmen_llm::check::check_config),
    ("llm_gguf", dolmen_llm::check::check_gguf),
    ("llm_grammar", dolmen_llm::check::check_grammar),
    ("llm_safetensors", dolmen_llm::check::check_safetensors),
    ("llm_template", dolmen_llm::check::check_template),
    ("log", dolmen_wal::check::check_log),
    ("manifest", dolmen_lsm::check::check_manifest),
    ("properties", dolmen_lsm::check::check_properties),
    ("range_deletions", dolmen_lsm::check::check_range_deletions),
    ("resp", dolmen_resp::check::check_resp),
    ("ring_config", dolmen_ring::check::check_config),
    ("ring_wire", dolmen_ring::check::check_wire_body),
    ("s3_auth", dolmen_s3::check::check_auth),
    ("s3_chunked", dolmen_s3::check::check_chunked),
    ("s3_lifecycle", dolmen_s3::state::check::check_lifecycle),
    ("s3_meta", dolmen_s3::state::check::check_meta),
    ("s3_policy", dolmen_s3::state::check::check_policy),
    ("s3_post", dolmen_s3::check::check_post),
    ("s3_range", dolmen_s3::check::check_range),
    ("s3_target", dolmen_s3::check::check_target),
    ("s3_xml", dolmen_s3::check::check_xml),
    ("simd_blocks", dolmen_simd::check::check_blocks),
    ("sql_deparse", dolmen_sql::check::check_deparse),
    ("sql_depth", dolmen_sql::check::check_depth),
    ("sql_format", dolmen_sql::check::check_format),
    ("sql_lex", dolmen_sql::check::check_lex),
    ("sql_parse", dolmen_sql::check::check_parse),
    ("sql_tolerant", dolmen_sql::check::check_tolerant),
    ("table", dolmen_lsm::check::check_table),
    ("tensor_idx", dolmen_tensor::check::check_idx),
    ("tensor_tape", dolmen_tensor::check::check_tape),
    ("tokenizer_gguf", dolmen_tokenizer::check::check_gguf),
    ("tokenizer_json", dolmen_tokenizer::check::check_json),
    ("tokenizer_prebuilt", dolmen_tokenizer::check::check_prebuilt),
    ("tokenizer_scanners", dolmen_tokenizer::check::check_scanners),
    ("tokenizer_sentencepiece", dolmen_tokenizer::check::check_sentencepiece),
    ("tokenizer_tiktoken", dolmen_tokenizer::check::check_tiktoken),
    ("version_edit", dolmen_lsm::check::check_version_edit),
    // end of targets
];

#[test]
fn every_seed_of_every_target_replays() {
    let mut seeds = 0;
    for (target, body) in TARGETS {
        seeds += dolmen_testkit::replay(target, body);
    }
    println!("{seeds} seeds of {} targets", TARGETS.len());
    assert!(seeds >= TARGETS.len());
}
