//! The page that the binary carries: its folder must be there when the server is compiled, and a
//! changed page makes a changed server.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let manifest = std::env::var("CARGO_MANIFEST_DIR").map_err(std::io::Error::other)?;
    let site = Path::new(&manifest).join("../target/site");
    std::fs::create_dir_all(&site)?;
    println!("cargo:rerun-if-changed={}", site.display());
    println!("cargo:rerun-if-changed=../migrations");
    Ok(())
}
