//! What a text is, by how it begins.

/// What a text is, by the prefix that Amazon gives it.
///
/// Prefixes are only good for hints and for hiding: older client secrets have none, and Amazon's
/// own documents misspell some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `amzn1.application-oa2-client.`
    ClientId,
    /// `amzn1.oa2-cs.`
    ClientSecret,
    /// `Atzr|`
    RefreshToken,
    /// `Atza|`, `Atc|` or `Atz.sprdt|`
    AccessToken,
    /// `amzn1.sp.solution.` or, older, `amzn1.sellerapps.app.`
    ApplicationId,
}

/// The one list of what Amazon's credentials and ids begin with,
/// <https://developer-docs.amazon.com/sp-api/docs/connecting-to-the-selling-partner-api>.
const PREFIXES: [(&str, Shape); 10] = [
    ("amzn1.application-oa2-client.", Shape::ClientId),
    ("amzn1.oa2-cs", Shape::ClientSecret),
    ("Atzr|", Shape::RefreshToken),
    ("Aztr|", Shape::RefreshToken),
    ("Atza|", Shape::AccessToken),
    ("Azta|", Shape::AccessToken),
    ("Atc|", Shape::AccessToken),
    ("Atz.sprdt|", Shape::AccessToken),
    ("amzn1.sp.solution.", Shape::ApplicationId),
    ("amzn1.sellerapps.app.", Shape::ApplicationId),
];

impl Shape {
    /// The shape of a text; none without a known prefix. Letter case does not matter.
    pub fn of(text: &str) -> Option<Self> {
        let begins = |prefix: &str| {
            let start = text.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        PREFIXES
            .into_iter()
            .find(|(prefix, _)| begins(prefix))
            .map(|(_, shape)| shape)
    }

    /// The shape in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientId => "a client id",
            Self::ClientSecret => "a client secret",
            Self::RefreshToken => "a refresh token",
            Self::AccessToken => "an access token",
            Self::ApplicationId => "an application id",
        }
    }

    /// What everything begins with that nobody may see.
    pub(crate) fn secret_prefixes() -> impl Iterator<Item = &'static str> {
        PREFIXES
            .into_iter()
            .filter(|(_, shape)| !matches!(shape, Self::ClientId | Self::ApplicationId))
            .map(|(prefix, _)| prefix)
    }
}
