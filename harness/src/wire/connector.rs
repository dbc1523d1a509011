//! The wire for `aws-sdk-dynamodb` in this process: an HTTP client without a socket.

use super::Wire;
use super::http::{CONTENT_TYPE, respond};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use std::sync::Arc;

/// Give this to `aws_sdk_dynamodb::config::Builder::http_client`. Requests run on the calling thread, in the
/// order in which the target sends them; whom they are signed by is not asked, since nobody else can reach it.
#[derive(Clone, Debug)]
pub struct WireClient {
    wire: Arc<Wire>,
}

impl WireClient {
    /// A client whose requests go to the wire.
    pub fn new(wire: Arc<Wire>) -> Self {
        Self { wire }
    }

    fn answer(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let body = request
            .body()
            .bytes()
            .ok_or_else(|| ConnectorError::other("a DynamoDB request is not streamed".into(), None))?;
        let target = request.headers().get("x-amz-target");
        let answer = respond(&self.wire, target, body)
            .ok_or_else(|| ConnectorError::io("the connection broke before the answer".into()))?;
        let status =
            StatusCode::try_from(answer.status).map_err(|error| ConnectorError::other(error.into(), None))?;
        let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
        let headers = response.headers_mut();
        headers.insert("content-type", CONTENT_TYPE);
        headers.insert("x-amzn-requestid", answer.request_id);
        headers.insert("x-amz-crc32", answer.crc32.to_string());
        Ok(response)
    }
}

impl HttpConnector for WireClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.answer(&request))
    }
}

impl HttpClient for WireClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
