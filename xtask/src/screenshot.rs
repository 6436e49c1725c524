//! The pictures in the README, drawn from the command's real output.

use std::process::Command;

use anstyle_lossy::palette::WIN10_CONSOLE;
use anstyle_svg::Term;
use anyhow::{Context, Result, bail};

use crate::tree;

/// Each picture, and what `lwa` is told in it.
const PICTURES: [(&str, &[&str]); 2] = [
    (
        "docs/replay.svg",
        &[
            "replay",
            "events/parameter-store/client-secret-unchanged-150-days",
        ],
    ),
    (
        "docs/simulate.svg",
        &["simulate", "--applications", "8", "--seed", "7"],
    ),
];

/// As wide as the terminal is.
const COLUMNS: usize = 80;

/// Draw the pictures again, with the command as it was built last.
pub(crate) fn draw() -> Result<()> {
    for (file, arguments) in PICTURES {
        let file = tree::root().join(file);
        std::fs::write(&file, picture(arguments)?)
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    Ok(())
}

/// Fail if a picture is not what would be drawn now.
pub(crate) fn check() -> Result<()> {
    for (file, arguments) in PICTURES {
        let file = tree::root().join(file);
        let drawn = std::fs::read_to_string(&file)
            .with_context(|| format!("{} cannot be read", file.display()))?;
        if drawn != picture(arguments)? {
            bail!(
                "{} is not what the command prints; `cargo xtask screenshot` draws it again",
                file.display()
            );
        }
    }
    Ok(())
}

fn picture(arguments: &[&str]) -> Result<String> {
    let typed = format!("lwa {}", arguments.join(" "));
    // Cargo puts all binaries of the workspace into one folder.
    let xtask = std::env::current_exe().context("this program does not know where it is")?;
    let output = Command::new(xtask.with_file_name("lwa"))
        .args(arguments)
        .current_dir(tree::root())
        .env_remove("NO_COLOR")
        .env("CLICOLOR_FORCE", "1")
        .output()
        .context("`lwa` cannot be started")?;
    if !output.status.success() {
        bail!("`{typed}` failed: {}", output.status);
    }
    let printed = String::from_utf8(output.stdout).context("`lwa` printed what is no text")?;
    let screen = format!("$ {typed}\n{printed}");
    // Its yellow can be read on black, where that of the default palette is brown.
    Ok(Term::new()
        .palette(WIN10_CONSOLE)
        .render_svg(&wrap(screen.trim_end())))
}

/// Breaks lines where a terminal does. The escape sequences in them take no room.
fn wrap(text: &str) -> String {
    let mut wrapped = String::new();
    let (mut column, mut escaped) = (0, false);
    for character in text.chars() {
        match character {
            '\n' => column = 0,
            '\x1b' => escaped = true,
            end if escaped => escaped = end != 'm',
            _ => {
                if column == COLUMNS {
                    wrapped.push('\n');
                    column = 0;
                }
                column += 1;
            }
        }
        wrapped.push(character);
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::{COLUMNS, wrap};

    #[test]
    fn a_line_is_broken_where_a_terminal_breaks_it_and_colour_takes_no_room() {
        let full = "x".repeat(COLUMNS);
        assert_eq!(wrap(&format!("{full}\nab")), format!("{full}\nab"));
        assert_eq!(wrap(&format!("{full}ab")), format!("{full}\nab"));
        let red = format!("\x1b[31m{full}\x1b[0m\nab");
        assert_eq!(wrap(&red), red);
    }
}
