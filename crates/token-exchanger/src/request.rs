//! What a caller asks for.

use lwa_core::application::{ApplicationName, Layout, SellerId};
use lwa_core::exchange::{Shape, Subject, TokenKey};
use lwa_core::lwa::{Scope, safe_words};
use serde_json::{Map, Value};

use crate::error::ExchangerError;

/// The fields of a request, all of them optional.
pub const FIELDS: [&str; 6] = [
    "application",
    "seller",
    "grant",
    "scope",
    "force_refresh",
    "action",
];

/// A request that makes sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// What the token is for.
    pub(crate) key: TokenKey,
    /// What to do with it.
    pub(crate) action: Action,
    /// Whether a kept token will not do.
    pub(crate) force_refresh: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Hand the token out.
    Token,
    /// Try it on SP-API and tell what came of it.
    Check,
}

impl Request {
    /// Understands an event. A scheduled EventBridge event without an input of its own is a
    /// check; everything else is a request, and must have nothing in it that is none.
    pub(crate) fn parse(event: &Value, layout: &Layout) -> Result<Self, ExchangerError> {
        let no_fields = Map::new();
        let fields = match event {
            Value::Null => &no_fields,
            Value::Object(fields) => fields,
            other => {
                return Err(invalid(format!(
                    "the request must be a JSON object, not {}",
                    kind(other)
                )));
            }
        };
        let (fields, action) = match envelope(fields)? {
            Some(action) => (&no_fields, action),
            None => (fields, action(fields)?),
        };
        if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
            return Err(invalid(format!(
                "the request has an unknown field `{}`; allowed are {}",
                safe_words(unknown),
                FIELDS.map(|name| format!("`{name}`")).join(", ")
            )));
        }
        let application = application(fields, layout)?;
        let subject = subject(fields, action)?;
        Ok(Self {
            key: TokenKey {
                application,
                subject,
            },
            action,
            force_refresh: flag(fields, "force_refresh")?,
        })
    }
}

/// What an EventBridge event asks for; none when it is not one.
fn envelope(fields: &Map<String, Value>) -> Result<Option<Action>, ExchangerError> {
    let (Some(_), Some(source)) = (fields.get("detail-type"), fields.get("source")) else {
        return Ok(None);
    };
    match source.as_str() {
        Some("aws.events" | "aws.scheduler") => Ok(Some(Action::Check)),
        _ => Err(invalid(
            "this is an EventBridge event that is no schedule's; give the rule a constant input \
             such as `{\"action\":\"check\"}`",
        )),
    }
}

fn action(fields: &Map<String, Value>) -> Result<Action, ExchangerError> {
    match text(fields, "action")? {
        None | Some("token") => Ok(Action::Token),
        Some("check") => Ok(Action::Check),
        Some(other) => Err(not_allowed("action", other, "`token` or `check`")),
    }
}

fn application(
    fields: &Map<String, Value>,
    layout: &Layout,
) -> Result<ApplicationName, ExchangerError> {
    let configured = || layout.prefixes.join(", ");
    let Some(name) = text(fields, "application")? else {
        return match layout.prefixes.as_slice() {
            [only] => ApplicationName::parse(only).map_err(|error| invalid(error.to_string())),
            _ => Err(invalid(format!(
                "several applications are configured, so `application` must name one; \
                 LWA_PARAMETER_PREFIX has {}",
                configured()
            ))),
        };
    };
    let name =
        ApplicationName::parse(name).map_err(|error| invalid(safe_words(&error.to_string())))?;
    if layout.contains(&name.root()) {
        Ok(name)
    } else {
        Err(invalid(format!(
            "application `{}` is not at or below a configured prefix; LWA_PARAMETER_PREFIX has {}",
            safe_words(name.as_str()),
            configured()
        )))
    }
}

