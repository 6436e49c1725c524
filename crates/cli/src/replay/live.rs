//! `--live`: events against a real account, read only unless `--publish` is given.

use std::time::Duration;

use anyhow::Context;
use lwa_aws::account::Account;
use lwa_aws::clients::Aws;
use lwa_aws::clock::SystemClock;
use lwa_aws::notifier::SnsTopic;
use lwa_core::Timestamp;
use lwa_core::message::Message;
use lwa_core::ports::Clock;

use crate::account::{self, PROMPT, Recorder, Sent};
use crate::arguments::AwsOptions;
use crate::settings;

/// A real account.
#[derive(Debug, Clone)]
pub struct Live {
    aws: Aws,
    topic_arn: Option<String>,
}

impl Live {
    /// Finds region and credentials as every AWS tool does: environment, profiles, single
    /// sign-on. With `publish`, messages go to the topic that `TOPIC_ARN` names.
    pub(crate) async fn connect(aws: &AwsOptions, publish: bool) -> anyhow::Result<Self> {
        let topic_arn = if publish {
            Some(
                settings::lookup()
                    .topic_arn()
                    .context("`--publish` needs a topic")?,
            )
        } else {
            None
        };
        Ok(Self {
            aws: account::connect(aws, PROMPT).await?,
            topic_arn,
        })
    }

    /// For one event, at its time.
    pub(super) fn at(&self, now: Timestamp) -> LiveRun {
        LiveRun {
            live: self.clone(),
            now,
            sent: Sent::default(),
        }
    }
}

/// One event against a real account.
pub(super) struct LiveRun {
    live: Live,
    now: Timestamp,
    sent: Sent,
}

impl LiveRun {
    pub(super) const fn aws(&self) -> &Aws {
        &self.live.aws
    }

    pub(super) fn account(&self) -> Account {
        Account::new(&self.live.aws)
    }

    pub(super) fn notifier(&self) -> Recorder {
        let aws = &self.live.aws;
        let topic = |arn: &String| SnsTopic::new(aws.sns(), arn);
        Recorder::new(self.live.topic_arn.as_ref().map(topic), &self.sent)
    }

    pub(super) const fn clock(&self) -> PinnedClock {
        PinnedClock(self.now)
    }

    /// The messages that were sent, or would have been.
    pub(super) fn sent(&self) -> Vec<Message> {
        self.sent.messages()
    }
}

/// One instant; waiting takes real time.
pub(super) struct PinnedClock(Timestamp);

impl Clock for PinnedClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}
