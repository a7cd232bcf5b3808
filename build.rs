//! Rules are embedded as a folder: a file that is added must lead to a new build as well.

fn main() {
    println!("cargo::rerun-if-changed=rules");
}
