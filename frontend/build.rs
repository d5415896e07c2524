//! Makes a table of the files in `page/`, each also compressed, so that nothing is compressed while somebody waits for it.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use flate2::Compression;
use flate2::write::GzEncoder;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script its folders so"
)]
fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let page = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("page");
    println!("cargo::rerun-if-changed=page");
    let mut files: Vec<_> = fs::read_dir(&page)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    let mut table = String::from("&[\n");
    for file in files {
        let name = file.file_name().into_string().map_err(|_| "not a name")?;
        let content_type = match name.rsplit_once('.') {
            Some((_, "css")) => "CSS",
            Some((_, "html")) => "HTML",
            Some((_, "js")) => "SCRIPT",
            Some((_, "svg")) => "DRAWING",
            _ => return Err(format!("page/{name}: what kind of file is it?").into()),
        };
        let compressed = out.join(format!("{name}.gz"));
        let mut encoder = GzEncoder::new(fs::File::create(&compressed)?, Compression::best());
        encoder.write_all(&fs::read(file.path())?)?;
        encoder.finish()?;
        writeln!(
            table,
            "    File {{ name: {name:?}, content_type: {content_type}, plain: include_bytes!({:?}), gzip: include_bytes!({compressed:?}) }},",
            file.path(),
        )?;
    }
    table.push_str("]\n");
    fs::write(out.join("files.rs"), table)?;
    Ok(())
}
