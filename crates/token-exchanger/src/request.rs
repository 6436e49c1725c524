//! What a caller asks for.

use lwa_core::application::{ApplicationName, Layout, SellerId};
use lwa_core::consumers::Access;
use lwa_core::event;
use lwa_core::exchange::{Shape, Subject, TokenKey};
use lwa_core::lwa::{Scope, safe_words};
use lwa_core::redaction::holds_credential;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::{ErrorKind, ExchangerError};

type Fields = Map<String, Value>;

/// The fields of a request, all of them optional.
pub const FIELDS: [&str; 6] = [
    "application",
    "seller",
    "grant",
    "scope",
    "force_refresh",
    "action",
];

/// A valid request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// What the token is for.
    pub(crate) key: TokenKey,
    /// What to do with it.
    pub(crate) action: Action,
    /// Whether to obtain a new token even if a kept one is still fresh.
    pub(crate) force_refresh: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Return the token.
    Token,
    /// Try it on SP-API and report the result.
    Check,
}

impl Request {
    /// Parses an event. A scheduled EventBridge event without an input of its own is a check;
    /// everything else is a request and must not have unknown fields.
    pub(crate) fn parse(
        event: &Value,
        layout: &Layout,
        access: Access<'_>,
    ) -> Result<Self, ExchangerError> {
        // The refused event is not repeated: it may be a credential on its own.
        let mut fields = match event {
            Value::Null => Fields::new(),
            Value::Object(fields) => fields.clone(),
            other => {
                return Err(invalid(format!(
                    "the request must be a JSON object, not {}",
                    kind(other)
                )));
            }
        };
        if is_schedule(&fields)? {
            fields = Fields::from_iter([("action".to_owned(), Value::from("check"))]);
        }
        if ["requestContext", "httpMethod"]
            .iter()
            .any(|name| fields.contains_key(*name))
        {
            return Err(invalid(
                "this is the event of an HTTP request, of a function URL or of API Gateway; \
                 invoke the function directly, with nothing but the request as its payload",
            ));
        }
        for (name, value) in &fields {
            if !FIELDS.contains(&name.as_str()) {
                return Err(invalid(format!(
                    "the request has an unknown field `{}`; allowed are {}",
                    safe_words(name),
                    FIELDS.map(|name| format!("`{name}`")).join(", ")
                )));
            }
            // Callers never hold credentials; one that sends a credential must be told, without
            // the value in the error message.
            if let Some(shape) = value.as_str().and_then(Shape::of) {
                return Err(invalid(format!(
                    "`{name}` looks like {}; credentials are read from the vault and never sent",
                    shape.as_str()
                )));
            }
        }
        refuse_credentials_as_names(&fields, layout)?;
        let action = match field::<String>(&fields, "action")?.as_deref() {
            None | Some("token") => Action::Token,
            Some("check") => Action::Check,
            Some(other) => return Err(not_allowed("action", other, "`token` or `check`")),
        };
        let key = TokenKey {
            application: application(&fields, layout, access)?,
            subject: subject(&fields, action)?,
        };
        match action {
            Action::Token => access.token(&key.subject)?,
            Action::Check => access.check(&key.subject)?,
        }
        Ok(Self {
            key,
            action,
            force_refresh: field(&fields, "force_refresh")?.unwrap_or_default(),
        })
    }
}

/// Refuses a name that may be a credential without a known prefix: the vault would be asked for it,
/// and errors and logs would repeat it. What is configured is a name, whatever it looks like.
fn refuse_credentials_as_names(fields: &Fields, layout: &Layout) -> Result<(), ExchangerError> {
    let text = |name| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let (application, seller) = (text("application"), text("seller"));
    let below_prefix = layout.prefixes.iter().find_map(|prefix| {
        let below = application.strip_prefix(&prefix[1..])?;
        (below.is_empty() || below.starts_with('/')).then_some(below)
    });
    let refused = |name, allowed| {
        Err(invalid(format!(
            "`{name}` looks like a credential and is not repeated here; credentials are read from \
             the vault and never sent. Allowed is {allowed}"
        )))
    };
    let is_credential = |name: &str| {
        let mut runs = name.split(|c: char| !c.is_ascii_alphanumeric());
        holds_credential(name) || runs.any(holds_credential)
    };
    if is_credential(seller) {
        return refused("seller", "the id of a seller, such as `A2EXAMPLE`");
    }
    if is_credential(below_prefix.unwrap_or(application)) {
        return refused(
            "application",
            "the name of an application; one with 32 or more letters and digits in a row must \
             be in LWA_PARAMETER_PREFIX",
        );
    }
    Ok(())
}

/// Whether this is an EventBridge event of a schedule; an error if it is another one's.
fn is_schedule(fields: &Fields) -> Result<bool, ExchangerError> {
    let (Some(kind), Some(source)) = (fields.get("detail-type"), fields.get("source")) else {
        return Ok(false);
    };
    if event::is_schedule(source.as_str(), kind.as_str()) {
        return Ok(true);
    }
    Err(invalid(
        "this EventBridge event does not come from a schedule; give the rule a constant input \
         such as `{\"action\":\"check\"}`",
    ))
}

