//! Tells the linker to keep the program small: `postern`, and `tests/wardle`, in which the library is measured.
use std::env;

/// What LLD knows, which is what rustc links with on this target. Functions with equal machine code become one, as do constants with
/// equal bytes (nothing of ours asks where a constant lies), and relocations are packed: a tenth of the file, and fewer of its pages in
/// memory.
const SMALL: [&str; 3] =
    ["-Wl,--icf=all", "-Wl,--ignore-data-address-equality", "-Wl,-z,pack-relative-relocs"];

fn main() {
    // What every package has. A script that changed runs in any case.
    println!("cargo:rerun-if-changed=Cargo.toml");
    if env::var("TARGET").is_ok_and(|target| target == "x86_64-unknown-linux-gnu") {
        SMALL.iter().for_each(|flag| println!("cargo:rustc-link-arg-bins={flag}"));
    }
}
