//! Where values come from: a hidden prompt, standard input, or a file.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use anyhow::Context;
use lwa_core::SecretString;
use lwa_core::application::Role;
use lwa_core::store::input::{MAX_INPUT, document, value};
use lwa_core::store::{Extent, Order};
use lwa_core::text::capital;
use lwa_core::vault::CredentialValues;
use secrecy::zeroize::Zeroizing;

use super::options::StoreOptions;
use crate::failure::Failure;
use crate::hidden::Hidden;
use crate::permissions::may_be_read;
use crate::terminal::warn;

/// Everything that was given; empty with `--keep`.
pub(super) fn read(options: &StoreOptions, order: &Order) -> Result<CredentialValues, Failure> {
    if options.keep {
        return Ok(CredentialValues::new());
    }
    let role = match &order.extent {
        Extent::Application => None,
        Extent::Only(roles) => roles.first(),
    };
    let file = options.from.as_deref();
    if file.is_none() && io::stdin().is_terminal() {
        return ask(order, role);
    }
    let (text, source) = match file {
        Some(file) if file != Path::new("-") => {
            let opened = File::open(file).and_then(|opened| {
                if may_be_read(&opened)? {
                    let name = file.display();
                    warn(&format!(
                        "other users may read `{name}`, which holds credentials; `chmod 600 {name}`"
                    ));
                }
                bounded(opened)
            });
            (opened, format!("`{}`", file.display()))
        }
        _ => (bounded(io::stdin().lock()), "standard input".to_owned()),
    };
    let text = text.with_context(|| format!("nothing was stored: {source} cannot be read"))?;
    let read = match role {
        None => document(&text),
        Some(role) => value(role, &text).map(|value| [(role.clone(), value)].into()),
    };
    Ok(read.with_context(|| format!("nothing was stored: {source} cannot be used"))?)
}

/// The whole of an input, in memory that is wiped.
fn bounded(source: impl Read) -> io::Result<SecretString> {
    let invalid = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
    // Never grows, because growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_INPUT + 64));
    let limit = u64::try_from(MAX_INPUT + 1).unwrap_or(u64::MAX);
    source.take(limit).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_INPUT {
        return Err(invalid(format!("it is longer than {MAX_INPUT} bytes")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| invalid("it is not UTF-8".to_owned()))?;
    Ok(text.into())
}

/// Asks a person, who does not see what is typed.
fn ask(order: &Order, role: Option<&Role>) -> Result<CredentialValues, Failure> {
    let (roles, hint) = match role {
        Some(role) => (std::slice::from_ref(role), "not shown"),
        None => (&Role::OWN[..], "not shown; Enter leaves it as it is"),
    };
    let mut credentials = CredentialValues::new();
    let unanswered = "nothing was stored: nothing was typed";
    let terminal = Hidden::new().context(unanswered)?;
    for role_asked in roles {
        let question = format!("{role_asked} of {} ({hint}): ", order.application);
        let typed = terminal.ask(&capital(&question)).context(unanswered)?;
        if role.is_some() || !typed.trim().is_empty() {
            let typed = value(role_asked, &SecretString::from(typed.as_str()))
                .context("nothing was stored: what was typed cannot be used")?;
            credentials.insert(role_asked.clone(), typed);
        }
    }
    Ok(credentials)
}
