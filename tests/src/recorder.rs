//! A proxy before an emulator that writes down every call of AWS which goes through it, and
//! answers some of them itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::aws_call;
use crate::emulator::REGION;
use crate::http_stub::Answer;
use crate::server::{Reply, Request, Server};

/// A running proxy. It ends when this is dropped.
pub struct Recorder {
    server: Server,
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<BTreeMap<String, Answer>>>,
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
        let answers = Arc::new(Mutex::new(BTreeMap::new()));
        let proxy = Proxy {
            calls: Arc::clone(&calls),
            answers: Arc::clone(&answers),
            target: Arc::from(target),
            account: Arc::from(account),
        };
        let server = Server::start(move |request| proxy.clone().forward(request));
        Self {
            server,
            calls,
            answers,
        }
    }

    /// From now on answer these calls, such as `ssm:GetParameters`, in the emulator's place.
    pub fn answer(&self, action: &str, answer: Answer) {
        lock(&self.answers).insert(action.to_owned(), answer);
    }

    /// From now on leave these calls to the emulator again.
    pub fn let_through(&self, action: &str) {
        lock(&self.answers).remove(action);
    }

    /// From now on refuse these calls, as IAM does for want of a permission.
    pub fn deny(&self, action: &str) {
        let (code, message) = ("AccessDeniedException", "You are not authorized to do this");
        let answer = match action.split(':').next() {
            Some("sns" | "sts") => Answer::bytes(
                403,
                format!(
                    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>{message}</Message>\
                     </Error></ErrorResponse>"
                ),
            ),
            _ => Answer::json(403, &json!({"__type": code, "message": message}))
                .header("x-amzn-errortype", code),
        };
        self.answer(action, answer);
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

/// What every connection shares.
#[derive(Clone)]
struct Proxy {
    calls: Arc<Mutex<Vec<Call>>>,
    answers: Arc<Mutex<BTreeMap<String, Answer>>>,
    target: Arc<str>,
    account: Arc<str>,
}

impl Proxy {
    async fn forward(self, request: Request) -> Reply {
        let service = request
            .header("authorization")
            .split('/')
            .nth(3)
            .unwrap_or_default();
        let input = Input::parse(
            request.header("x-amz-target"),
            request.path(),
            &request.body,
        );
        let action = format!("{service}:{}", input.operation);
        let call = |status: StatusCode| Call {
            action: action.clone(),
            resources: input.resources(service, &self.account),
            status: status.as_u16(),
        };

        let scripted = lock(&self.answers).get(&action).cloned();
        if let Some(answer) = scripted {
            lock(&self.calls).push(call(answer.status()));
            return answer.reply();
        }
        let mut onward = http::Request::builder()
            .method(request.method.clone())
            .uri(format!("{}{}", self.target, request.target));
        if let Some(headers) = onward.headers_mut() {
            *headers = request.headers();
        }
        let answer = aws_call::send(onward, request.body.clone()).await;
        lock(&self.calls).push(call(answer.status()));
        Reply::relay(&answer)
    }
}

/// What the paths of services that speak REST stand for, as far as tests record them.
const READS: [(&str, &str); 3] = [
    ("/event-source-mappings/", "ListEventSourceMappings"),
    ("/functions/", "GetFunctionConfiguration"),
    ("/schedules/", "GetSchedule"),
];

/// What was asked for, in any protocol.
struct Input {
    operation: String,
    fields: Value,
}

impl Input {
    fn parse(target: &str, path: &str, body: &Bytes) -> Self {
        if let Some((_, operation)) = target.rsplit_once('.') {
            return Self {
                operation: operation.to_owned(),
                fields: serde_json::from_slice(body).unwrap_or_default(),
            };
        }
        if let Some((_, operation)) = READS.into_iter().find(|(part, _)| path.contains(part)) {
            return Self {
                operation: operation.to_owned(),
                fields: Value::Null,
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
    use bytes::Bytes;

    use super::Input;

    #[test]
    fn what_a_call_is_on_is_read_in_every_protocol() {
        let names = br#"{"Names":["/a/b","/a/c:3"]}"#.as_slice().into();
        let parameters = Input::parse("AmazonSSM.GetParameters", "/", &names);
        assert_eq!(parameters.operation, "GetParameters");
        assert_eq!(
            parameters.resources("ssm", "111122223333"),
            ["b", "c"].map(|leaf| format!("arn:aws:ssm:eu-west-1:111122223333:parameter/a/{leaf}"))
        );
        let form = b"Action=Publish&TopicArn=arn%3Aaws%3Asns%3Ax"
            .as_slice()
            .into();
        let publish = Input::parse("", "/", &form);
        assert_eq!(publish.operation, "Publish");
        assert_eq!(publish.resources("sns", "1"), ["arn:aws:sns:x"]);
        let nothing = b"{}".as_slice().into();
        let list = Input::parse("secretsmanager.ListSecrets", "/", &nothing);
        assert_eq!(list.resources("secretsmanager", "1"), ["*"]);
        let schedule = Input::parse("", "/schedules/lwa-auditor", &Bytes::new());
        assert_eq!(schedule.operation, "GetSchedule");
        assert_eq!(schedule.resources("scheduler", "1"), ["*"]);
    }
}
