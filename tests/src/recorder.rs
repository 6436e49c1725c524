//! A proxy before an emulator that writes down every call of AWS which goes through it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::aws_call;
use crate::emulator::REGION;
use crate::server::{Body, HangUp, Server};

/// A running proxy. It ends when this is dropped.
pub struct Recorder {
    server: Server,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What IAM calls it, such as `ssm:GetParameters`.
    pub action: String,
    /// What it was on: ARNs, or `*` for an operation that names no resource.
    pub resources: Vec<String>,
    /// The status of the answer.
    pub status: u16,
}

impl Recorder {
    /// Start one before `target`, a URL without a slash at the end, which sees requests as they
    /// were signed. ARNs are made up for `account`. Must be called inside a Tokio runtime.
    pub fn start(target: &str, account: &str) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (shared, target, account) = (
            Arc::clone(&calls),
            Arc::<str>::from(target),
            Arc::<str>::from(account),
        );
        let server = Server::start(move |request| {
            forward(
                Arc::clone(&shared),
                Arc::clone(&target),
                Arc::clone(&account),
                request,
            )
        });
        Self { server, calls }
    }

    /// Where it listens, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Every call so far, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }
}

async fn forward(
    calls: Arc<Mutex<Vec<Call>>>,
    target: Arc<str>,
    account: Arc<str>,
    request: Request<Incoming>,
) -> Result<Response<Body>, HangUp> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| HangUp)?.to_bytes();
    let header = |name: &str| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let service = header("authorization")
        .split('/')
        .nth(3)
        .unwrap_or_default()
        .to_owned();
    let input = Input::parse(header("x-amz-target"), &body);

    let mut onward = Request::builder()
        .method(head.method.clone())
        .uri(format!("{target}{}", head.uri));
    if let Some(headers) = onward.headers_mut() {
        *headers = head.headers.clone();
    }
    let answer = aws_call::send(onward, body).await;
    lock(&calls).push(Call {
        action: format!("{service}:{}", input.operation),
        resources: input.resources(&service, &account),
        status: answer.status().as_u16(),
    });
    Ok(answer.map(|body| Full::new(body).map_err(|never| match never {}).boxed()))
}

/// What was asked for, in either protocol.
struct Input {
    operation: String,
    fields: Value,
}

impl Input {
    fn parse(target: &str, body: &Bytes) -> Self {
        if let Some((_, operation)) = target.rsplit_once('.') {
            return Self {
                operation: operation.to_owned(),
                fields: serde_json::from_slice(body).unwrap_or_default(),
            };
        }
        let text = String::from_utf8_lossy(body).replace('+', " ");
        let fields: Value = text
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| {
                let value = percent_decode_str(value).decode_utf8_lossy();
                (name.to_owned(), Value::from(value.into_owned()))
            })
            .collect();
        Self {
            operation: fields["Action"].as_str().unwrap_or_default().to_owned(),
            fields,
        }
    }

    fn resources(&self, service: &str, account: &str) -> Vec<String> {
        let text = |key: &str| self.fields[key].as_str().map(str::to_owned);
        let arn = |rest: String| format!("arn:aws:{service}:{REGION}:{account}:{rest}");
        match service {
            "ssm" => {
                let names = self.fields["Names"].as_array().cloned().unwrap_or_default();
                let names = names
                    .iter()
                    .filter_map(|name| name.as_str().map(str::to_owned))
                    .chain(text("Name"))
                    .chain(text("ResourceId"))
                    // A selector of a version is no part of the name.
                    .map(|name| arn(format!("parameter{}", name.split(':').next().unwrap_or(""))));
                or_everything(names.collect())
            }
            // Secrets Manager ends each name in a hyphen and six characters of its own.
            "secretsmanager" => or_everything(
                text("SecretId")
                    .map(|name| arn(format!("secret:{name}-AbCdEf")))
                    .into_iter()
                    .collect(),
            ),
            "sns" => or_everything(text("TopicArn").into_iter().collect()),
            "sqs" => or_everything(
                text("QueueUrl")
                    .and_then(|url| url.rsplit('/').next().map(|name| arn(name.to_owned())))
                    .into_iter()
                    .collect(),
            ),
            _ => or_everything(Vec::new()),
        }
    }
}

fn or_everything(resources: Vec<String>) -> Vec<String> {
    if resources.is_empty() {
        vec!["*".to_owned()]
    } else {
        resources
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::Input;

    #[test]
    fn what_a_call_is_on_is_read_in_either_protocol() {
        let names = br#"{"Names":["/a/b","/a/c:3"]}"#.as_slice().into();
        let parameters = Input::parse("AmazonSSM.GetParameters", &names);
        assert_eq!(parameters.operation, "GetParameters");
        assert_eq!(
            parameters.resources("ssm", "111122223333"),
            ["b", "c"].map(|leaf| format!("arn:aws:ssm:eu-west-1:111122223333:parameter/a/{leaf}"))
        );
        let form = b"Action=Publish&TopicArn=arn%3Aaws%3Asns%3Ax"
            .as_slice()
            .into();
        let publish = Input::parse("", &form);
        assert_eq!(publish.operation, "Publish");
        assert_eq!(publish.resources("sns", "1"), ["arn:aws:sns:x"]);
        let nothing = b"{}".as_slice().into();
        let list = Input::parse("secretsmanager.ListSecrets", &nothing);
        assert_eq!(list.resources("secretsmanager", "1"), ["*"]);
    }
}
