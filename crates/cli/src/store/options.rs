//! What `lwa store` can be asked for.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use lwa_core::Timestamp;
use lwa_core::application::{Role, SellerId};
use lwa_core::store::Extent;
use lwa_core::store::plan::is_key;

use crate::failure::Failure;
use crate::target::TargetOptions;

/// Put an application's credentials into the vault, the right way
///
/// Encrypts them under a customer key, and gives the client secret its reminders and its dates as
/// tags; in Secrets Manager they form one JSON document. Shows what it is going to write, and asks
/// LWA for a token first, so that a mistyped value is not stored.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Values are typed at a prompt that does not show them, or come from standard
input or a file; never from the command line, where every process could read
them. To give all of them at once, write a JSON document with the keys of
Amazon's own sample:
  {\"AppClientId\": …, \"AppClientSecret\": …, \"refreshToken\": …,
   \"sellers\": {\"A2EXAMPLE\": …}}
Values that are not given stay as they are, and are brought up to standard. If a
run is interrupted, the same command continues from there.

Examples:
  lwa store --application my-erp
      a new application: asks for its values
  lwa store --application my-erp --only client-secret
      a new secret, after a rotation by hand
  lwa store --application my-erp --seller A2EXAMPLE
      the refresh token of one more seller
  lwa store --application my-erp --keep --key alias/lwa/credentials
      no new values: key, type, tier, reminders and tags as they should be
  lwa store --application my-erp --keep --expires-at 2027-05-20
      the day on which the stored secret stops working, if you know it
  lwa store --application my-erp --from credentials.json --dry-run
      what would be written
  pass show my-erp | lwa store --application my-erp --only client-secret --yes
      from a password manager

Exit code: 0 everything is stored, 1 not, 2 wrong usage.")]
pub(crate) struct StoreOptions {
    /// The application; needed only where several are configured
    #[arg(long, short, value_name = "NAME")]
    pub(super) application: Option<String>,

    /// Store this one value, given as plain text
    #[arg(long, value_name = "VALUE", conflicts_with = "keep")]
    pub(super) only: Option<OneValue>,

    /// Store the refresh token of this seller, given as plain text
    #[arg(long, value_name = "ID", conflicts_with = "keep")]
    pub(super) seller: Option<String>,

    /// Take no new values; bring the stored ones up to standard
    #[arg(long)]
    pub(super) keep: bool,

    /// Read values from FILE; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "keep")]
    pub(super) from: Option<PathBuf>,

    /// When the client secret stops working; for a new one 180 days from now by default
    #[arg(long, value_name = "DATE", value_parser = day_or_instant)]
    pub(super) expires_at: Option<Timestamp>,

    /// The KMS key to encrypt with; by default the one in use, or alias/lwa/credentials
    #[arg(long, value_name = "KEY")]
    pub(super) key: Option<String>,

    /// Do not ask LWA for a token first
    #[arg(long)]
    pub(super) no_verify: bool,

    /// Show what would be written, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(super) yes: bool,

    /// Print a JSON object instead of text
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) target: TargetOptions,
}

/// One value out of an application's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OneValue {
    ClientId,
    ClientSecret,
    RefreshToken,
}

impl StoreOptions {
    /// Which credentials the command may write.
    pub(super) fn extent(&self) -> Result<Extent, Failure> {
        let usage = |problem: &str| Err(Failure::Usage(problem.to_owned()));
        let seller = self.seller.as_deref().map(SellerId::parse).transpose();
        // What cannot be a seller id may be a token, so it is not repeated.
        let Ok(seller) = seller else {
            return usage("the value of `--seller` is not a seller id: letters and digits");
        };
        let role = match (self.only, seller) {
            (None, None) => None,
            (Some(OneValue::ClientId), None) => Some(Role::ClientId),
            (Some(OneValue::ClientSecret), None) => Some(Role::ClientSecret),
            (Some(OneValue::RefreshToken) | None, seller) => Some(Role::RefreshToken { seller }),
            (Some(_), Some(_)) => {
                return usage("a seller has a refresh token and nothing else: leave out `--only`");
            }
        };
        let has_secret = matches!(role, None | Some(Role::ClientSecret));
        if self.expires_at.is_some() && !has_secret {
            return usage(
                "`--expires-at` is the end of a client secret, and this command stores none",
            );
        }
        Ok(match role {
            None => Extent::Application,
            Some(role) => Extent::Only([role].into()),
        })
    }

    /// The key that was asked for, if it can be used.
    pub(super) fn key(&self) -> Result<Option<String>, Failure> {
        if self.key.as_deref().is_none_or(is_key) {
            return Ok(self.key.clone());
        }
        Err(Failure::Usage(
            "the value of `--key` names no customer key\n\n  tip: a KMS key's id or ARN, or an \
             alias such as alias/lwa/credentials; AWS-managed keys (alias/aws/…) let everyone \
             decrypt who may read"
                .to_owned(),
        ))
    }
}

/// A day means its first instant, so that a secret is not relied on for longer than it works.
fn day_or_instant(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .or_else(|_| format!("{text}T00:00:00Z").parse())
        .map_err(|_| "write a day like 2027-05-20, or an instant like 2027-05-20T08:00:00Z".into())
}
