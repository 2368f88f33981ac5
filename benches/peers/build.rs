//! Links the C interfaces of Debian's librocksdb and libleveldb.

fn main() {
    println!("cargo:rustc-link-lib=rocksdb");
    println!("cargo:rustc-link-lib=leveldb");
    println!("cargo:rerun-if-changed=build.rs");
}
