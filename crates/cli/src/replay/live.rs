//! `--live`: events against a real account, read only unless `--publish` is given.

use anyhow::Context;
use lwa_aws::clients::Aws;
use lwa_aws::notifier::SnsTopic;

use crate::account::{self, AwsOptions, PROMPT};
use crate::notifier::RecordingNotifier;
use crate::settings;

/// A real account.
#[derive(Debug, Clone)]
pub struct Live {
    pub(super) aws: Aws,
    topic_arn: Option<String>,
}

impl Live {
    /// Finds region and credentials as every AWS tool does: environment, profiles, single
    /// sign-on. With `publish`, messages go to the topic that `TOPIC_ARN` names.
    pub(crate) async fn connect(options: &AwsOptions, publish: bool) -> anyhow::Result<Self> {
        let topic_arn = publish.then(|| settings::lookup().topic_arn()).transpose();
        Ok(Self {
            topic_arn: topic_arn.context("`--publish` needs a topic")?,
            aws: account::connect(options, PROMPT).await?,
        })
    }

    /// For the messages of one event.
    pub(super) fn notifier(&self) -> RecordingNotifier {
        match &self.topic_arn {
            Some(arn) => RecordingNotifier::rehearsing(SnsTopic::new(self.aws.sns(), arn)),
            None => RecordingNotifier::new(None),
        }
    }
}