fn application(
    fields: &Fields,
    layout: &Layout,
    access: Access<'_>,
) -> Result<ApplicationName, ExchangerError> {
    let configured = layout.prefixes.join(", ");
    match access.application(field(fields, "application")?)? {
        Some(name) if layout.contains(&name.root()) => Ok(name),
        Some(name) => Err(invalid(format!(
            "application `{}` is not at or below a configured prefix; LWA_PARAMETER_PREFIX has \
             {configured}",
            safe_words(name.as_str()),
        ))),
        None => match layout.prefixes.as_slice() {
            [only] => ApplicationName::parse(only).map_err(|error| invalid(error.to_string())),
            _ => Err(invalid(format!(
                "several applications are configured, so `application` must name one; \
                 LWA_PARAMETER_PREFIX has {configured}"
            ))),
        },
    }
}

fn subject(fields: &Fields, action: Action) -> Result<Subject, ExchangerError> {
    let is_check = action == Action::Check;
    let seller: Option<SellerId> = field(fields, "seller")?;
    let scope = field::<String>(fields, "scope")?
        .map(|scope| Scope::parse(&scope))
        .transpose()
        .map_err(|error| invalid(safe_words(&error.to_string())))?;
    let grantless = match field::<String>(fields, "grant")?.as_deref() {
        Some("refresh_token") => false,
        Some("client_credentials") => true,
        Some(other) => {
            let allowed = "`refresh_token` or `client_credentials`";
            return Err(not_allowed("grant", other, allowed));
        }
        // The other fields imply the grant. A check without a seller checks the client secret
        // alone.
        None => seller.is_none() && (scope.is_some() || is_check),
    };
    match (grantless, seller, scope) {
        (true, Some(_), _) => Err(invalid(
            "`seller` and the grant `client_credentials` exclude each other, so leave one of them out: a grantless \
             token belongs to no seller",
        )),
        (false, _, Some(_)) => Err(invalid(
            "`scope` and the grant `refresh_token` exclude each other, so leave one of them out: a seller's \
             token has the scope that the seller consented to",
        )),
        (true, None, Some(scope)) if is_check && !scope.includes(&Scope::NOTIFICATIONS) => {
            Err(invalid(format!(
                "a grantless check needs the scope `{}`, because that is what it calls SP-API with",
                Scope::NOTIFICATIONS
            )))
        }
        (true, None, Some(scope)) => Ok(Subject::Grantless(scope)),
        (true, None, None) if is_check => Ok(Subject::Grantless(Scope::NOTIFICATIONS)),
        (true, None, None) => Err(invalid(format!(
            "the grant `client_credentials` needs a `scope`; allowed are {}",
            Scope::allowed()
        ))),
        (false, Some(seller), None) => Ok(Subject::Seller(seller)),
        (false, None, None) => Ok(Subject::OwnAccount),
    }
}

