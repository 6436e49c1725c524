//! Messages to people, kept so that the command can show them.

use std::sync::{Arc, Mutex, PoisonError};

use lwa_aws::notifier::SnsTopic;
use lwa_core::message::Message;
use lwa_core::ports::{CallError, Notifier};

/// Keeps every message, and publishes it if there is a topic. Clones share what they keep.
#[derive(Clone)]
pub(crate) struct RecordingNotifier {
    topic: Option<SnsTopic>,
    is_rehearsal: bool,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl RecordingNotifier {
    /// Publishes to `topic`, if there is one.
    pub(crate) fn new(topic: Option<SnsTopic>) -> Self {
        Self {
            topic,
            is_rehearsal: false,
            messages: Arc::default(),
        }
    }

    /// Publishes to `topic` what was made from sample events, and marks it as a test.
    pub(crate) fn rehearsing(topic: SnsTopic) -> Self {
        Self {
            is_rehearsal: true,
            ..Self::new(Some(topic))
        }
    }

    /// The messages so far, oldest first.
    pub(crate) fn messages(&self) -> Vec<Message> {
        let messages = self.messages.lock();
        messages.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Notifier for RecordingNotifier {
    async fn publish(&self, message: &Message) -> Result<String, CallError> {
        let message = if self.is_rehearsal {
            message.as_test()
        } else {
            message.clone()
        };
        let id = match &self.topic {
            Some(topic) => topic.publish(&message).await?,
            None => "not published".to_owned(),
        };
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        messages.push(message);
        Ok(id)
    }
}
