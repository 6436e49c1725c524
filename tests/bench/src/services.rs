//! What the functions call: Parameter Store, SNS, SQS, LWA and SP-API, each on a port of its own
//! because each has a host of its own. They answer at once and count.

use std::collections::BTreeMap;
use std::future::ready;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use lwa_tests::clock;
use lwa_tests::server::{Reply, Request, Server};
use serde_json::{Value, json};
use tokio_rustls::TlsAcceptor;

/// The client id of every application.
pub(crate) const CLIENT_ID: &str = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef";

/// Parameters of one application in an estate of many.
pub(crate) const PER_APPLICATION: usize = 10;

/// The longest page of DescribeParameters.
const PAGE: usize = 50;

const DAY: i64 = 24 * 60 * 60;

/// How often each operation of each service was called.
pub(crate) type Calls = BTreeMap<String, u64>;

/// The services.
pub(crate) struct Services {
    state: Arc<Mutex<State>>,
    plain: Vec<Server>,
    tls: Vec<Server>,
}

struct State {
    /// How many parameters there are.
    parameters: usize,
    /// How many days the client secrets have left.
    days_left: i64,
    /// How long LWA takes.
    lwa_delay: Duration,
    calls: Calls,
    /// What nothing here knows the answer to.
    unexpected: Vec<String>,
    now: i64,
}

/// The services with the variables that lead functions to them, in the order of the ports.
const SERVICES: [(&str, &str, &str); 5] = [
    ("ssm", "AWS_ENDPOINT_URL_SSM", ""),
    ("sns", "AWS_ENDPOINT_URL_SNS", ""),
    ("sqs", "AWS_ENDPOINT_URL_SQS", ""),
    ("lwa", "LWA_TOKEN_URL", "/auth/o2/token"),
    ("sp-api", "SP_API_ENDPOINT", ""),
];

impl Services {
    /// Starts all of them twice: plain, and over TLS.
    pub(crate) fn start(tls: &TlsAcceptor) -> Self {
        let state = Arc::new(Mutex::new(State {
            parameters: 0,
            days_left: 0,
            lwa_delay: Duration::ZERO,
            calls: Calls::new(),
            unexpected: Vec::new(),
            now: clock::timestamp().as_second(),
        }));
        let start = |tls: Option<&TlsAcceptor>| {
            let server = |(service, _, _)| {
                let state = Arc::clone(&state);
                Server::start_over(tls.cloned(), move |request| {
                    ready(lock(&state).respond(service, &request))
                })
            };
            SERVICES.map(server).into()
        };
        Self {
            plain: start(None),
            tls: start(Some(tls)),
            state,
        }
    }

    /// The variables that lead a function to them.
    pub(crate) fn variables(&self, over_tls: bool) -> Vec<(String, String)> {
        let (scheme, servers) = if over_tls {
            ("https", &self.tls)
        } else {
            ("http", &self.plain)
        };
        SERVICES
            .iter()
            .zip(servers)
            .map(|((_, variable, path), server)| {
                let url = format!("{scheme}://{}{path}", server.address());
                ((*variable).to_owned(), url)
            })
            .collect()
    }

    /// From now on there are so many parameters; with fewer than [`PER_APPLICATION`], one
    /// application.
    pub(crate) fn hold(&self, parameters: usize) {
        lock(&self.state).parameters = parameters;
    }

    /// From now on the client secrets have so many days left.
    pub(crate) fn end_in(&self, days: i64) {
        lock(&self.state).days_left = days;
    }

    /// From now on LWA takes so long to answer.
    pub(crate) fn delay_lwa(&self, delay: Duration) {
        lock(&self.state).lwa_delay = delay;
    }

    /// The calls since this was asked last.
    pub(crate) fn take_calls(&self) -> Calls {
        mem::take(&mut lock(&self.state).calls)
    }