fn subject(fields: &Map<String, Value>, action: Action) -> Result<Subject, ExchangerError> {
    let seller = text(fields, "seller")?
        .map(SellerId::parse)
        .transpose()
        .map_err(|error| invalid(safe_words(&error.to_string())))?;
    let scope = text(fields, "scope")?
        .map(Scope::parse)
        .transpose()
        .map_err(|error| invalid(safe_words(&error.to_string())))?;
    let grantless = match text(fields, "grant")? {
        Some("refresh_token") => false,
        Some("client_credentials") => true,
        Some(other) => {
            let allowed = "`refresh_token` or `client_credentials`";
            return Err(not_allowed("grant", other, allowed));
        }
        // What else is given tells which one is meant; a check of nobody's token is a check of
        // the client secret alone.
        None => seller.is_none() && (scope.is_some() || action == Action::Check),
    };
    match (grantless, seller, scope) {
        (true, Some(_), _) => Err(invalid(
            "`seller` and the grant `client_credentials` exclude each other: a grantless token \
             belongs to no seller",
        )),
        (false, _, Some(_)) => Err(invalid(
            "`scope` and the grant `refresh_token` exclude each other: a seller's token has the \
             scope that the seller consented to",
        )),
        (true, None, scope) if action == Action::Check => {
            let scope = scope.unwrap_or(Scope::NOTIFICATIONS);
            if scope.includes(&Scope::NOTIFICATIONS) {
                Ok(Subject::Grantless(scope))
            } else {
                Err(invalid(format!(
                    "a grantless check needs the scope `{}`, because that is what it calls \
                     SP-API with",
                    Scope::NOTIFICATIONS
                )))
            }
        }
        (true, None, Some(scope)) => Ok(Subject::Grantless(scope)),
        (true, None, None) => Err(invalid(format!(
            "the grant `client_credentials` needs a `scope`; Amazon documents {}",
            Scope::KNOWN.map(|scope| format!("`{scope}`")).join(", ")
        ))),
        (false, Some(seller), None) => Ok(Subject::Seller(seller)),
        (false, None, None) => Ok(Subject::OwnAccount),
    }
}

/// A text field; one that is null counts as left out.
fn text<'a>(
    fields: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, ExchangerError> {
    let text = match fields.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.as_str(),
        Some(other) => {
            return Err(invalid(format!(
                "`{name}` must be a string, not {}",
                kind(other)
            )));
        }
    };
    // Callers never hold credentials; one that sends them should hear of it, and not read them
    // in an error message.
    match Shape::of(text) {
        Some(shape) => Err(invalid(format!(
            "`{name}` looks like {}; credentials are read from the vault and never sent",
            shape.as_str()
        ))),
        None => Ok(Some(text)),
    }
}

fn flag(fields: &Map<String, Value>, name: &'static str) -> Result<bool, ExchangerError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(other) => Err(invalid(format!(
            "`{name}` must be `true` or `false`, not {}",
            kind(other)
        ))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn not_allowed(name: &str, found: &str, allowed: &str) -> ExchangerError {
    invalid(format!(
        "`{name}` is `{}`; allowed are {allowed}",
        safe_words(found)
    ))
}

fn invalid(message: impl Into<String>) -> ExchangerError {
    ExchangerError::invalid_request(message)
}

#[cfg(test)]
mod tests {
    use lwa_core::config::Lookup;
    use serde_json::json;

    use super::*;

    fn parse(event: &Value, prefixes: &str) -> Result<Request, String> {
        let layout =
            Lookup::new(|name| (name == "LWA_PARAMETER_PREFIX").then(|| prefixes.to_owned()))
                .layout()
                .unwrap();
        Request::parse(event, &layout).map_err(|error| error.to_string())
    }

    fn subject(event: &Value) -> Subject {
        parse(event, "/my-erp").unwrap().key.subject
    }

    fn refused(event: &Value, start: &str) {
        let error = parse(event, "/my-erp").unwrap_err();
        assert!(error.starts_with(start), "{event} gave: {error}");
    }

    fn seller(id: &str) -> Subject {
        Subject::Seller(SellerId::parse(id).unwrap())
    }

    #[test]
    fn an_empty_request_is_for_the_own_account_of_the_only_application() {
        for event in [
            json!({}),
            Value::Null,
            json!({"seller": null, "force_refresh": null}),
        ] {
            let request = parse(&event, "/my-erp").unwrap();
            assert_eq!(request.key.application.as_str(), "my-erp");
            assert_eq!(request.key.subject, Subject::OwnAccount);
            assert_eq!(
                (request.action, request.force_refresh),
                (Action::Token, false)
            );
        }
    }