/// A field; one that is null counts as left out.
fn field<T: DeserializeOwned>(
    fields: &Fields,
    name: &'static str,
) -> Result<Option<T>, ExchangerError> {
    let value = fields.get(name).unwrap_or(&Value::Null);
    // Serde's message about another type would repeat the value.
    let (is_allowed, allowed) = match name {
        "force_refresh" => (value.is_boolean(), "`true` or `false`"),
        _ => (value.is_string(), "a string"),
    };
    if !is_allowed && !value.is_null() {
        let found = kind(value);
        return Err(invalid(format!("`{name}` must be {allowed}, not {found}")));
    }
    Option::deserialize(value)
        .map_err(|error| invalid(format!("`{name}`: {}", safe_words(&error.to_string()))))
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
    ExchangerError::lasting(ErrorKind::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use lwa_core::config::Lookup;
    use lwa_core::consumers::{Caller, Consumers};
    use serde_json::json;

    use super::*;

    fn parse(event: &Value, prefixes: &str) -> Result<Request, String> {
        let layout =
            Lookup::new(|name| (name == "LWA_PARAMETER_PREFIX").then(|| prefixes.to_owned()))
                .layout()
                .unwrap();
        Request::parse(event, &layout, Access::Full).map_err(|error| error.to_string())
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
            "this EventBridge event does not come from a schedule",
        );
    }

    #[test]
    fn an_application_must_be_named_when_there_are_several() {
        let error = parse(&json!({}), "/my-erp,/shop").unwrap_err();
        assert!(
            error.contains("LWA_PARAMETER_PREFIX has /my-erp, /shop"),
            "{error}"
        );
        let request = parse(&json!({"application": "shop/eu"}), "/my-erp,/shop").unwrap();
        assert_eq!(request.key.application.as_str(), "shop/eu");
        refused(
            &json!({"application": "my-erp2"}),
            "application `my-erp2` is not at or below",
        );
        for name in [
            "a b",
            "/my-erp",
            "my-erp/",
            "my-erp//eu",
            "my-erp/../shop",
            "..",
        ] {
            let event = json!({"application": name});
            refused(
                &event,
                &format!("`application`: `{name}` is no application name: "),
            );
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_is_allowed() {
        refused(
            &json!([]),
            "the request must be a JSON object, not an array",
        );
        let of_a_value = parse(&json!("planted-value"), "/my-erp").unwrap_err();
        assert!(!of_a_value.contains("planted"), "{of_a_value}");
        refused(
            &json!({"sellr": "A1"}),
            "the request has an unknown field `sellr`; allowed are `app",
        );
        refused(
            &json!({"seller": 7}),
            "`seller` must be a string, not a number",
        );
        refused(&json!({"seller": "a/b"}), "`seller`: `a/b` is no seller id");
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
            "`force_refresh` must be `true` or `false`, not a string",
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
            &json!({"seller": "A1", "scope": "sellingpartnerapi::migration"}),
            "`scope` and the grant `refresh_token`",
        );
        refused(&json!({"seller": ".."}), "`seller`: `..` is no seller id");
        refused(&json!({"scope": "a\"b"}), "`a\"b` is no scope to ask for");
    }

    #[test]
    fn a_scope_that_allows_a_rotation_is_refused_whatever_is_asked_beside_it() {
        let rotation = Scope::CLIENT_SECRET_ROTATION.to_string();
        for event in [
            json!({"scope": rotation}),
            json!({"scope": rotation, "action": "check"}),
            json!({"scope": rotation, "grant": "client_credentials", "application": "my-erp"}),
            json!({"scope": format!("sellingpartnerapi::notifications {rotation}")}),
        ] {
            refused(&event, &format!("`{rotation}` is no scope to ask for"));
        }
    }

    #[test]
    fn an_http_request_is_named_as_one() {
        let event = json!({"version": "2.0", "rawPath": "/", "headers": {"authorization": "x"},
            "requestContext": {"http": {"method": "POST"}}, "body": "{}"});
        refused(&event, "this is the event of an HTTP request");
        refused(
            &json!({"httpMethod": "GET"}),
            "this is the event of an HTTP",
        );
    }

    #[test]
    fn a_bare_secret_in_place_of_a_name_is_not_repeated() {
        let hex = "b5f7f80000000000000000000000000000000000000000000000000000000000";
        for (name, value) in [
            ("seller", hex.to_owned()),
            ("seller", hex[..32].to_owned()),
            ("application", hex.to_owned()),
            ("application", format!("my-erp/{hex}")),
            ("application", format!("my-erp/x-{hex}/y")),
            ("application", "my-erp/amzn1.oa2-cs.v1.b5f7f8".to_owned()),
            ("application", "my-erp/AMZN1.OA2-CS.v1.b5f7f8".to_owned()),
        ] {
            let error = parse(&json!({name: value}), "/my-erp").unwrap_err();
            let start = format!("`{name}` looks like a credential");
            assert!(error.starts_with(&start), "{error}");
            assert!(!error.contains("b5f7f8"), "{error}");
        }
        let name = "shop0123456789abcdef0123456789abcdef";
        for application in [name.to_owned(), format!("{name}/eu")] {
            let event = json!({"application": application});
            assert!(parse(&event, &format!("/{name}")).is_ok());
        }
    }

    #[test]
    fn a_request_without_an_application_means_the_consumers_only_one() {
        let lookup = Lookup::new(|name| match name {
            "LWA_PARAMETER_PREFIX" => Some("/my-erp,/shop".to_owned()),
            "CONSUMERS" => Some(r#"{"a": {"applications": ["shop/eu"], "scopes": []}}"#.to_owned()),
            _ => None,
        });
        let layout = lookup.layout().unwrap();
        let consumers = Consumers::from_lookup(&lookup, &layout).unwrap();
        let access = Consumers::access(consumers.as_ref(), Caller::Alias("a")).unwrap();
        let parse = |event| {
            let request = Request::parse(&event, &layout, access);
            request.map_err(|error| (error.kind, error.to_string()))
        };
        for event in [
            json!({}),
            json!({"action": "check"}),
            json!({"seller": "A1"}),
        ] {
            assert_eq!(parse(event).unwrap().key.application.as_str(), "shop/eu");
        }
        for event in [
            json!({"application": "my-erp"}),
            json!({"application": "my-erp", "action": "check"}),
            json!({"application": "other"}),
            json!({"scope": "sellingpartnerapi::notifications"}),
        ] {
            let (kind, error) = parse(event).unwrap_err();
            assert_eq!(kind, ErrorKind::InvalidRequest);
            assert!(error.contains("the consumer `a` may have "), "{error}");
            assert!(!error.contains("LWA_PARAMETER_PREFIX"), "{error}");
        }
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
