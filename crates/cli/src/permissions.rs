//! Who else on this machine may read or change a file.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lwa_core::text::quotable;

const GROUP_OR_OTHERS_MAY_WRITE: u32 = 0o022;
const GROUP_OR_OTHERS_MAY_READ: u32 = 0o044;
const OTHERS_MAY_WRITE: u32 = 0o002;

/// Only the owner of a file may replace it in a folder that has this bit, as `/tmp` has.
const STICKY: u32 = 0o1000;

/// How another user may change what a file says, and what to do about it; none if none may. The
/// group of a folder counts as its administrators.
pub(crate) fn may_be_changed(file: &Path, opened: &File) -> io::Result<Option<[String; 2]>> {
    let metadata = opened.metadata()?;
    if !metadata.is_file() {
        // A pipe is nobody else's.
        return Ok(None);
    }
    if mode(&metadata) & GROUP_OR_OTHERS_MAY_WRITE != 0 {
        let name = shown(file);
        let tip = format!("`chmod go-w {name}`");
        return Ok(Some(["may be changed by other users".to_owned(), tip]));
    }
    // A link may be replaced as well as what it leads to.
    let paths = [std::path::absolute(file)?, file.canonicalize()?];
    for folder in paths.iter().flat_map(|path| path.ancestors().skip(1)) {
        let mode = mode(&folder.metadata()?);
        if mode & OTHERS_MAY_WRITE != 0 && mode & STICKY == 0 {
            let name = shown(folder);
            let problem = format!("may be replaced by other users, who may change `{name}`");
            return Ok(Some([problem, format!("`chmod o-w {name}`")]));
        }
    }
    Ok(None)
}

/// Whether another user may read a file. Pipes and terminals are not looked at.
pub(crate) fn may_be_read(opened: &File) -> io::Result<bool> {
    let metadata = opened.metadata()?;
    Ok(metadata.is_file() && mode(&metadata) & GROUP_OR_OTHERS_MAY_READ != 0)
}

fn mode(metadata: &Metadata) -> u32 {
    metadata.permissions().mode()
}

fn shown(path: &Path) -> String {
    quotable(&path.display().to_string())
}
