//! Deep links to the pages on which people do the work.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Where a developer rotates the secret and registers notification queues: the Solution
/// Provider Portal's developer page,
/// <https://developer-docs.amazon.com/sp-api/docs/rotating-your-apps-lwa-credentials>.
pub const DEVELOPER_CONSOLE: &str =
    "https://sellercentral.amazon.com/sellingpartner/developerconsole";

const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The Parameter Store console page of one parameter, in its region's partition.
///
/// The console takes the name as one path segment, encoded twice, for example
/// `%252Fmy-erp%252Flwa%252Fclientsecret`.
pub fn parameter(region: &str, name: &str) -> String {
    let once = utf8_percent_encode(name, SEGMENT).to_string();
    let twice = once.replace('%', "%25");
    let (host, region) = console(region);
    format!(
        "https://{host}/systems-manager/parameters/{twice}/description?region={region}&tab=Table"
    )
}

/// The Secrets Manager console page of one secret, in its region's partition.
pub fn secret(region: &str, name: &str) -> String {
    let name = utf8_percent_encode(name, SEGMENT);
    let (host, region) = console(region);
    format!("https://{host}/secretsmanager/secret?name={name}&region={region}")
}

/// Host of a region's console, and the region fit for a URL. The three partitions have their
/// own domains,
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/console_sign-in.html>.
fn console(region: &str) -> (String, String) {
    let region: String = region
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(32)
        .collect();
    let domain = if region.starts_with("us-gov-") {
        "console.amazonaws-us-gov.com"
    } else if region.starts_with("cn-") {
        "console.amazonaws.cn"
    } else {
        "console.aws.amazon.com"
    };
    let dot = if region.is_empty() { "" } else { "." };
    let host = format!("{region}{dot}{domain}");
    (host, region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_linked_in_its_own_partition() {
        assert_eq!(
            parameter("us-east-2", "/my-erp/lwa/clientsecret"),
            "https://us-east-2.console.aws.amazon.com/systems-manager/parameters/\
             %252Fmy-erp%252Flwa%252Fclientsecret/description?region=us-east-2&tab=Table"
        );
        assert!(
            parameter("cn-north-1", "/a").starts_with("https://cn-north-1.console.amazonaws.cn/")
        );
        assert!(
            parameter("us-gov-west-1", "/a")
                .starts_with("https://us-gov-west-1.console.amazonaws-us-gov.com/")
        );
    }

    #[test]
    fn nothing_in_an_event_can_turn_a_link_elsewhere() {
        let link = parameter("evil.example/#", "/a?b=c&d#e f\n@");
        assert!(link.starts_with("https://evilexample.console.aws.amazon.com/systems-manager/"));
        assert!(link.is_ascii() && !link.contains(['#', ' ', '\n', '@']));
    }
}
