//! Which service may have which tokens.
//!
//! A consumer is known by the alias by which it invokes the function: IAM decides who may invoke
//! which alias, and no request can pretend to have come by another.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::application::{ApplicationName, Layout, SellerId};
use crate::config::{CONSUMERS, ConfigError, Lookup};
use crate::exchange::Subject;
use crate::lwa::{Scope, safe_words};
use crate::object::Object;
use crate::text::quotable;

/// The consumers that `CONSUMERS` names, by alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumers(BTreeMap<String, Consumer>);

/// What one consumer may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    applications: Vec<ApplicationName>,
    /// None for all of them. The application's own account is no seller.
    sellers: Option<Vec<SellerId>>,
    /// None for all that may be asked for.
    scopes: Option<Vec<Scope>>,
}

/// Who invoked the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A person with the credentials of the vault at hand, who is no consumer.
    Operator,
    /// The function itself was invoked, or a version of it.
    Unqualified,
    /// An alias was invoked.
    Alias(&'a str),
}

/// What a caller may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'a> {
    /// Everything that is allowed at all.
    Full,
    /// Checks, which return no token.
    Checks,
    /// What the consumer of an alias may have.
    Consumer(&'a str, &'a Consumer),
}

/// A request for what the caller may not have. The text says what it may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAllowed(String);

impl<'a> Caller<'a> {
    /// The caller by the ARN that was invoked,
    /// `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`. An ARN of another form is that
    /// of no alias.
    pub fn of_arn(arn: &'a str) -> Self {
        match arn.split(':').collect::<Vec<_>>()[..] {
            ["arn", _, "lambda", _, _, "function", _, alias] if is_alias(alias) => {
                Self::Alias(alias)
            }
            _ => Self::Unqualified,
        }
    }
}

/// Whether a qualifier is an alias; versions are numbers or `$LATEST`,
/// <https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html>.
fn is_alias(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
    (1..=128).contains(&text.len())
        && text.bytes().all(legal)
        && !text.bytes().all(|b| b.is_ascii_digit())
}

impl Consumers {
    /// Reads `CONSUMERS`; none where it is not set.
    pub fn from_lookup<F>(lookup: &Lookup<F>, layout: &Layout) -> Result<Option<Self>, ConfigError>
    where
        F: Fn(&str) -> Option<String>,
    {
        let Some(text) = lookup.get(CONSUMERS) else {
            return Ok(None);
        };
        Self::parse(&text, layout).map(Some).map_err(|problem| {
            let allowed = format!(
                "a JSON object such as {{\"shop\": {{\"applications\": [\"my-erp\"], \"sellers\": \
                 [\"A2EXAMPLE\"], \"scopes\": [\"sellingpartnerapi::notifications\"]}}}}, in which \
                 sellers and scopes may be left out; {problem}"
            );
            ConfigError::invalid(CONSUMERS, &safe_words(&text), allowed)
        })
    }

    fn parse(text: &str, layout: &Layout) -> Result<Self, String> {
        let consumers: Object<Object<Value>> =
            serde_json::from_str(text).map_err(|error| safe_words(&error.to_string()))?;
        let mut found = BTreeMap::new();
        for (alias, Object(fields)) in consumers.0 {
            if !is_alias(&alias) {
                return Err(format!(
                    "`{}` is no alias of a function, which has letters, digits, `-` and `_`, and \
                     not only digits",
                    safe_words(&alias)
                ));
            }
            let consumer = Consumer::parse(&fields, layout)
                .map_err(|problem| format!("of `{alias}`, {problem}"))?;
            found.insert(alias, consumer);
        }
        Ok(Self(found))
    }

    /// What a caller may have, where there are consumers.
    pub fn access<'a>(
        this: Option<&'a Self>,
        caller: Caller<'_>,
    ) -> Result<Access<'a>, NotAllowed> {
        let (consumers, alias) = match (this, caller) {
            (None, _) | (_, Caller::Operator) => return Ok(Access::Full),
            (_, Caller::Unqualified) => return Ok(Access::Checks),
            (Some(consumers), Caller::Alias(alias)) => (consumers, alias),
        };
        match consumers.0.get_key_value(alias) {
            Some((alias, consumer)) => Ok(Access::Consumer(alias, consumer)),
            None => Err(NotAllowed(format!(
                "the alias `{}` belongs to no consumer; invoke the function by the alias of your \
                 service, or have it added to CONSUMERS",
                quotable(alias)
            ))),
        }
    }
}