    /// The requests since this was asked last that nothing here can answer.
    pub(crate) fn take_unexpected(&self) -> Vec<String> {
        mem::take(&mut lock(&self.state).unexpected)
    }
}

impl State {
    fn respond(&mut self, service: &str, request: &Request) -> Reply {
        let operation = operation(service, request);
        let response = match (service, operation.as_str()) {
            ("ssm", "GetParameters") => self.get_parameters(request),
            ("ssm", "DescribeParameters") => self.describe_parameters(request),
            ("ssm", "ListTagsForResource") => Some(self.tags()),
            ("ssm", "AddTagsToResource" | "RemoveTagsFromResource") => Some(aws_json(&json!({}))),
            ("ssm", "PutParameter") => Some(aws_json(&json!({"Version": 8, "Tier": "Advanced"}))),
            ("sns", "Publish") => Some(published()),
            ("sqs", "ChangeMessageVisibility") => Some(empty(StatusCode::OK)),
            ("lwa", "token") => Some(token().after(self.lwa_delay)),
            ("sp-api", "POST clientSecret") => Some(empty(StatusCode::NO_CONTENT)),
            _ => None,
        };
        let name = format!("{service} {operation}");
        let response = response.unwrap_or_else(|| {
            self.unexpected.push(name.clone());
            empty(StatusCode::NOT_IMPLEMENTED)
        });
        *self.calls.entry(name).or_default() += 1;
        response
    }

    fn get_parameters(&self, request: &Request) -> Option<Reply> {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let parameters: Option<Vec<Value>> = body["Names"]
            .as_array()?
            .iter()
            .map(|name| {
                let name = name.as_str()?;
                Some(json!({
                    "Name": name,
                    "Type": "SecureString",
                    "Value": value_of(name),
                    "Version": 7,
                    "LastModifiedDate": self.now - 160 * DAY,
                    "ARN": format!("arn:aws:ssm:us-east-1:111122223333:parameter{name}"),
                    "DataType": "text",
                }))
            })
            .collect();
        Some(aws_json(
            &json!({"Parameters": parameters?, "InvalidParameters": []}),
        ))
    }

    fn describe_parameters(&self, request: &Request) -> Option<Reply> {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        let count = self.parameters;
        let wanted = wanted_name(&body);
        if let Some(name) = wanted {
            return Some(aws_json(&json!({"Parameters": [self.metadata(name)]})));
        }
        let start = match body["NextToken"].as_str() {
            Some(token) => token.parse().ok()?,
            None => 0,
        };
        let size = body["MaxResults"]
            .as_u64()
            .and_then(|size| usize::try_from(size).ok())
            .map_or(PAGE, |size| size.min(PAGE));
        let end = (start + size).min(count);
        let mut page = json!({
            "Parameters": (start..end).map(|index| self.metadata(&name(index, count))).collect::<Vec<_>>(),
        });
        if end < count {
            page["NextToken"] = end.to_string().into();
        }
        Some(aws_json(&page))
    }

    fn metadata(&self, name: &str) -> Value {
        let is_secret = name.ends_with("/clientsecret");
        let policy = |days: u32| {
            json!({
                "PolicyText": format!(
                    "{{\"Type\":\"NoChangeNotification\",\"Version\":\"1.0\",\
                      \"Attributes\":{{\"After\":\"{days}\",\"Unit\":\"Days\"}}}}"
                ),
                "PolicyType": "NoChangeNotification",
                "PolicyStatus": "Pending",
            })
        };
        json!({
            "Name": name,
            "ARN": format!("arn:aws:ssm:us-east-1:111122223333:parameter{name}"),
            "Type": "SecureString",
            "KeyId": "arn:aws:kms:us-east-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef",
            "LastModifiedDate": self.now - 160 * DAY,
            "LastModifiedUser": "arn:aws:sts::111122223333:assumed-role/lwa-secret-receiver/secret-receiver",
            "Description": "Login with Amazon",
            "Version": 7,
            "Tier": if is_secret { "Advanced" } else { "Standard" },
            "Policies": if is_secret { vec![policy(90), policy(150), policy(165), policy(173)] } else { vec![] },
            "DataType": "text",
        })
    }

