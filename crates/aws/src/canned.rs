//! A service that answers from a list, for unit tests of the adapters.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

/// What comes back, and what was asked.
#[derive(Debug, Clone)]
pub(crate) enum Canned {
    /// The next of these answers.
    Answers(Arc<Mutex<Exchange>>),
    /// A connection that breaks.
    Broken,
    /// Nothing, ever.
    Silence,
}

#[derive(Debug, Default)]
pub(crate) struct Exchange {
    answers: VecDeque<(u16, String)>,
    bodies: Vec<String>,
}

impl Canned {
    /// One status and body after the other; asking for more fails.
    pub(crate) fn answers<'a>(answers: impl IntoIterator<Item = (u16, &'a str)>) -> Self {
        Self::Answers(Arc::new(Mutex::new(Exchange {
            answers: answers
                .into_iter()
                .map(|(status, body)| (status, body.to_owned()))
                .collect(),
            bodies: Vec::new(),
        })))
    }

    /// The bodies of the requests so far.
    pub(crate) fn bodies(&self) -> Vec<String> {
        match self {
            Self::Answers(exchange) => exchange.lock().unwrap().bodies.clone(),
            Self::Broken | Self::Silence => Vec::new(),
        }
    }
}

impl HttpConnector for Canned {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let broken = || ConnectorError::io(std::io::Error::other("connection reset").into());
        match self {
            Self::Answers(exchange) => {
                let mut exchange = exchange.lock().unwrap();
                let body = request.body().bytes().unwrap_or_default();
                exchange
                    .bodies
                    .push(String::from_utf8(body.to_vec()).unwrap());
                let Some((status, body)) = exchange.answers.pop_front() else {
                    return HttpConnectorFuture::ready(Err(broken()));
                };
                let response = http::Response::builder()
                    .status(status)
                    .header("x-amzn-requestid", "3f2a")
                    .body(SdkBody::from(body))
                    .unwrap();
                HttpConnectorFuture::ready(Ok(HttpResponse::try_from(response).unwrap()))
            }
            Self::Broken => HttpConnectorFuture::ready(Err(broken())),
            Self::Silence => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

/// A configuration with made-up credentials, without retries, that asks `canned`.
pub(crate) fn sdk_config(canned: Canned) -> aws_types::sdk_config::Builder {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "id", "secret", None, None, "test",
        )))
        .retry_config(RetryConfig::disabled())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .http_client(http_client_fn(move |_, _| {
            SharedHttpConnector::new(canned.clone())
        }))
}
