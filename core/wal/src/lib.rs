//! Write-ahead log: RocksDB framing, LSNs, segments, transactions, group commit, recovery.
#![no_std]
#![forbid(unsafe_code)]
