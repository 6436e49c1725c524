//! A search for planted secrets in the memory of a running process. Linux only: it reads
//! `/proc/PID/maps` and `/proc/PID/mem`, which the same user may.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// How much is read at a time.
const PIECE: usize = 1024 * 1024;

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// Its address.
    pub address: u64,
    /// What the system calls the region, such as `[heap]`; empty if it has no name.
    pub region: String,
    /// What stands around it, with a dot for each byte that is no text: it tells what the copy
    /// belongs to.
    pub context: String,
}

/// Every copy of a value in the memory that a process can write to, which is where values get to
/// that are not part of its program.
pub fn copies(process: u32, value: &str) -> io::Result<Vec<Copy>> {
    let folder = PathBuf::from(format!("/proc/{process}"));
    let maps = std::fs::read_to_string(folder.join("maps"))?;
    let memory = File::open(folder.join("mem"))?;
    let mut found = Vec::new();
    for (start, end, region) in maps.lines().filter_map(writable) {
        let mut at = start;
        while at < end {
            // Pieces overlap, so that a value on the border of two is found, once.
            let length = (PIECE + value.len() - 1).min(usize::try_from(end - at).unwrap_or(PIECE));
            let mut bytes = vec![0; length];
            // A region may be gone by now, or have pages that nobody can read.
            let Ok(length) = memory.read_at(&mut bytes, at) else {
                break;
            };
            bytes.truncate(length);
            for offset in occurrences(&bytes, value.as_bytes()) {
                found.push(Copy {
                    address: at + offset as u64,
                    region: region.to_owned(),
                    context: context(&bytes, offset, value.len()),
                });
            }
            at += PIECE as u64;
        }
    }
    Ok(found)
}

/// The range and the name of a region that can be read and written.
fn writable(line: &str) -> Option<(u64, u64, &str)> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    if !words.next()?.starts_with("rw") {
        return None;
    }
    let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
    // Offset, device and inode stand before the name.
    let region = words.nth(3).unwrap_or_default();
    Some((hexadecimal(start)?, hexadecimal(end)?, region))
}

fn occurrences(bytes: &[u8], value: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(value.len()).enumerate();
    let matching = windows.filter(|(_, window)| *window == value);
    matching.map(|(offset, _)| offset).collect()
}

fn context(bytes: &[u8], offset: usize, length: usize) -> String {
    let (from, to) = (offset.saturating_sub(48), offset + length + 16);
    let visible = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte),
        _ => '.',
    };
    bytes[from..to.min(bytes.len())]
        .iter()
        .map(visible)
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Another process, because a search copies what it searches.
    #[test]
    fn a_value_is_found_in_the_process_that_holds_it_and_no_other_value_is() {
        let value = "planted-for-the-search";
        let mut holder = Command::new("cat")
            .env("PLANTED", value)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let found = copies(holder.id(), value).unwrap();
        let other = copies(holder.id(), "planted-for-no-search").unwrap();
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert!(!found.is_empty());
        assert!(found[0].context.contains("PLANTED="), "{found:?}");
        assert!(other.is_empty(), "{other:?}");
    }
}