    #[test]
    fn what_is_given_tells_which_grant_is_meant() {
        let notifications = || Subject::Grantless(Scope::NOTIFICATIONS);
        let scope = "sellingpartnerapi::notifications";
        assert_eq!(subject(&json!({"seller": "A1"})), seller("A1"));
        assert_eq!(
            subject(&json!({"seller": "A1", "grant": "refresh_token"})),
            seller("A1")
        );
        assert_eq!(subject(&json!({"scope": scope})), notifications());
        let event = json!({"scope": scope, "grant": "client_credentials", "force_refresh": true});
        assert_eq!(subject(&event), notifications());
        assert!(parse(&event, "/my-erp").unwrap().force_refresh);
    }

    #[test]
    fn a_check_without_a_seller_is_a_check_of_the_secret_alone() {
        let notifications = Subject::Grantless(Scope::NOTIFICATIONS);
        assert_eq!(subject(&json!({"action": "check"})), notifications);
        assert_eq!(
            subject(&json!({"action": "check", "seller": "A1"})),
            seller("A1")
        );
        let own = json!({"action": "check", "grant": "refresh_token"});
        assert_eq!(subject(&own), Subject::OwnAccount);
        refused(
            &json!({"action": "check", "scope": "sellingpartnerapi::migration"}),
            "a grantless check needs the scope `sellingpartnerapi::notifications`",
        );
    }

    #[test]
    fn a_schedules_event_without_an_input_of_its_own_is_a_check() {
        for source in ["aws.events", "aws.scheduler"] {
            let event = json!({"version": "0", "id": "1", "detail-type": "Scheduled Event",
                "source": source, "account": "111122223333", "time": "2026-01-01T00:00:00Z",
                "region": "eu-west-1", "resources": [], "detail": {}});
            assert_eq!(parse(&event, "/my-erp").unwrap().action, Action::Check);
        }
        refused(
            &json!({"detail-type": "Parameter Store Change", "source": "aws.ssm", "detail": {}}),
            "this is an EventBridge event that is no schedule's",
        );
    }

    #[test]
    fn an_application_must_be_named_when_there_are_several() {
        let error = parse(&json!({}), "/my-erp,/shop").unwrap_err();
        assert!(
            error.contains("LWA_PARAMETER_PREFIX has /my-erp, /shop"),
            "{error}"
        );
        let request = parse(&json!({"application": "/shop/eu"}), "/my-erp,/shop").unwrap();
        assert_eq!(request.key.application.as_str(), "shop/eu");
        refused(
            &json!({"application": "my-erp2"}),
            "application `my-erp2` is not at or below",
        );
        refused(
            &json!({"application": "a b"}),
            "`a b` is no application name",
        );
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_is_allowed() {
        refused(
            &json!([]),
            "the request must be a JSON object, not an array",
        );
        refused(
            &json!({"sellr": "A1"}),
            "the request has an unknown field `sellr`; allowed are `app",
        );
        refused(
            &json!({"seller": 7}),
            "`seller` must be a string, not a number",
        );
        refused(&json!({"seller": "a/b"}), "`a/b` is no seller id");
        refused(
            &json!({"grant": "password"}),
            "`grant` is `password`; allowed are `refresh_token`",
        );
        refused(
            &json!({"action": "delete"}),
            "`action` is `delete`; allowed are `token` or",
        );
        refused(
            &json!({"force_refresh": "yes"}),
            "`force_refresh` must be `true` or `false`, not",
        );
        refused(
            &json!({"grant": "client_credentials"}),
            "the grant `client_credentials` needs a",
        );
        refused(
            &json!({"grant": "client_credentials", "seller": "A1"}),
            "`seller` and the grant",
        );
        refused(
            &json!({"seller": "A1", "scope": "x"}),
            "`scope` and the grant `refresh_token`",
        );
        refused(&json!({"scope": "a\"b"}), "`a\"b` is no scope");
    }

    #[test]
    fn a_credential_in_a_request_is_named_and_never_quoted() {
        for name in FIELDS {
            for planted in ["Atzr|planted-token", "amzn1.oa2-cs.v1.planted"] {
                let error = parse(&json!({name: planted}), "/my-erp").unwrap_err();
                assert!(!error.contains("planted"), "{error}");
                let error = parse(&json!({planted: name}), "/my-erp").unwrap_err();
                assert!(!error.contains("planted"), "{error}");
            }
        }
        refused(
            &json!({"seller": "Atzr|x"}),
            "`seller` looks like a refresh token; credentials are read from the vault",
        );
    }
}
