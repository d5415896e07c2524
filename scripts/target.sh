# shellcheck shell=bash
# target_folder: where cargo builds to, for the workspace of the current folder.
target_folder() { cargo metadata --locked --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'; }
