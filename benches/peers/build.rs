//! Links libhs where the feature asks for it.

fn main() {
    if std::env::var_os("CARGO_FEATURE_HYPERSCAN").is_some() {
        println!("cargo:rustc-link-lib=hs");
    }
}
