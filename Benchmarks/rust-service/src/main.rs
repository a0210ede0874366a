//! The whole job of Core API with hyper, tokio and jsonwebtoken, for the bench: plain XADD, one
//! connection to Redis. One thread; the commands of a turn of the runtime leave in one write.
//!
//! usage: JWT_SECRET=… rust-service PORT REDIS-PORT STREAM

mod checks;
mod redis;

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;

use hyper::body::HttpBody;
use hyper::header::{HeaderValue, CONTENT_TYPE};
use hyper::server::conn::AddrIncoming;
use hyper::service::{make_service_fn, service_fn};
use hyper::{Body, Method, Request, Response, Server, StatusCode};

const BODY_BYTES_MAX: u64 = 16 << 10;

struct Service {
    verifier: checks::Verifier,
    stream: redis::Stream,
}

fn refusal(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

async fn answer(service: Arc<Service>, request: Request<Body>) -> Response<Body> {
    if request.method() != Method::POST || request.uri().path() != "/transaction" {
        return refusal(StatusCode::NOT_FOUND);
    }
    // A body without a Content-Length has no upper bound.
    let length = request.body().size_hint().upper();
    if length.map_or(true, |length| length > BODY_BYTES_MAX) {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let body = match hyper::body::to_bytes(request.into_body()).await {
        Ok(body) => body,
        Err(_) => return refusal(StatusCode::BAD_REQUEST),
    };
    let transaction = match checks::check(&body, &service.verifier) {
        Ok(transaction) => transaction,
        Err(status) => return refusal(status),
    };
    let id = new_id();
    if !service.stream.add(&id, &transaction).await {
        return refusal(StatusCode::SERVICE_UNAVAILABLE);
    }
    let mut response = Response::new(Body::from(format!(
        r#"{{"amount":{},"currency":"{}","user_id":{}}}"#,
        transaction.amount, transaction.currency, transaction.user_id
    )));
    let id = HeaderValue::from_str(&id).expect("an id is ASCII");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("transaction-id", id);
    response
}

/// A random UUID (version 4).
fn new_id() -> String {
    let mut bytes = [0; 16];
    getrandom::getrandom(&mut bytes).expect("the system has random bytes");
    bytes[6] = bytes[6] & 0x0F | 0x40;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        write!(text, "{:02x}", byte).expect("a string takes all text");
    }
    text
}

async fn serve(port: u16, redis_port: u16, stream: String, secret: String) {
    let service = Arc::new(Service {
        verifier: checks::Verifier::new(secret.as_bytes()),
        stream: redis::Stream::connect(redis_port, stream).await.expect("Redis accepts"),
    });
    let mut incoming =
        AddrIncoming::bind(&([127, 0, 0, 1], port).into()).expect("the port is free");
    incoming.set_nodelay(true);
    let connections = make_service_fn(move |_| {
        let service = service.clone();
        let requests = service_fn(move |request| {
            let response = answer(service.clone(), request);
            async { Ok::<_, Infallible>(response.await) }
        });
        async { Ok::<_, Infallible>(requests) }
    });
    Server::builder(incoming).serve(connections).await.expect("the listener stays open");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let secret = std::env::var("JWT_SECRET").unwrap_or_default();
    if arguments.len() != 4 || secret.is_empty() {
        std::process::exit(64);
    }
    let port = |index: usize| arguments[index].parse().expect("a port is a number");
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system has epoll")
        .block_on(serve(port(1), port(2), arguments[3].clone(), secret));
}