impl Consumer {
    fn parse(fields: &BTreeMap<String, Value>, layout: &Layout) -> Result<Self, String> {
        let known = ["applications", "sellers", "scopes"];
        if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            let name = safe_words(name);
            return Err(format!(
                "the field `{name}` is unknown; allowed are `applications`, `sellers` and `scopes`"
            ));
        }
        let applications = list(fields, "applications", |text| {
            let name = ApplicationName::try_from(text.to_owned()).map_err(|e| e.to_string())?;
            if layout.contains(&name.root()) {
                Ok(name)
            } else {
                let prefixes = layout.prefixes.join(", ");
                Err(format!(
                    "`{name}` is not at or below LWA_PARAMETER_PREFIX, which has {prefixes}"
                ))
            }
        })?;
        Ok(Self {
            applications: applications
                .filter(|applications| !applications.is_empty())
                .ok_or("`applications` names none; allowed are one or more applications")?,
            sellers: list(fields, "sellers", |text| {
                SellerId::parse(text).map_err(|error| error.to_string())
            })?,
            scopes: list(fields, "scopes", |text| {
                Scope::parse(text).map_err(|error| error.to_string())
            })?,
        })
    }
}

fn list<T>(
    fields: &BTreeMap<String, Value>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<Vec<T>>, String> {
    let Some(value) = fields.get(name) else {
        return Ok(None);
    };
    let texts: Option<Vec<&str>> = value
        .as_array()
        .and_then(|values| values.iter().map(Value::as_str).collect());
    let texts = texts.ok_or_else(|| format!("`{name}` is no list of texts"))?;
    let parsed: Result<_, _> = texts.into_iter().map(parse).collect();
    parsed
        .map(Some)
        .map_err(|problem: String| format!("in `{name}` {}", safe_words(&problem)))
}

impl Access<'_> {
    /// The application that is meant, if the caller may have it. None where none was named and
    /// the caller's own do not tell.
    pub fn application(
        self,
        named: Option<ApplicationName>,
    ) -> Result<Option<ApplicationName>, NotAllowed> {
        let Self::Consumer(alias, consumer) = self else {
            return Ok(named);
        };
        let own = &consumer.applications;
        match (named, own.as_slice()) {
            (Some(name), _) if own.contains(&name) => Ok(Some(name)),
            (None, [only]) => Ok(Some(only.clone())),
            (named, _) => Err(NotAllowed(format!(
                "{}: the consumer `{alias}` may have {}",
                match named {
                    Some(name) => format!("application `{}` is refused", safe_words(name.as_str())),
                    None => "`application` must name one of several".to_owned(),
                },
                quoted("the application", "the applications", own)
            ))),
        }
    }

    /// Whether the caller may have a token for a subject.
    pub fn token(self, subject: &Subject) -> Result<(), NotAllowed> {
        match self {
            Self::Full => Ok(()),
            Self::Checks => Err(NotAllowed(
                "without an alias this function does only `\"action\": \"check\"`, because \
                 CONSUMERS is set; invoke it by the alias of your service"
                    .to_owned(),
            )),
            Self::Consumer(alias, consumer) => consumer.token(alias, subject),
        }
    }

    /// Whether the caller may check the credentials for a subject. A check returns no token, so
    /// its scope does not matter.
    pub fn check(self, subject: &Subject) -> Result<(), NotAllowed> {
        match (self, subject) {
            (Self::Consumer(alias, consumer), Subject::Seller(_)) => consumer.token(alias, subject),
            _ => Ok(()),
        }
    }
}

impl Consumer {
    fn token(&self, alias: &str, subject: &Subject) -> Result<(), NotAllowed> {
        let (refused, allowed) = match subject {
            Subject::Seller(seller) => match &self.sellers {
                Some(sellers) if !sellers.contains(seller) => (
                    format!("seller `{}`", safe_words(seller.as_str())),
                    quoted("the seller", "the sellers", sellers),
                ),
                _ => return Ok(()),
            },
            Subject::Grantless(scope) => match &self.scopes {
                Some(scopes) if !scope.is_within(scopes) => (
                    format!("scope `{scope}`"),
                    quoted("the scope", "the scopes", scopes),
                ),
                _ => return Ok(()),
            },
            Subject::OwnAccount => return Ok(()),
        };
        Err(NotAllowed(format!(
            "{refused} is refused: the consumer `{alias}` may have {allowed}"
        )))
    }
}

