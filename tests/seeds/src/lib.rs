//! What fuzzing begins with, for a compiler that cannot fuzz: a crate with fuzz targets gives their seeds to its functions.
//! It imports nothing, and only tests of our own crates import it: `extension-apiserver`, which others build alone, has its own.
use std::{fs, path::Path};

/// The seeds of the crate `fuzz` at the root: a folder a target.
const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus");

/// Fewer show no promise from both sides, kept and refused.
const FEWEST: usize = 3;

/// The name of a fuzz target, and its function: it panics where a promise is broken.
pub type Target<'a> = (&'a str, fn(&[u8]));

/// Gives every seed of `fuzz/corpus/<target>` to the function of that target.
///
/// # Panics
/// A function does, or a target has fewer than three seeds.
pub fn replay(targets: &[Target<'_>]) {
    for (target, judge) in targets {
        let folder = Path::new(CORPUS).join(target);
        let seeds = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let seeds: Vec<_> = seeds.map(|seed| seed.expect("a seed").path()).collect();
        assert!(seeds.len() >= FEWEST, "{target} has {} seeds", seeds.len());
        for seed in seeds {
            judge(&fs::read(seed).expect("a seed"));
        }
    }
}