    fn tags(&self) -> Reply {
        let at = |days: i64| {
            jiff::Timestamp::from_second(self.now + days * DAY).map(|at| at.to_string())
        };
        let days_left = self.days_left;
        let (Ok(issued), Ok(expires)) = (at(days_left - 180), at(days_left)) else {
            return empty(StatusCode::INTERNAL_SERVER_ERROR);
        };
        // As in an estate that has been looked at: the dates are those of version 7.
        let looked_at = format!("7 {issued} {expires}");
        aws_json(&json!({"TagList": [
            {"Key": "lwa:secret-issued-at", "Value": issued},
            {"Key": "lwa:secret-expires-at", "Value": expires},
            {"Key": "lwa:secret-version", "Value": looked_at},
            {"Key": "owner", "Value": "integrations@example.com"},
        ]}))
    }
}

/// The name of one parameter of the estate.
fn name(index: usize, count: usize) -> String {
    let root = if count < PER_APPLICATION {
        "/my-erp".to_owned()
    } else {
        format!("/my-erp/application-{:06}", index / PER_APPLICATION)
    };
    match index % PER_APPLICATION {
        0 => format!("{root}/lwa/clientidentifier"),
        1 => format!("{root}/lwa/clientsecret"),
        2 => format!("{root}/refreshToken"),
        seller => format!("{root}/sellers/A{seller}EXAMPLE/refreshToken"),
    }
}

fn value_of(name: &str) -> String {
    if name.ends_with("/clientidentifier") {
        CLIENT_ID.to_owned()
    } else if name.contains("/clientsecret") {
        format!("amzn1.oa2-cs.v1.{}", "0".repeat(64))
    } else {
        format!("Atzr|{}", "x".repeat(350))
    }
}

/// The one name that a filter asks for.
fn wanted_name(body: &Value) -> Option<&str> {
    let filter = body["ParameterFilters"]
        .as_array()?
        .iter()
        .find(|filter| filter["Key"] == "Name" && filter["Option"] == "Equals")?;
    filter["Values"][0].as_str()
}

fn operation(service: &str, request: &Request) -> String {
    match service {
        "ssm" | "sqs" => {
            let target = request.header("x-amz-target").rsplit('.').next();
            target.unwrap_or_default().to_owned()
        }
        "sns" => {
            let body = String::from_utf8_lossy(&request.body);
            let action = body
                .split('&')
                .find_map(|part| part.strip_prefix("Action="));
            action.unwrap_or_default().to_owned()
        }
        "lwa" => "token".to_owned(),
        _ => {
            let last = request.path().rsplit('/').next().unwrap_or_default();
            format!("{} {last}", request.method)
        }
    }
}

fn empty(status: StatusCode) -> Reply {
    Reply::new(status, [("", ""); 0], b"")
}

fn aws_json(body: &Value) -> Reply {
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amzn-requestid", "00000000-0000-4000-8000-000000000000"),
    ];
    Reply::new(StatusCode::OK, headers, body.to_string().as_bytes())
}

fn token() -> Reply {
    let body = json!({
        // As long as those that Amazon hands out.
        "access_token": format!("Atza|{}", "x".repeat(350)),
        "token_type": "bearer",
        "expires_in": 3600,
    });
    let headers = [("content-type", "application/json")];
    Reply::new(StatusCode::OK, headers, body.to_string().as_bytes())
}

fn published() -> Reply {
    let body = "<PublishResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
                <MessageId>00000000-0000-4000-8000-000000000000</MessageId></PublishResult>\
                <ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId>\
                </ResponseMetadata></PublishResponse>";
    let headers = [("content-type", "text/xml")];
    Reply::new(StatusCode::OK, headers, body.as_bytes())
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