fn quoted<T: std::fmt::Display>(one: &str, several: &str, items: &[T]) -> String {
    let list: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
    match list.as_slice() {
        [] => format!("none of {several}"),
        [only] => format!("{one} {only}"),
        list => format!("{several} {}", list.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"{
        "shop": {"applications": ["my-erp", "my-erp/eu"]},
        "stock": {"applications": ["my-erp"], "sellers": ["A2EXAMPLE"],
                  "scopes": ["sellingpartnerapi::notifications"]},
        "books": {"applications": ["my-erp"], "sellers": [], "scopes": []}
    }"#;

    fn consumers(text: &str) -> Result<Option<Consumers>, ConfigError> {
        let lookup = Lookup::new(|name| (name == "CONSUMERS").then(|| text.to_owned()));
        Consumers::from_lookup(&lookup, &lookup.layout().unwrap())
    }

    fn name(text: &str) -> ApplicationName {
        ApplicationName::parse(text).unwrap()
    }

    fn seller(id: &str) -> Subject {
        Subject::Seller(SellerId::parse(id).unwrap())
    }

    #[test]
    fn only_an_alias_makes_a_consumer() {
        let function = "arn:aws:lambda:eu-west-1:111122223333:function:lwa-token-exchanger";
        let check = |qualifier: &str, expected| {
            let arn = format!("{function}{qualifier}");
            assert_eq!(Caller::of_arn(&arn), expected, "{arn}");
        };
        check("", Caller::Unqualified);
        check(":$LATEST", Caller::Unqualified);
        check(":7", Caller::Unqualified);
        check(":", Caller::Unqualified);
        check(":shop", Caller::Alias("shop"));
        check(":shop-2", Caller::Alias("shop-2"));
        check(":shop:stock", Caller::Unqualified);
        let arn = "No header lambda-runtime-invoked-function-arn found.";
        assert_eq!(Caller::of_arn(arn), Caller::Unqualified);
    }

    #[test]
    fn without_consumers_and_for_an_operator_everything_is_as_before() {
        assert_eq!(consumers(" ").unwrap(), None);
        let set = consumers(TWO).unwrap();
        for (this, caller) in [
            (None, Caller::Alias("x")),
            (None, Caller::Unqualified),
            (set.as_ref(), Caller::Operator),
        ] {
            assert_eq!(Consumers::access(this, caller), Ok(Access::Full));
        }
        assert_eq!(Access::Full.application(None), Ok(None));
        assert_eq!(Access::Full.token(&seller("A1")), Ok(()));
    }

    #[test]
    fn a_consumer_has_what_is_its_own_and_is_told_that_and_no_more() {
        let set = consumers(TWO).unwrap();
        let access = |alias| Consumers::access(set.as_ref(), Caller::Alias(alias));
        let (shop, stock, books) = (
            access("shop").unwrap(),
            access("stock").unwrap(),
            access("books").unwrap(),
        );
        let refused = |result: Result<_, NotAllowed>, expected: &str| {
            assert_eq!(result.unwrap_err().to_string(), expected);
        };
        let eu = Some(name("my-erp/eu"));
        assert_eq!(shop.application(eu.clone()), Ok(eu.clone()));
        assert_eq!(stock.application(None), Ok(Some(name("my-erp"))));
        refused(
            shop.application(None).map(drop),
            "`application` must name one of several: the consumer `shop` may have the \
             applications `my-erp`, `my-erp/eu`",
        );
        refused(
            stock.application(eu).map(drop),
            "application `my-erp/eu` is refused: the consumer `stock` may have the application \
             `my-erp`",
        );

        let notifications = Subject::Grantless(Scope::NOTIFICATIONS);
        let both = Scope::parse("sellingpartnerapi::migration sellingpartnerapi::notifications");
        let both = Subject::Grantless(both.unwrap());
        for subject in [&seller("A1"), &notifications, &both, &Subject::OwnAccount] {
            assert_eq!(shop.token(subject), Ok(()));
        }
        for subject in [&seller("A2EXAMPLE"), &notifications, &Subject::OwnAccount] {
            assert_eq!(stock.token(subject), Ok(()));
        }
        assert_eq!(books.token(&Subject::OwnAccount), Ok(()));
        refused(
            stock.token(&seller("A1")),
            "seller `A1` is refused: the consumer `stock` may have the seller `A2EXAMPLE`",
        );
        refused(
            stock.token(&both),
            "scope `sellingpartnerapi::migration sellingpartnerapi::notifications` is refused: \
             the consumer `stock` may have the scope `sellingpartnerapi::notifications`",
        );
        refused(
            books.token(&seller("A1")),
            "seller `A1` is refused: the consumer `books` may have none of the sellers",
        );
        assert!(books.token(&notifications).is_err());
        assert_eq!(books.check(&notifications), Ok(()));
        assert!(books.check(&seller("A1")).is_err());
    }

    #[test]
    fn who_is_no_consumer_is_refused_and_without_an_alias_only_checks_are_done() {
        let set = consumers(TWO).unwrap();
        let error = Consumers::access(set.as_ref(), Caller::Alias("other")).unwrap_err();
        let error = error.to_string();
        assert!(error.starts_with("the alias `other` belongs to no consumer"));
        for alias in ["shop", "stock", "books", "my-erp"] {
            assert!(!error.contains(&format!("`{alias}`")), "{error}");
        }
        let access = Consumers::access(set.as_ref(), Caller::Unqualified).unwrap();
        assert_eq!(access, Access::Checks);
        assert!(access.token(&Subject::OwnAccount).is_err());
        assert_eq!(access.check(&seller("A1")), Ok(()));
    }

    #[test]
    fn what_cannot_be_meant_stops_the_function_with_the_reason() {
        let check = |text: &str, problem: &str| {
            let error = consumers(text).unwrap_err().to_string();
            assert!(error.starts_with("CONSUMERS is `"), "{error}");
            assert!(error.contains("allowed: a JSON object such as {\"shop\": {"));
            assert!(error.contains(problem), "{text} gave: {error}");
            assert!(!error.contains("planted"), "{error}");
        };
        check("shop", "expected value");
        check("[]", "expected a JSON object");
        check(
            r#"{"shop": [["my-erp"], [], []]}"#,
            "expected a JSON object",
        );
        check(
            r#"{"shop": {"applications": ["my-erp"]}, "shop": {"applications": ["my-erp"]}}"#,
            "a field is there twice",
        );
        check(r#"{"7": {"applications": ["my-erp"]}}"#, "`7` is no alias");
        check(
            r#"{"$LATEST": {"applications": ["my-erp"]}}"#,
            "is no alias",
        );
        check(r#"{"shop": {}}"#, "of `shop`, `applications` names none");
        check(
            r#"{"shop": {"applications": []}}"#,
            "`applications` names none",
        );
        check(
            r#"{"shop": {"applications": ["my-erp"], "seller": ["A1"]}}"#,
            "of `shop`, the field `seller` is unknown; allowed are `applications`, `sellers`",
        );
        for list in ["null", "\"A1\"", "[1]"] {
            let text = format!(r#"{{"shop": {{"applications": ["my-erp"], "sellers": {list}}}}}"#);
            check(&text, "`sellers` is no list of texts");
        }
        check(
            r#"{"shop": {"applications": ["my-erp/../x"]}}"#,
            "in `applications` `my-erp/../x` is no application name",
        );
        check(
            r#"{"shop": {"applications": ["/my-erp"]}}"#,
            "it begins with a slash",
        );
        check(
            r#"{"shop": {"applications": ["other"]}}"#,
            "`other` is not at or below LWA_PARAMETER_PREFIX, which has /my-erp",
        );
        check(
            r#"{"shop": {"applications": ["my-erp"], "sellers": ["a/b"]}}"#,
            "`a/b` is no seller id",
        );
        check(
            r#"{"shop": {"applications": ["my-erp"],
                "scopes": ["sellingpartnerapi::client_credential:rotation"]}}"#,
            "is no scope to ask for",
        );
        check(
            r#"{"shop": {"applications": ["Atzr|planted"]}}"#,
            "is no application name",
        );
    }
}
