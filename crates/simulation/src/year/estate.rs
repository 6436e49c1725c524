//! Before the first day: the applications, with secrets of any age.

use jiff::Timestamp;
use lwa_core::application::{ApplicationName, Layout, Role};
use lwa_core::deadline::{SECRET_LIFETIME_DAYS, tag};
use lwa_local::lwa::{ClientSecret, Consent, OAuthClient};

use super::Year;
use crate::platform::PREFIX;
use crate::story::Kind;
use crate::time::{DAY, HOUR, START, date, instant};

/// One application as Amazon and its people know it.
pub(super) struct Application {
    pub(super) name: ApplicationName,
    pub(super) secret: String,
    pub(super) client_id: String,
    pub(super) sellers: Vec<String>,
    /// Every client secret that Amazon ever made for it.
    pub(super) issued: Vec<Issued>,
    /// Which of them the vault holds.
    pub(super) stored: usize,
    /// Whether somebody did what no system can mend, until the vault holds the newest secret.
    pub(super) is_unmendable: bool,
    /// Until when services may hold tokens from before it was mended, which live for an hour.
    pub(super) excused_until: i64,
    /// Whether somebody stored a value and left the tags as they were.
    pub(super) is_mistagged: bool,
}

pub(super) struct Issued {
    pub(super) value: String,
    pub(super) at: i64,
    pub(super) expires_at: i64,
    /// Whether its message is sure to reach the queue.
    pub(super) is_posted: bool,
}

impl Year {
    /// An application with a secret of any age, stored with more or less care.
    pub(super) fn found(&mut self, number: usize) {
        let root = format!("{PREFIX}/app-{number:02}");
        let Ok(name) = ApplicationName::parse(&root) else {
            return;
        };
        let layout = layout();
        let client_id = format!("amzn1.application-oa2-client.{number:04}");
        let value = format!("amzn1.oa2-cs.v1.local-{number:04}-0000");
        let issued_at = START - self.rng.i64(2 * HOUR..170 * DAY);
        let expires_at = issued_at + i64::from(SECRET_LIFETIME_DAYS) * DAY;
        let secret = layout.parameter(&name, &Role::ClientSecret);
        let written = instant(issued_at + HOUR);
        self.world.put_parameter(
            &layout.parameter(&name, &Role::ClientId),
            &client_id,
            written,
        );
        self.world.put_parameter(&secret, &value, written);
        let mut client = OAuthClient::default();
        let mut first = ClientSecret::new(&value, Timestamp::MIN);
        first.works_until = Some(instant(expires_at));
        first.lwa_looks_away = self.rng.bool();
        client.secrets.push(first);
        let mut sellers = Vec::new();
        for seller in 0..=self.settings.sellers {
            let token = format!("Atzr|planted-{number:04}-{seller:02}");
            let role = if seller == 0 {
                Role::RefreshToken { seller: None }
            } else {
                let id = format!("A{seller:02}");
                sellers.push(id.clone());
                Role::RefreshToken {
                    seller: lwa_core::application::SellerId::parse(&id).ok(),
                }
            };
            self.world
                .put_parameter(&layout.parameter(&name, &role), &token, written);
            client.refresh_tokens.insert(token, Consent::Given);
        }
        {
            let mut state = self.world.state();
            state.lwa.applications.insert(client_id.clone(), client);
            if let Some(parameter) = state.parameters.get_mut(&secret) {
                let care = self.rng.u8(..10);
                if care < 8 {
                    let at = instant(issued_at).to_string();
                    parameter.tags.insert(tag::SECRET_ISSUED_AT.into(), at);
                }
                if care < 7 {
                    let at = instant(expires_at).to_string();
                    parameter.tags.insert(tag::SECRET_EXPIRES_AT.into(), at);
                }
            }
        }
        self.by_client.insert(client_id.clone(), number);
        self.by_name.insert(name.to_string(), number);
        self.by_secret.insert(secret.clone(), number);
        self.applications.push(Application {
            name,
            secret,
            client_id,
            sellers,
            issued: vec![Issued {
                value,
                at: issued_at,
                expires_at,
                is_posted: true,
            }],
            stored: 0,
            is_unmendable: false,
            excused_until: 0,
            is_mistagged: false,
        });
        self.tell_until(Some(number), Kind::Stored, Some(expires_at), || {
            format!("begins with a secret that works until {}", date(expires_at))
        });
        self.announce(number, 0);
        self.arm_policies(number, issued_at + HOUR);
    }
}

fn layout() -> Layout {
    Layout {
        prefixes: vec![PREFIX.to_owned()],
        client_id_leaf: "lwa/clientidentifier".into(),
        client_secret_leaf: "lwa/clientsecret".into(),
        refresh_token_leaf: "refreshToken".into(),
    }
}
