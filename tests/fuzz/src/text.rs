//! Text on its way to people.

use lwa_core::lwa::safe_words;
use lwa_core::redaction::{clean, holds_credential};
use lwa_core::text::{ascii, elide_end, elide_middle, gsm7, printable, quotable, quotable_input};

/// What begins a credential, as Amazon and others write it.
const PREFIXES: [&str; 6] = [
    "Atzr|",
    "ATZA|",
    "Atc%7C",
    "Atz.sprdt|",
    "Azta&#x7c;",
    "amzn1.oa2-cs.",
];

pub(crate) fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let safe = safe_words(text);
    assert!(safe.chars().count() <= 300, "{safe}");
    assert_eq!(printable(&safe), safe);
    assert_eq!(clean(&safe), safe, "it is safe already");
    for prefix in PREFIXES {
        assert!(holds_credential(&format!("{text} {prefix}0123456789")));
        let told = safe_words(&format!("{text} {prefix}0123456789 {text}"));
        assert!(
            !told.contains("0123456789") || text.contains("0123456789"),
            "{told}"
        );
    }
    for quoted in [quotable(text), quotable_input(text)] {
        assert!(quoted.chars().count() <= 80 && printable(&quoted) == quoted);
    }
    assert!(
        ascii(text)
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte))
    );
    assert_eq!(gsm7(text).chars().count(), text.chars().count());
    for limit in [0, 1, 4, 5, 14, 99] {
        for short in [elide_end(text, limit), elide_middle(text, limit)] {
            assert!(short.chars().count() <= limit, "{short}");
        }
    }
}
