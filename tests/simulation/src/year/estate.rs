//! Before the first day: the applications, with secrets of any age.

use jiff::Timestamp;
use lwa_core::application::{ApplicationName, SellerId};
use lwa_core::deadline::SECRET_LIFETIME_DAYS;
use lwa_core::tags;
use lwa_local::lwa::{ClientSecret, Consent, OAuthClient};

use super::application::{Application, Issued};
use super::state::Year;
use crate::platform::PREFIX;
use crate::story::Kind;
use crate::time::{DAY, HOUR, START, date, instant};
use crate::vault_fixture::Contents;

impl Year {
    /// An application with a secret of any age, stored with more or less care.
    pub(super) fn create(&mut self, number: usize) {
        let root = format!("{PREFIX}/app-{number:02}");
        let Ok(name) = ApplicationName::parse(&root) else {
            return;
        };
        let client_id = format!("amzn1.application-oa2-client.{number:04}");
        let value = format!("amzn1.oa2-cs.v1.local-{number:04}-0000");
        let issued_at = START - self.rng.i64(2 * HOUR..170 * DAY);
        let expires_at = issued_at + i64::from(SECRET_LIFETIME_DAYS) * DAY;
        let written = instant(issued_at + HOUR);
        let mut client = OAuthClient::default();
        let mut first = ClientSecret::new(&value, Timestamp::MIN);
        first.works_until = Some(instant(expires_at));
        first.lwa_looks_away = self.rng.bool();
        client.secrets.push(first);
        let token = |seller: usize| format!("Atzr|planted-{number:04}-{seller:02}");
        let sellers: Vec<_> = (1..=self.settings.sellers)
            .filter_map(|seller| {
                let id = SellerId::parse(&format!("A{seller:02}")).ok()?;
                Some((id, token(seller)))
            })
            .collect();
        for seller in 0..=self.settings.sellers {
            client.refresh_tokens.insert(token(seller), Consent::Given);
        }
        let contents = Contents {
            client_id: client_id.clone(),
            client_secret: value.clone(),
            refresh_token: token(0),
            sellers,
        };
        self.vault.create(&name, &contents, written);
        self.world
            .state()
            .lwa
            .applications
            .insert(client_id.clone(), client);
        let care = self.rng.u8(..10);
        self.vault.tags(&name, |tags| {
            if care < 8 {
                let at = instant(issued_at).to_string();
                tags.insert(tags::SECRET_ISSUED_AT.into(), at);
            }
            if care < 7 {
                let at = instant(expires_at).to_string();
                tags.insert(tags::SECRET_EXPIRES_AT.into(), at);
            }
        });
        self.by_client.insert(client_id.clone(), number);
        self.by_name.insert(name.to_string(), number);
        self.applications.push(Application {
            name,
            client_id,
            sellers: contents.sellers.into_iter().map(|(id, _)| id).collect(),
            issued: vec![Issued {
                value,
                at: issued_at,
                expires_at,
                is_posted: true,
            }],
            stored: 0,
            is_irreparable: false,
            is_asked_again: false,
            put_back_from: None,
            excused_until: 0,
        });
        self.record_until(Some(number), Kind::Stored, Some(expires_at), || {
            format!("begins with a secret that works until {}", date(expires_at))
        });
        self.announce(number, 0);
        self.arm_policies(number, issued_at + HOUR);
    }
}
