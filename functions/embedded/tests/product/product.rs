//! The built program, on a folder of its own and free ports.

use testkit::product::Folder;

pub(crate) fn new_folder() -> Folder {
    let program = env!("CARGO_BIN_EXE_user-buy-list");
    Folder::new(program, env!("CARGO_TARGET_TMPDIR"))
}
