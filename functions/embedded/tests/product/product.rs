//! The built program, on a folder of its own and free ports.

use testkit::app::client;
use testkit::product::Folder;

pub(crate) fn new_folder() -> Folder {
    let program = env!("CARGO_BIN_EXE_user-buy-list");
    Folder::new(program, env!("CARGO_TARGET_TMPDIR"))
}

/// The status of a GET.
pub(crate) async fn status(url: String) -> u16 {
    client().get(url).send().await.unwrap().status().as_u16()
}
