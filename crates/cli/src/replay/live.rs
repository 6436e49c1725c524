//! `--live`: events against a real account, read only unless `--publish` is given.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use aws_config::BehaviorVersion;
use lwa_aws::clients::{Aws, Timeouts};
use lwa_aws::clock::SystemClock;
use lwa_aws::notifier::SnsTopic;
use lwa_aws::parameter_directory::SsmDirectory;
use lwa_aws::{environment, http};
use lwa_core::Timestamp;
use lwa_core::message::Message;
use lwa_core::metrics::MetricSet;
use lwa_core::ports::{CallError, Clock, Metrics, Notifier};

/// As long as a person likes to wait for one call.
const TIMEOUTS: Timeouts = Timeouts {
    attempt: Duration::from_secs(5),
    operation: Duration::from_secs(15),
};

/// A real account.
#[derive(Debug, Clone)]
pub struct Live {
    aws: Aws,
    topic_arn: Option<String>,
}

impl Live {
    /// Finds region and credentials as every AWS tool does: environment, profiles, single
    /// sign-on. With `publish`, messages go to the topic that `TOPIC_ARN` names.
    pub async fn connect(profile: Option<&str>, publish: bool) -> anyhow::Result<Self> {
        let topic_arn = if publish {
            Some(
                environment::lookup()
                    .topic_arn()
                    .context("`--publish` needs a topic")?,
            )
        } else {
            None
        };
        let client = http::Client::new(environment::ca_bundle(environment::variable));
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).http_client(client.clone());
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        let config = loader.load().await;
        anyhow::ensure!(
            config.region().is_some(),
            "no AWS region is configured; set AWS_REGION, or name a profile that has one"
        );
        Ok(Self {
            aws: Aws::from_sdk_config(&config, client, TIMEOUTS),
            topic_arn,
        })
    }

    /// For one event, at its time.
    pub(super) fn at(&self, now: Timestamp) -> LiveRun {
        LiveRun {
            live: self.clone(),
            now,
            sent: Arc::default(),
        }
    }
}

/// One event against a real account.
pub(super) struct LiveRun {
    live: Live,
    now: Timestamp,
    sent: Arc<Mutex<Vec<Message>>>,
}

impl LiveRun {
    pub(super) fn directory(&self) -> SsmDirectory {
        SsmDirectory::new(self.live.aws.ssm())
    }

    pub(super) fn notifier(&self) -> Recorder {
        let aws = &self.live.aws;
        let topic = |arn: &String| SnsTopic::new(aws.sns(), arn);
        Recorder {
            topic: self.live.topic_arn.as_ref().map(topic),
            sent: Arc::clone(&self.sent),
        }
    }

    pub(super) const fn clock(&self) -> PinnedClock {
        PinnedClock(self.now)
    }

    /// The messages that were sent, or would have been.
    pub(super) fn sent(&self) -> Vec<Message> {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.clone()
    }
}

/// Keeps every message, and passes it on if there is a topic.
pub(super) struct Recorder {
    topic: Option<SnsTopic>,
    sent: Arc<Mutex<Vec<Message>>>,
}

impl Notifier for Recorder {
    async fn publish(&self, message: &Message) -> Result<String, CallError> {
        let id = match &self.topic {
            Some(topic) => topic.publish(message).await?,
            None => "not published".to_owned(),
        };
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        sent.push(message.clone());
        Ok(id)
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

/// Nothing is measured: a replay is not the deployed function.
pub(super) struct NoMetrics;

impl Metrics for NoMetrics {
    fn record(&self, _: &MetricSet, _: Timestamp) {}
}
